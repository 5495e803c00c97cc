/// How a stream of bytes is cut into frames: a value that both ends agree on.
///
/// Reading: `connection.inbound.frames(framing)`, or a ``FrameDecoder`` that a ``StreamHandler`` holds. Writing:
/// `write(frame:as:)` of a connection or of a ``SynchronousStream``. Every framing has a bound for one frame, so that
/// a peer cannot make this side hold more, whatever it sends.
public struct Framing: Sendable, Hashable {
    /// The longest frame unless another bound is given: 1 MiB.
    public static let defaultMaximumBytes = 1024 * 1024
    /// The longest line unless another bound is given: 64 KiB.
    public static let defaultMaximumLineBytes = 64 * 1024
    /// The longest delimiter.
    public static let maximumDelimiterBytes = 256

    /// The order of the bytes of a length.
    public enum ByteOrder: Sendable, Hashable {
        /// The most significant byte first: the order of most network protocols.
        case bigEndian
        /// The least significant byte first.
        case littleEndian
    }

    enum Kind: Sendable, Hashable {
        case lines, delimited, lengthPrefixed, fixed
    }

    let kind: Kind
    /// The longest content of a frame, without what marks its bounds; of a fixed one its size.
    let maximumBytes: Int
    var delimiter = Bytes()
    /// Whether the delimiter begins as it ends, so that it may begin in a frame and end in itself.
    var isDelimiterPeriodic = false
    var prefixBytes = 0
    var byteOrder = ByteOrder.bigEndian
    var isPrefixCounted = false

    private init(_ kind: Kind, _ maximumBytes: Int) {
        precondition(maximumBytes > 0, "frames need room for at least one byte")
        precondition(maximumBytes <= Int(Int32.max) - 1024, "a frame holds less than 2 GiB")
        self.kind = kind
        self.maximumBytes = maximumBytes
    }

    /// Lines, as ``lines(maximumBytes:)`` with the usual bound.
    public static let lines = lines()
    private static let lineFeed: Bytes = "\n"

    /// Lines that end in LF or CR LF, which is not part of the frame. The last line may lack its end. Written lines
    /// end in LF; for those that must end in CR LF, both ways, there is ``delimited(by:maximumBytes:)``.
    ///
    /// - Parameter maximumBytes: the longest line, without its end. From 1 to just below 2 GiB.
    public static func lines(maximumBytes: Int = defaultMaximumLineBytes) -> Framing {
        var framing = Framing(.lines, maximumBytes)
        framing.delimiter = lineFeed
        return framing
    }

    /// Frames that end in `delimiter`, which is not part of the frame.
    ///
    /// - Parameters:
    ///   - delimiter: from 1 to ``maximumDelimiterBytes`` bytes.
    ///   - maximumBytes: the longest frame, without its delimiter. From 1 to just below 2 GiB.
    public static func delimited(
        by delimiter: Bytes, maximumBytes: Int = defaultMaximumBytes
    ) -> Framing {
        precondition(
            1...maximumDelimiterBytes ~= delimiter.count,
            "a delimiter has from 1 to \(maximumDelimiterBytes) bytes")
        var framing = Framing(.delimited, maximumBytes)
        framing.delimiter = delimiter.compacted()
        framing.isDelimiterPeriodic = (1..<delimiter.count).contains {
            delimiter.prefix($0) == delimiter.suffix($0)
        }
        return framing
    }

    /// Frames that begin with their length, which is not part of the frame.
    ///
    /// - Parameters:
    ///   - prefix: the unsigned type of the length: of 1, 2, 4 or 8 bytes.
    ///   - byteOrder: the order of the bytes of the length.
    ///   - countsPrefix: whether the length counts its own bytes too. One that is too small for that is
    ///     ``IOError/Code/malformed``.
    ///   - maximumBytes: the longest frame, without its prefix. From 1 to just below 2 GiB. Memory for a frame is
    ///     taken as its bytes come, whatever length was announced.
    public static func lengthPrefixed<Prefix: FixedWidthInteger & UnsignedInteger>(
        _ prefix: Prefix.Type = UInt32.self, byteOrder: ByteOrder = .bigEndian,
        countsPrefix: Bool = false, maximumBytes: Int = defaultMaximumBytes
    ) -> Framing {
        precondition(
            [8, 16, 32, 64].contains(Prefix.bitWidth), "a length has 1, 2, 4 or 8 bytes")
        var framing = Framing(.lengthPrefixed, maximumBytes)
        framing.prefixBytes = Prefix.bitWidth / 8
        framing.byteOrder = byteOrder
        framing.isPrefixCounted = countsPrefix
        return framing
    }

    /// Frames of `byteCount` bytes each, with nothing between them.
    ///
    /// - Parameter byteCount: from 1 to just below 2 GiB.
    public static func fixed(_ byteCount: Int) -> Framing {
        Framing(.fixed, byteCount)
    }
}

extension Framing: CustomStringConvertible {
    /// What frames look like, for example `frames with a length of 4 bytes`.
    public var description: String {
        switch kind {
        case .lines: "lines of at most \(maximumBytes) bytes"
        case .delimited: "frames of at most \(maximumBytes) bytes and a delimiter"
        case .lengthPrefixed:
            "frames of at most \(maximumBytes) bytes after a length of \(prefixBytes)"
        case .fixed: "frames of \(maximumBytes) bytes"
        }
    }
}
