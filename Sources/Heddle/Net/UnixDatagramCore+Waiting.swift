/// Waiting for a receiver whose queue is full.
extension UnixDatagramCore {
    /// Receivers that are watched at the same time, each with a descriptor; more are asked in intervals.
    static let maximumProbes = 8
    /// Between two tries where the receiver cannot be watched: twice as long each time.
    private static let firstPauseNanoseconds: UInt64 = 1_000_000
    private static let longestPauseNanoseconds: UInt64 = 64_000_000
    /// The same where it is watched, since its address may lead to another socket meanwhile.
    private static let watchedPauseNanoseconds: UInt64 = 1_000_000_000
    /// Each so many tries in a row without luck one waits for a time, so that whatever the kernel says a sender
    /// cannot spin.
    private static let triesPerRest = 16

    func waitForRoom(to address: UnixAddress?, attempt: Int) async throws {
        // Of a connected socket the kernel tells when there is room both here and there.
        guard !isConnected, let address else { return try await waitForRoom() }
        guard phase == .open else { throw endedError("send to") }
        let alarm = WaitTimer(core: loop)
        let waiter = alarm.waiter
        let doubled = Self.firstPauseNanoseconds << UInt64(min(attempt - 1, 6))
        var pause = min(doubled, Self.longestPauseNanoseconds)
        var probe: ReceiverProbe?
        if socket.isSendBufferFull {
            // The kernel tells when much of it is free; the timer, when a little is.
            writers.append(waiter)
            watchWhatIsWanted()
        } else if attempt % Self.triesPerRest != 0 {
            probe = self.probe(of: address)
            switch probe?.add(waiter) {
            case .watching?:
                pause = Self.watchedPauseNanoseconds
            case .isGone?:
                // It is of no more use, and sending tells.
                forget(probe)
                return
            case .cannot?, nil:
                break
            }
        }
        loop.schedule(alarm, at: UVLoop.hrtimeNanoseconds + pause)
        blocked.append(waiter)
        defer {
            loop.cancel(alarm)
            probe?.remove(waiter)
            writers.removeAll { $0 === waiter }
            blocked.removeAll { $0 === waiter }
        }
        await loop.waitOnce(for: waiter)
        if waiter.end == .cancelled { throw CancellationError() }
        guard phase == .open else { throw endedError("send to") }
    }

    /// The probe of a receiver, which is kept: whoever fills a queue once does so again. nil if there are as many
    /// as there may be, and all are in use.
    private func probe(of address: UnixAddress) -> ReceiverProbe? {
        if let known = probes.first(where: { $0.address == address }) { return known }
        if probes.count == Self.maximumProbes {
            guard let idle = probes.first(where: \.isIdle) else { return nil }
            forget(idle)
        }
        guard let probe = ReceiverProbe.of(address, on: loop) else { return nil }
        probes.append(probe)
        return probe
    }

    private func forget(_ probe: ReceiverProbe?) {
        guard let probe, probe.isIdle else { return }
        probe.close()
        probes.removeAll { $0 === probe }
    }
}
