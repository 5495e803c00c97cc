internal import Glibc

/// One thread of the system: the only place that makes threads. Owned by the worker or resolver it runs for.
// Sendable: `thread` is set before the object is shared; `isJoined` is guarded by `lock`.
final class LoopThread: @unchecked Sendable {
    private let lock = Lock()
    private let thread: pthread_t
    private var isJoined = false

    /// Starts a thread that runs `body` and ends.
    ///
    /// - Parameter name: shown by ps(1) and debuggers, which see 15 bytes of it.
    /// - Throws: ``IOError/Code/resourcesExhausted`` if the system has no more threads.
    init(name: String, _ body: @escaping @Sendable () -> Void) throws {
        let start = Start(name: name, body: body)
        // The new thread takes this reference over; if there is none, it is given back here.
        let context = unsafe Unmanaged.passRetained(start)
        var thread = pthread_t()
        let status = unsafe pthread_create(
            &thread, nil,
            { context in
                let start = unsafe Unmanaged<Start>.fromOpaque(context!).takeRetainedValue()
                LinuxCalls.nameThread(start.name)
                start.body()
                return nil
            }, context.toOpaque())
        guard status == 0 else {
            unsafe context.release()
            throw IOError(.resourcesExhausted, "start thread", on: name, UVError(status: -status))
        }
        self.thread = thread
    }

    deinit {
        // Nobody waited for the thread: let the system take it back when it ends.
        if !isJoined { pthread_detach(thread) }
    }

    /// Waits until the thread has ended. Safe to call from any other thread, any number of times; to be
    /// called when the end is near, since it blocks.
    func join() {
        lock.withLock {
            guard !isJoined else { return }
            _ = pthread_join(thread, nil)
            isJoined = true
        }
    }

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}
