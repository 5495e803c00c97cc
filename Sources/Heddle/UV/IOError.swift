internal import Glibc

/// What went wrong with one operation: what was tried, on what, and why it failed.
///
/// Reads as one line: `connect to 127.0.0.1:1: connection refused (ECONNREFUSED)`. A cancelled
/// operation throws `CancellationError` instead, and nothing else in Heddle does.
public struct IOError: Error, Sendable {
    private let details: Details

    private final class Details: Sendable {
        let code: Code
        let operation: String
        let subject: String?
        let reason: String
        let systemName: String?
        let causes: [IOError]

        init(
            code: Code, operation: String, subject: String?, reason: String, systemName: String?,
            causes: [IOError]
        ) {
            self.code = code
            self.operation = operation
            self.subject = subject
            self.reason = reason
            self.systemName = systemName
            self.causes = causes
        }
    }

    /// What kind of failure it is: for deciding what to do next.
    public var code: Code { details.code }
    /// What was tried, for example `connect to`.
    public var operation: String { details.operation }
    /// The address, name or path it was tried on.
    public var subject: String? { details.subject }
    /// Why it failed, in the system's words where the system said so.
    public var reason: String { details.reason }
    /// The system's symbolic name for the reason, for example `ECONNREFUSED`.
    public var systemName: String? { details.systemName }
    /// The failures of each attempt, where several were made.
    public var causes: [IOError] { details.causes }

    /// An error with a reason in words.
    public init(
        _ code: Code, _ operation: String, on subject: String? = nil, reason: String,
        causes: [IOError] = []
    ) {
        details = Details(
            code: code, operation: operation, subject: subject, reason: reason, systemName: nil,
            causes: causes)
    }

    /// An error with the reason libuv gave; the code follows from it unless one is named.
    init(_ code: Code? = nil, _ operation: String, on subject: String? = nil, _ error: UVError) {
        details = Details(
            code: code ?? Code(error), operation: operation, subject: subject,
            reason: error.message, systemName: error.name, causes: [])
    }

    /// An error with the reason in `errno`, which must not have been disturbed since the call.
    init(errno number: Int32, _ operation: String, on subject: String? = nil) {
        self.init(nil, operation, on: subject, UVError(status: -number))
    }
}

extension IOError: CustomStringConvertible {
    /// The whole error in one line, with the failures of each attempt behind it.
    public var description: String {
        let place = subject.map { " \($0)" } ?? ""
        let name = systemName.map { " (\($0))" } ?? ""
        let attempts =
            causes.isEmpty ? "" : "; " + causes.map(\.description).joined(separator: "; ")
        return "\(operation)\(place): \(reason)\(name)\(attempts)"
    }
}

extension IOError {
    /// A kind of failure. New kinds may be added, so a `switch` needs a default.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The name of the kind, for example `connectionRefused`.
        public let description: String

        private init(_ name: String) {
            description = name
        }

        /// Something else is in the way now: another reader on the stream.
        public static let busy = Code("busy")
        /// The object was closed on this side.
        public static let closed = Code("closed")
        /// The connection was ended by the peer or the system.
        public static let broken = Code("broken")
        /// The input ended before as much came as was asked for.
        public static let unexpectedEnd = Code("unexpectedEnd")
        /// What came is not as its format demands.
        public static let malformed = Code("malformed")
        /// A deadline passed.
        public static let timedOut = Code("timedOut")
        /// Nobody listens at the address.
        public static let connectionRefused = Code("connectionRefused")
        /// The host or network cannot be reached.
        public static let unreachable = Code("unreachable")
        /// The name cannot be resolved.
        public static let unknownHost = Code("unknownHost")
        /// Somebody else uses the address.
        public static let addressInUse = Code("addressInUse")
        /// The address is not one of this machine's.
        public static let addressNotAvailable = Code("addressNotAvailable")
        /// Nothing has the path.
        public static let notFound = Code("notFound")
        /// Something has the path already.
        public static let alreadyExists = Code("alreadyExists")
        /// A folder where a file is meant, a file where a folder is, or something that is neither.
        public static let wrongFileType = Code("wrongFileType")
        /// The folder has something in it.
        public static let notEmpty = Code("notEmpty")
        /// The file system, or the user's part of it, is full.
        public static let outOfSpace = Code("outOfSpace")
        /// The system forbids it.
        public static let permissionDenied = Code("permissionDenied")
        /// An argument is out of its bounds or malformed.
        public static let invalidArgument = Code("invalidArgument")
        /// Descriptors, memory or threads ran out.
        public static let resourcesExhausted = Code("resourcesExhausted")
        /// More came than a limit allows.
        public static let limitExceeded = Code("limitExceeded")
        /// The loop has stopped, or is stopping.
        public static let loopStopped = Code("loopStopped")
        /// A blocking call was made on a thread that it would block for ever.
        public static let wrongThread = Code("wrongThread")
        /// Anything else the system reports; see ``IOError/systemName``.
        public static let system = Code("system")

        init(_ error: UVError) {
            self = Self.bySystemName[error.name] ?? .system
        }

        private static let bySystemName: [String: Code] = [
            "ECONNREFUSED": .connectionRefused,
            "EADDRINUSE": .addressInUse,
            "EADDRNOTAVAIL": .addressNotAvailable,
            "EACCES": .permissionDenied, "EPERM": .permissionDenied,
            "ENOENT": .notFound, "EEXIST": .alreadyExists, "ENOTEMPTY": .notEmpty,
            "EISDIR": .wrongFileType, "ENOTDIR": .wrongFileType, "ELOOP": .wrongFileType,
            "ENOSPC": .outOfSpace, "EDQUOT": .outOfSpace, "EROFS": .permissionDenied,
            "ENAMETOOLONG": .invalidArgument, "EXDEV": .invalidArgument,
            "E2BIG": .invalidArgument,
            "ETIMEDOUT": .timedOut,
            "ENETUNREACH": .unreachable, "EHOSTUNREACH": .unreachable,
            "EPIPE": .broken, "ECONNRESET": .broken, "ECONNABORTED": .broken, "ENOTCONN": .broken,
            "EBADF": .invalidArgument, "EINVAL": .invalidArgument, "ENOTSOCK": .invalidArgument,
            "EAFNOSUPPORT": .invalidArgument, "EPROTOTYPE": .invalidArgument,
            "EMFILE": .resourcesExhausted, "ENFILE": .resourcesExhausted,
            "ENOMEM": .resourcesExhausted, "ENOBUFS": .resourcesExhausted,
            "EMSGSIZE": .limitExceeded,
            "EAI_NONAME": .unknownHost, "EAI_AGAIN": .unknownHost, "EAI_FAIL": .unknownHost,
            "EAI_NODATA": .unknownHost, "EAI_ADDRFAMILY": .unknownHost,
            "EAI_MEMORY": .resourcesExhausted,
        ]
    }
}
