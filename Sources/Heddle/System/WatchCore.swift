/// The inside of a watcher: where its events come from, and where they wait. Owned by its public face, and by the
/// loop while something of it is open.
///
/// Everything here belongs to the loop's thread, unless a method says otherwise.
// Sendable: references cross threads, but every use is on the loop's thread.
final class WatchCore: LoopOwned, @unchecked Sendable {
    let loop: LoopCore
    private let mailbox: FileMailbox
    private var inotify: InotifyWatch?
    private var polling: Task<Void, any Error>?
    private var openParts = 0
    private var closers: [Waiter] = []

    /// Takes over `beginning`, also if this throws.
    init(
        _ beginning: WatchBeginning, options: WatchOptions, on loop: LoopCore
    ) throws {
        self.loop = loop
        mailbox = FileMailbox(core: loop, quiet: options.debounce)
        super.init()
        guard !loop.isRefusingWork else {
            beginning.discard()
            throw loop.stoppedError("watch")
        }
        if let descriptor = beginning.descriptor {
            do {
                inotify = try InotifyWatch(
                    core: loop, descriptor: descriptor, targets: beginning.targets,
                    options: options, mailbox: mailbox, closed: { self.partClosed() })
                openParts += 1
                try inotify?.startReading()
            } catch {
                // A handle that was made closes the descriptor.
                if let inotify { inotify.close() } else { beginning.discard() }
                throw IOError(nil, "watch", error)
            }
        }
        if !beginning.polled.isEmpty {
            openParts += 1
            poll(beginning.polled, every: options.pollingInterval)
        }
    }

    /// May be called from any thread.
    func next() async -> FileEvent? {
        // Hopping throws only what its body does, and that throws nothing.
        guard loop.isCurrent else { return try? await loop.hop { await self.next() } }
        return await mailbox.next()
    }

    /// May be called from any thread.
    func closeAndWait() async {
        guard loop.isCurrent else {
            // As above.
            try? await loop.hop { await self.closeAndWait() }
            return
        }
        close()
        while openParts > 0 {
            let closer = Waiter()
            closers.append(closer)
            while closer.end == .pending { await loop.park(closer) }
        }
    }

    private func close() {
        mailbox.close()
        inotify?.close()
        polling?.cancel()
    }

    private func partClosed() {
        openParts -= 1
        inotify = nil
        // Also when the loop closed it: then nothing comes any more.
        mailbox.close()
        guard openParts == 0 else { return }
        polling = nil
        for closer in closers { closer.finish(.fired, on: loop) }
        closers = []
    }

    override func didLoseLastUser() {
        close()
    }

    // MARK: Polling

    private func poll(_ picture: PollingPicture, every interval: Duration) {
        guard let eventLoop = loop.eventLoop else { return partClosed() }
        polling = eventLoop.task {
            await self.keepLooking(picture, every: interval, on: eventLoop)
            self.partClosed()
        }
    }

    private func keepLooking(
        _ start: PollingPicture, every interval: Duration, on eventLoop: EventLoop
    ) async {
        var picture = start
        let files = FileSystem(loop: loop)
        while true {
            do {
                try await eventLoop.clock.sleep(for: interval)
                let last = picture
                let look = try await files.perform("watch", on: last.paths[0]) {
                    var next = last
                    let changes = try next.look()
                    return (next, changes)
                }
                picture = look.0
                for change in look.1 { mailbox.add(change.kind, change.path) }
            } catch let error as IOError where error.code != .loopStopped {
                // Too many files, or none that may be seen: what happened is not known.
                mailbox.overflow()
            } catch {
                return
            }
        }
    }
}
