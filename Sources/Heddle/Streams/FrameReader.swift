/// Frames of a stream for one task: what an iteration over frames or lines holds. The stream is given with each call.
struct FrameReader: Sendable {
    private(set) var decoder: FrameDecoder
    /// What came behind the last frame.
    private(set) var rest = Bytes()

    init(_ framing: Framing) {
        decoder = FrameDecoder(framing)
    }

    var framing: Framing {
        get { decoder.framing }
        set { decoder.change(to: newValue) }
    }

    /// A frame that has come already; nil if there is none.
    @inline(__always)
    mutating func takeNow(from stream: StreamCore) throws -> Bytes? {
        guard rest.count > 0 else { return nil }
        do throws(FrameFault) {
            return try decoder.takeFrame(from: &rest)
        } catch {
            throw error.error(of: framing.kind, from: stream.subject)
        }
    }

    /// The next frame; nil at the end of the input. When cancelled, the stream has all bytes that came again.
    mutating func next(from stream: StreamCore) async throws -> Bytes? {
        while true {
            if let frame = try takeNow(from: stream) { return frame }
            guard let piece = try await readPiece(of: stream) else { return try takeLast(stream) }
            rest = piece
        }
    }

    /// What came behind the last frame; the stream's readers do not get it unless it is put back.
    mutating func takeRest() -> Bytes {
        defer { rest = Bytes() }
        return rest
    }

    private mutating func takeLast(_ stream: StreamCore) throws -> Bytes? {
        do throws(FrameFault) {
            return try decoder.takeLast()
        } catch {
            throw error.error(of: framing.kind, from: stream.subject)
        }
    }

    private mutating func readPiece(of stream: StreamCore) async throws -> Bytes? {
        guard stream.loop.isCurrent else { return try await readPieceElsewhere(of: stream) }
        do {
            return try await stream.read(upTo: .max)
        } catch let error as CancellationError {
            stream.putBack(decoder.takeHeld())
            throw error
        }
    }

    /// The same from another thread: the bytes are put back before anybody else can read.
    private mutating func readPieceElsewhere(of stream: StreamCore) async throws -> Bytes? {
        let decoder = decoder
        do {
            return try await stream.loop.hop {
                do {
                    return try await stream.read(upTo: .max)
                } catch let error as CancellationError {
                    var copy = decoder
                    stream.putBack(copy.takeHeld())
                    throw error
                }
            }
        } catch let error as CancellationError {
            _ = self.decoder.takeHeld()
            throw error
        }
    }
}
