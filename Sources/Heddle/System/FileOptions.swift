internal import Glibc
public import SystemPackage

/// How a file is opened: what it is for, and what happens if it exists or is missing.
public struct FileOptions: Sendable, Hashable {
    /// What an opened file allows.
    public enum Access: Sendable, Hashable {
        /// Reading alone.
        case reading
        /// Writing alone, at any offset.
        case writing
        /// Both.
        case readingAndWriting
        /// Writing at the end alone, wherever that is by then.
        case appending
    }

    /// What opening does if the file exists, and if it is missing.
    public enum Creation: Sendable, Hashable {
        /// It must exist.
        case mustExist
        /// It is made if it is missing.
        case createIfMissing
        /// It is made, and must not exist: of several who try, one succeeds.
        case mustCreate
        /// It is made if it is missing, else emptied.
        case createOrEmpty
    }

    /// What the file is for.
    public var access: Access
    /// What happens if it exists or is missing.
    public var creation: Creation
    /// The permissions of a file that is made, less the process's umask: read and write for all.
    public var permissions: FilePermissions = [
        .ownerReadWrite, .groupReadWrite, .otherReadWrite,
    ]
    /// Whether a symbolic link as the path's last part is followed; if not, it is an error.
    public var followsSymbolicLinks = true
    /// Whether each write waits for the disk (`O_DSYNC` in open(2)).
    public var synchronizesWrites = false

    /// Options of one's own; see the ready ones too.
    public init(_ access: Access, _ creation: Creation = .mustExist) {
        self.access = access
        self.creation = creation
    }

    /// To read a file that exists.
    public static var reading: FileOptions { FileOptions(.reading) }
    /// To write a file from its start, made if it is missing and emptied if not.
    public static var writing: FileOptions { FileOptions(.writing, .createOrEmpty) }
    /// To read and write a file, made if it is missing.
    public static var readingAndWriting: FileOptions {
        FileOptions(.readingAndWriting, .createIfMissing)
    }
    /// To add to a file, made if it is missing.
    public static var appending: FileOptions { FileOptions(.appending, .createIfMissing) }

    /// As open(2) wants them.
    var flags: Int32 {
        let ways =
            switch access {
            case .reading: O_RDONLY
            case .writing: O_WRONLY
            case .readingAndWriting: O_RDWR
            case .appending: O_WRONLY | O_APPEND
            }
        let making =
            switch creation {
            case .mustExist: Int32(0)
            case .createIfMissing: O_CREAT
            case .mustCreate: O_CREAT | O_EXCL
            case .createOrEmpty: O_CREAT | O_TRUNC
            }
        return ways | making | (followsSymbolicLinks ? 0 : O_NOFOLLOW)
            | (synchronizesWrites ? O_DSYNC : 0)
    }

    /// Throws for what cannot be meant: the system would empty a file that is opened to be read.
    func validate(for path: FilePath) throws {
        if access == .reading, creation == .createOrEmpty {
            throw IOError(
                .invalidArgument, "open", on: path.string,
                reason: "a file that is only read must not be emptied")
        }
    }
}
