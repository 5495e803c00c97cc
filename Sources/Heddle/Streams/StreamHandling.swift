/// Drives one handler: decides in the stream's turns what to call. Owned by the stream.
final class StreamHandling {
    private unowned(unsafe) let core: StreamCore
    private let handler: any StreamHandler
    @safe @exclusivity(unchecked) private var isOpened = false
    @safe @exclusivity(unchecked) private var isEndDelivered = false
    @safe @exclusivity(unchecked) private var isClosedDelivered = false
    @safe @exclusivity(unchecked) private var wasAboveHighWater = false
    /// What the handler threw; its connection is then closed.
    @safe @exclusivity(unchecked) private(set) var thrown: (any Error)?

    init(core: StreamCore, handler: any StreamHandler) {
        unsafe self.core = core
        self.handler = handler
    }

    /// Whether bytes or news wait for the unsent ones to become fewer.
    @inline(__always)
    var wantsTurnAfterSending: Bool { wasAboveHighWater }

    /// One turn of the stream: everything that can be told now.
    func deliver() {
        let core = unsafe core
        let stream = SynchronousStream(core: core)
        do {
            if thrown == nil { try deliver(on: stream, of: core) }
        } catch {
            thrown = error
            core.beginClose()
        }
        if core.machine.life == .closed, !isClosedDelivered {
            isClosedDelivered = true
            core.handling = nil
            handler.closed(thrown ?? core.failure)
        }
    }

    @inline(__always)
    private func deliver(on stream: SynchronousStream, of core: StreamCore) throws {
        if !isOpened {
            isOpened = true
            try handler.opened(stream)
        }
        let limits = core.settings.limits
        if wasAboveHighWater {
            guard core.unsent.byteCount <= limits.unsentLowWater else { return }
            wasAboveHighWater = false
            if core.machine.canWrite { try handler.drained(stream) }
        }
        while !core.unread.isEmpty, core.machine.life == .open {
            if core.unsent.byteCount >= limits.unsentHighWater { break }
            let bytes = core.take(upTo: .max)
            try handler.received(bytes.bytes, on: stream)
        }
        if core.unsent.byteCount >= limits.unsentHighWater { wasAboveHighWater = true }
        if core.unread.isEmpty { try deliverEnd(on: stream, of: core) }
    }

    private func deliverEnd(on stream: SynchronousStream, of core: StreamCore) throws {
        guard !isEndDelivered, core.machine.life == .open, core.machine.readSide != .open else { return }
        isEndDelivered = true
        if core.machine.readSide == .ended {
            try handler.inputEnded(on: stream)
        } else {
            core.beginClose()
        }
    }
}
