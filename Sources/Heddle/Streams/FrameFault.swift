/// Why no frame can be made of what came, and none will be any more. Held by the decoder that found it.
enum FrameFault: Error, Sendable, Hashable {
    /// A frame goes on beyond the bound.
    case tooLong(maximum: Int)
    /// A length is beyond the bound.
    case lengthTooLarge(UInt64, maximum: Int)
    /// A length that counts its own bytes is less than these.
    case lengthTooSmall(UInt64, prefix: Int)
    /// The input ended in the middle of a frame: in its content, after so many bytes and before so many.
    case ended(after: Int, of: Int?)
    /// The input ended in the middle of a length.
    case endedInPrefix(after: Int, of: Int)
    /// What was called with a frame threw, so that what came behind it is lost.
    case abandoned

    /// The error to throw.
    ///
    /// - Parameter subject: where the frame came from.
    func error(of kind: Framing.Kind, from subject: String?) -> IOError {
        let noun = kind == .lines ? "line" : "frame"
        let operation = subject == nil ? "decode a \(noun)" : "read a \(noun) from"
        return IOError(code, operation, on: subject, reason: reason)
    }

    private var code: IOError.Code {
        switch self {
        case .tooLong, .lengthTooLarge: .limitExceeded
        case .lengthTooSmall: .malformed
        case .ended, .endedInPrefix: .unexpectedEnd
        case .abandoned: .closed
        }
    }

    private var reason: String {
        switch self {
        case .tooLong(let maximum): "longer than \(maximum) bytes"
        case .lengthTooLarge(let length, let maximum):
            "a length of \(length) bytes, and at most \(maximum) are taken"
        case .lengthTooSmall(let length, let prefix):
            "a length of \(length) bytes, which its own \(prefix) are part of"
        case .ended(let count, let total?): "the input ended after \(count) of \(total) bytes"
        case .ended(let count, nil): "the input ended after \(count) bytes, before the delimiter"
        case .endedInPrefix(let count, let total):
            "the input ended after \(count) of the \(total) bytes of a length"
        case .abandoned: "the work on an earlier frame failed, and what followed it is lost"
        }
    }
}
