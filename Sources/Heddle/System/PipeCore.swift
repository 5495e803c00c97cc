internal import Glibc

/// The core of a stream that is no socket: an end of a pipe, a terminal, a standard stream.
// Sendable: as its superclass.
final class PipeCore: StreamCore, @unchecked Sendable {
    /// Which ways bytes go.
    struct Directions: OptionSet {
        let rawValue: UInt8
        static let reading = Directions(rawValue: 1)
        static let writing = Directions(rawValue: 2)
    }

    /// Bytes read at most of a terminal that has hung up: more than its line discipline holds.
    private static let mostAfterHangUp = 1 << 20

    private let name: String
    private let directions: Directions
    private let isTerminal: Bool
    private var hasEnded = false

    private init(
        _ source: PipeDescriptor, on loop: LoopCore, limits: StreamLimits
    ) throws(UVError) {
        name = source.name
        directions = source.directions
        isTerminal = source.isTerminal
        try super.init(
            pipeOn: loop, settings: StreamSettings(limits: limits),
            machine: StreamMachine(
                reads: directions.contains(.reading), writes: directions.contains(.writing)))
    }

    /// A stream of `source`, which it reads from now on. The descriptor is closed, and all that its owner
    /// is to put back is put back, if this throws.
    static func opening(
        _ source: PipeDescriptor, on loop: LoopCore, limits: StreamLimits
    ) throws(IOError) -> PipeCore {
        let subject = source.name
        guard !loop.isRefusingWork else {
            source.abandon()
            throw loop.stoppedError("open", on: subject)
        }
        let stream: PipeCore
        do {
            stream = try PipeCore(source, on: loop, limits: limits)
        } catch {
            source.abandon()
            throw IOError(nil, "open", on: subject, error)
        }
        do {
            try stream.open(pipe: source.descriptor)
        } catch {
            source.abandon()
            stream.close()
            throw IOError(nil, "open", on: subject, error)
        }
        stream.owner = source.restorer
        guard source.directions.contains(.reading) else { return stream }
        do {
            try stream.startReading()
        } catch {
            stream.close()
            throw IOError(nil, "open", on: subject, error)
        }
        return stream
    }

    override var subject: String { name }

    override func refusal(of operation: String) -> IOError? {
        if operation == "read from" {
            if directions.contains(.reading) { return nil }
        } else if directions.contains(.writing) {
            return nil
        }
        let end = directions.contains(.reading) ? "reading" : "writing"
        return IOError(
            .invalidArgument, operation, on: subject, reason: "it is open for \(end) alone")
    }

    /// There is no half of a pipe's end to close: one that only writes closes as a whole, and a terminal has no
    /// way to tell its other side.
    override func endOutput() {
        hasEnded = true
        if !directions.contains(.reading) {
            close()
        } else if !isTerminal {
            shutdownSocket()
        }
    }

    override var hasEndedOutput: Bool { hasEnded }

    /// A terminal whose other side has gone says EIO, and libuv may have missed what came last (libuv
    /// before 1.52 takes a short read together with the hang-up for the end).
    override func endOfInput(_ status: Int32) -> Int32 {
        guard isTerminal, phase == .open else { return status }
        var left = Self.mostAfterHangUp
        while left > 0 {
            let count = unsafe receive(into: pool.lend())
            guard count > 0 else { break }
            unread.append(pool.take(count))
            left -= count
        }
        return status == -EIO ? UVStatus.endOfFile : status
    }
}
