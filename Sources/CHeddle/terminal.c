#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

// Signals that end a process, or hold it and let it go on. Those up to SIGTSTP are left to who handles them.
static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGCONT,
                              SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
enum { signal_count = sizeof signals / sizeof *signals };

// Written by the owner while no handler reads it: before the handlers are there, and after the last one has returned.
static struct {
    atomic_int is_taken, is_on, is_paused, handlers_running, has_exit_hook;
    pid_t process;
    int descriptor;
    struct termios normal, raw;
    int is_set[signal_count];
    struct sigaction previous[signal_count];
} terminal;

// Sets a mode, unless the terminal is another process group's now: a shell has put its own mode there by then. Safe in a
// handler of a signal (signal-safety(7)).
static void apply(const struct termios *mode) {
    pid_t front = tcgetpgrp(terminal.descriptor);
    // A terminal that does not control this process has no front.
    if (getpid() != terminal.process || (front >= 0 && front != getpgrp()))
        return;
    // It may be another's by the next line: then this must not be held for it (SIGTTOU).
    sigset_t held, before;
    sigemptyset(&held);
    sigaddset(&held, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &held, &before);
    // Not waiting for what is being written: that may be for ever.
    tcsetattr(terminal.descriptor, TCSANOW, mode);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void apply_raw(void) {
    if (atomic_load(&terminal.is_on) && !atomic_load(&terminal.is_paused))
        apply(&terminal.raw);
}

static void call_handler(const struct sigaction *action, int number, siginfo_t *about, void *context) {
    if (action->sa_flags & SA_SIGINFO)
        action->sa_sigaction(number, about, context);
    else if (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN)
        action->sa_handler(number);
}

// Holds the process here, as if nobody handled SIGTSTP, and returns when it goes on.
static void hold(const struct sigaction *previous) {
    struct sigaction ours;
    sigset_t held, before;
    sigemptyset(&held);
    sigaddset(&held, SIGTSTP);
    sigaction(SIGTSTP, previous, &ours);
    raise(SIGTSTP);
    pthread_sigmask(SIG_UNBLOCK, &held, &before);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGTSTP, &ours, NULL);
}

static void fire(int number, siginfo_t *about, void *context) {
    int before = errno, index = 0;
    atomic_fetch_add(&terminal.handlers_running, 1);
    while (signals[index] != number)
        index++;
    const struct sigaction *previous = &terminal.previous[index];
    if (number == SIGCONT) {
        apply_raw();
        call_handler(previous, number, about, context);
    } else {
        if (atomic_load(&terminal.is_on))
            apply(&terminal.normal);
        if (number == SIGTSTP) {
            hold(previous);
            apply_raw();
        } else {
            // The action from before gets the signal. An instruction that failed does so again on return, with all that
            // its handler wants to know; what was sent is sent again, and waits until then.
            sigaction(number, previous, NULL);
            int fails_again = number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE;
            if (!fails_again || about->si_code <= 0)
                raise(number);
        }
    }
    atomic_fetch_sub(&terminal.handlers_running, 1);
    errno = before;
}

static void at_exit(void) {
    if (atomic_load(&terminal.is_on))
        apply(&terminal.normal);
}

// A crash is everybody's, and gets passed on; the other signals are guarded where their default action would hit.
static int wants(int number, const struct sigaction *previous) {
    int is_handled = (previous->sa_flags & SA_SIGINFO) || previous->sa_handler != SIG_DFL;
    if (number == SIGHUP || number == SIGINT || number == SIGQUIT || number == SIGTERM || number == SIGTSTP)
        return !is_handled;
    return number == SIGCONT || (previous->sa_flags & SA_SIGINFO) || previous->sa_handler != SIG_IGN;
}

static void install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = fire;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigfillset(&action.sa_mask);
    for (int i = 0; i < signal_count; i++) {
        struct sigaction *previous = &terminal.previous[i];
        terminal.is_set[i] = sigaction(signals[i], NULL, previous) == 0 && wants(signals[i], previous)
            && sigaction(signals[i], &action, NULL) == 0;
    }
}

static void uninstall(void) {
    for (int i = 0; i < signal_count; i++) {
        struct sigaction now;
        if (!terminal.is_set[i] || sigaction(signals[i], NULL, &now) != 0)
            continue;
        if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == fire)
            sigaction(signals[i], &terminal.previous[i], NULL);
    }
}

static int fail(int number) {
    if (terminal.descriptor >= 0)
        close(terminal.descriptor);
    atomic_store(&terminal.is_taken, 0);
    errno = number;
    return -1;
}

int heddle_terminal_begin(int descriptor) {
    if (atomic_exchange(&terminal.is_taken, 1)) {
        errno = EBUSY;
        return -1;
    }
    terminal.process = getpid();
    terminal.descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
    if (terminal.descriptor < 0 || tcgetattr(terminal.descriptor, &terminal.normal) != 0)
        return fail(errno);
    // Cannot be taken back, so once for all terminals that come.
    if (!atomic_exchange(&terminal.has_exit_hook, 1) && atexit(at_exit) != 0) {
        atomic_store(&terminal.has_exit_hook, 0);
        return fail(ENOMEM);
    }
    terminal.raw = terminal.normal;
    cfmakeraw(&terminal.raw);
    atomic_store(&terminal.is_paused, 0);
    atomic_store(&terminal.is_on, 1);
    install();
    // Whoever is not in front is held here, as by any use of a terminal.
    while (tcsetattr(terminal.descriptor, TCSANOW, &terminal.raw) != 0) {
        int number = errno;
        if (number == EINTR)
            continue;
        atomic_store(&terminal.is_on, 0);
        uninstall();
        return fail(number);
    }
    return 0;
}

void heddle_terminal_end(void) {
    apply(&terminal.normal);
    atomic_store(&terminal.is_on, 0);
    uninstall();
    // A handler on another thread may have raw mode in hand. One on this thread returns before the next line.
    while (atomic_load(&terminal.handlers_running) > 0)
        sched_yield();
    apply(&terminal.normal);
    close(terminal.descriptor);
    atomic_store(&terminal.is_taken, 0);
}

// Whether a descriptor leads to the terminal that is raw.
static int is_raw(int descriptor) {
    struct stat one, other;
    return atomic_load(&terminal.is_on) && fstat(descriptor, &one) == 0 && fstat(terminal.descriptor, &other) == 0
        && one.st_rdev == other.st_rdev;
}

int heddle_terminal_pause(int descriptor) {
    if (!is_raw(descriptor) || atomic_exchange(&terminal.is_paused, 1))
        return 0;
    apply(&terminal.normal);
    return 1;
}

void heddle_terminal_resume(void) {
    atomic_store(&terminal.is_paused, 0);
    apply_raw();
}
