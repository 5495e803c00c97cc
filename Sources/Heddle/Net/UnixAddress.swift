internal import Glibc
public import SystemPackage

/// The address of a Unix-domain socket: a path of the file system, or an abstract name, which is Linux's own and
/// vanishes with its last socket. See unix(7).
///
/// Prints as the path, or as `@name`; bytes that cannot be shown as text print as `\x01`.
public struct UnixAddress: Hashable, Sendable {
    /// The longest path or abstract name, in bytes: the system's structure has 108, one of which is a NUL.
    public static let maximumBytes = 107

    /// The bytes of the path or name.
    let name: [UInt8]
    /// Whether the name is an abstract one.
    public let isAbstract: Bool

    private init(name: [UInt8], isAbstract: Bool) {
        self.name = name
        self.isAbstract = isAbstract
    }

    /// The address of a path. A relative path is taken from the working folder, at each use.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` if the path is empty, longer than ``maximumBytes``, or has a
    ///   NUL character.
    public init(path: FilePath) throws {
        // The text lives for the call only, and ends where the system sees its end.
        let seen = unsafe path.withPlatformString { text in
            unsafe [UInt8](UnsafeRawBufferPointer(start: text, count: strlen(text)))
        }
        try Self.check(seen, shown: path.string, hasNUL: seen.count != path.length)
        self.init(name: seen, isAbstract: false)
    }

    /// The address of an abstract name, which is given without its `@`. Everybody in the same network namespace
    /// can reach it, whoever they are: look at the ``PeerCredentials`` of those who come.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` if the name is empty, longer than ``maximumBytes``, or has a
    ///   NUL character.
    public init(abstract name: String) throws {
        let bytes = [UInt8](name.utf8)
        try Self.check(bytes, shown: "@\(name)", hasNUL: bytes.contains(0))
        self.init(name: bytes, isAbstract: true)
    }

    /// An address from its text: `@name` is an abstract name, anything else a path.
    ///
    /// - Throws: as ``init(path:)`` and ``init(abstract:)``.
    public init(_ text: String) throws {
        if text.hasPrefix("@") {
            try self.init(abstract: String(text.dropFirst()))
        } else {
            let bytes = [UInt8](text.utf8)
            try Self.check(bytes, shown: text, hasNUL: bytes.contains(0))
            self.init(name: bytes, isAbstract: false)
        }
    }

    /// The path; nil for an abstract name.
    public var path: FilePath? {
        // The array ends with the NUL that this looks for.
        unsafe isAbstract
            ? nil : FilePath(platformString: name.map { CChar(bitPattern: $0) } + [0])
    }

    private static func check(_ name: [UInt8], shown: String, hasNUL: Bool) throws(IOError) {
        let reason: String
        if hasNUL {
            reason = "it has a NUL character"
        } else if name.isEmpty {
            reason = "it is empty"
        } else if name.count > maximumBytes {
            reason = "\(name.count) bytes, of which a Unix socket's address takes \(maximumBytes)"
        } else {
            return
        }
        let text = shown.split(separator: "\0", omittingEmptySubsequences: false)
        throw IOError(
            .invalidArgument, "use as a Unix address", on: "'\(text.joined(separator: "\\0"))'",
            reason: reason)
    }
}

extension UnixAddress: CustomStringConvertible {
    /// The text that ``init(_:)`` takes: `/run/service.sock`, `@service`.
    public var description: String {
        let text = Self.shown(name)
        if isAbstract { return "@\(text)" }
        // Not to be taken for an abstract name.
        return text.hasPrefix("@") ? "./\(text)" : text
    }

    private static func shown(_ bytes: [UInt8]) -> String {
        guard let text = String(validating: bytes, as: UTF8.self),
            !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F })
        else {
            return bytes.map { byte in
                if 0x20..<0x7F ~= byte { return String(UnicodeScalar(byte)) }
                return (byte < 16 ? "\\x0" : "\\x") + String(byte, radix: 16)
            }.joined()
        }
        return text
    }
}

// Unsafe: the name is at most as long as `sun_path`, an abstract one less a NUL; the system tells how many bytes it wrote.
extension UnixAddress {
    private static let pathOffset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path)!

    /// The address in the first `length` bytes of what the system wrote; nil for a socket without a name, or of
    /// another family.
    init?(_ storage: sockaddr_storage, length: socklen_t) {
        let found = unsafe withUnsafeBytes(of: storage) {
            unsafe UnixAddress(sockaddr: UnsafeRawBufferPointer(rebasing: $0.prefix(Int(length))))
        }
        guard let found else { return nil }
        self = found
    }

    /// The address in the bytes of a `sockaddr`; nil for a socket without a name, or of another family.
    init?(sockaddr bytes: UnsafeRawBufferPointer) {
        guard bytes.count > Self.pathOffset,
            unsafe Int32(bytes.loadUnaligned(as: sa_family_t.self)) == AF_UNIX
        else { return nil }
        let isAbstract = unsafe bytes[Self.pathOffset] == 0
        let name = unsafe bytes.dropFirst(Self.pathOffset + (isAbstract ? 1 : 0))
        // An abstract name may have a NUL in it, a path ends at the first.
        let end = isAbstract ? nil : unsafe name.firstIndex(of: 0)
        self.init(
            name: unsafe [UInt8](name.prefix(upTo: end ?? name.endIndex)), isAbstract: isAbstract)
    }

    /// Lends the address as a `sockaddr` and its length.
    func withSockaddr<R, E: Error>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) throws(E) -> R
    ) throws(E) -> R {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { path in
            // An abstract name begins with a NUL, a path ends with one.
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: path[(isAbstract ? 1 : 0)...])
            unsafe room.copyBytes(from: name)
        }
        return try unsafe withUnsafePointer(to: address) { pointer throws(E) in
            let head = unsafe UnsafeRawPointer(pointer).assumingMemoryBound(to: sockaddr.self)
            // A peer's path may fill the structure, and has no NUL then.
            let length = min(Self.pathOffset + name.count + 1, MemoryLayout<sockaddr_un>.size)
            return try unsafe body(head, socklen_t(length))
        }
    }
}
