/// A worker whose loop the calling thread runs itself, and how to leave that thread as it was. Owned by
/// the call that does.
struct HostedWorker {
    private let control: WorkerControl
    private let main: WorkerBody
    private let affinity: AffinityMask?

    /// Makes the loop, for the calling thread, which is pinned if the worker is.
    init(_ control: WorkerControl) throws {
        let affinity = control.isPinned ? AffinityMask.ofThread : nil
        do {
            main = try control.startHosted()
        } catch {
            affinity?.restore()
            throw error
        }
        self.control = control
        self.affinity = affinity
    }

    /// Runs `body` as the loop's first task, and the loop until it has been stopped. The stop waits for the
    /// body as for a connection.
    ///
    /// - Returns: whether the body itself waited for the end, and so goes on after it.
    func run(on loop: EventLoop, _ body: @escaping Worker.Body) -> Bool {
        main.start(body, on: loop, cancelled: .afterGrace)
        control.runPrepared(main)
        affinity?.restore()
        return main.isWaitingForEnd
    }
}

extension AffinityMask {
    /// The thread had this mask before: only CPUs that are gone meanwhile could make the system refuse.
    fileprivate func restore() {
        try? apply()
    }
}
