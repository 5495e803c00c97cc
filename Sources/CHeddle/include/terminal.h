// The raw mode of a terminal, and what puts it back when the process ends in the middle of it.
//
// This has state of the process, which nothing else in Heddle has: a handler of a signal is given the signal alone,
// and which handlers there are is a matter of the whole process (sigaction(2)). So one owner at a time, from `begin` to
// `end`, and in a source of its own rather than in a header, of which each user would have a copy.
// Only Sources/Heddle/UV/TerminalGuard.swift uses this.
#pragma once

/// Puts the terminal behind `descriptor`, of which this keeps a duplicate, into raw mode (cfmakeraw(3)), and has it
/// put back at exit(3) and by signals until `heddle_terminal_end`. 0, or -1 with the reason in errno: EBUSY while
/// there is another owner. Nothing is changed then.
int heddle_terminal_begin(int descriptor);

/// Puts the terminal back, and the actions of signals too where nobody has set others since.
void heddle_terminal_end(void);

/// The mode from before, amid raw mode, until `heddle_terminal_resume`. 0 and nothing is done if `descriptor` leads to
/// another terminal than the raw one, or that is paused already; else 1.
int heddle_terminal_pause(int descriptor);

/// Raw mode again, after a pause that did something.
void heddle_terminal_resume(void);
