/// How a ``FileWatcher`` watches.
public struct WatchOptions: Sendable, Hashable {
    /// Where the events come from.
    public enum Method: Sendable, Hashable {
        /// The kernel's events (inotify(7)); looking again and again on file systems known to have none for what
        /// others do, such as NFS, SMB, FUSE and `/proc`.
        case automatic
        /// The kernel's events alone.
        case events
        /// Looking again and again, which sees the state at each look and not what came in between.
        case polling
    }

    /// Where the events come from.
    public var method = Method.automatic
    /// Watches the folders within a folder too, at any depth, and those that are made there later. Symbolic links
    /// are not followed, and folders that this process may not read are passed over.
    ///
    /// A folder that comes with things in it, or gets some before it is watched, is told of first and then each of
    /// them, as created. A folder that is moved away takes along all that lies in it, of which nothing is told.
    public var isRecursive = false
    /// Most folders that a recursive watch has, each of which costs the kernel about a KiB. Beginning with more is an
    /// error; when more come, they are not watched, and ``FileEvent/overflow`` tells each time.
    public var maximumFolders = 10_000
    /// Tells of a path only when nothing has happened to it for so long, and merges what did; at the latest
    /// after ten times as long. Nil tells of each event at once.
    public var debounce: Duration?
    /// How often to look where there are no events; at least 10 ms.
    public var pollingInterval: Duration = .seconds(1)

    /// The defaults, for changing what should differ.
    public init() {}

    /// The defaults, with a time of quiet.
    public init(debounce: Duration) {
        self.debounce = debounce
    }

    func validate() throws {
        if let debounce, debounce <= .zero {
            throw IOError(
                .invalidArgument, "watch",
                reason: "a debounce of \(debounce.text) is not more than zero")
        }
        if maximumFolders < 1 {
            throw IOError(
                .invalidArgument, "watch", reason: "at most \(maximumFolders) folders is too few")
        }
        if pollingInterval < .milliseconds(10) {
            throw IOError(
                .invalidArgument, "watch",
                reason: "a polling interval of \(pollingInterval.text) is less than 10 ms")
        }
    }
}
