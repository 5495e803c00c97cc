/// What a child process is made of: a program, its environment, its streams and its limits.
extension ChildProcess {
    /// What to start, and how: a value to make once and start many times.
    public struct Configuration: Sendable {
        /// The program.
        public var executable: Executable
        /// What it is passed, without its own name.
        public var arguments: [String]
        /// Its environment.
        public var environment = Environment.inherit
        /// The folder it starts in; nil for that of this process.
        public var workingDirectory: String?
        /// The user it runs as (setuid(2)); nil for that of this process. Supplementary groups are dropped.
        public var userID: UInt32?
        /// The group it runs as (setgid(2)); nil for that of this process. Supplementary groups are dropped.
        public var groupID: UInt32?
        /// The process group it starts in (setpgid(2)); nil for that of this process, 0 for a new one that it leads,
        /// whose number is its own. Any other number is that of a group to join, as the later programs of a pipeline
        /// do; it must be there, in the session of this process.
        ///
        /// What is sent to a group reaches what its programs start themselves, too. Unless it is that of the
        /// terminal's foreground, keys of the terminal do not reach it, and it may not read from there.
        public var processGroupID: Int32?
        /// Makes it the leader of a session, and so of a process group, of its own (setsid(2)): as with
        /// ``processGroupID`` 0, and it has no terminal. Both together are refused.
        public var createSession = false
        /// Where its standard input comes from.
        public var standardInput = Input.none
        /// Where its standard output goes.
        public var standardOutput = Output.discarded
        /// Where its standard error goes.
        public var standardError = ErrorOutput.discarded
        /// How long it may run; nil for no limit. When the time is up it is terminated, and whoever waits for
        /// it gets ``IOError/Code/timedOut``.
        public var timeout: Duration?
        /// How long it may take to end after SIGTERM, before SIGKILL: when it has timed out, is dropped, or
        /// its task is cancelled.
        public var terminationGrace: Duration = .seconds(5)
        /// The bounds of the streams to it.
        public var streamLimits = StreamLimits()

        /// A program with its arguments; whatever else is as said at each property.
        public init(_ executable: Executable, arguments: [String] = []) {
            self.executable = executable
            self.arguments = arguments
        }
    }

    /// Which program.
    public struct Executable: Sendable, Hashable {
        let text: String
        let isPath: Bool

        /// A program by its name, looked for in the `PATH` of the child's environment; without one in `/bin`
        /// and `/usr/bin` (execvp(3)).
        public static func name(_ name: String) -> Executable {
            Executable(text: name, isPath: false)
        }

        /// A program by its path, which if relative begins at the child's working folder.
        public static func path(_ path: String) -> Executable {
            Executable(text: path, isPath: true)
        }

        /// What execvp(3) takes for a path has a slash in it.
        var file: String { isPath && !text.contains("/") ? "./" + text : text }
    }

    /// Where a child's standard input comes from.
    public enum Input: Sendable, Hashable {
        /// `/dev/null`: nothing.
        case none
        /// That of this process.
        case inherited
        /// ``ChildProcess/standardInput``, a stream.
        case stream
        /// A file, which must exist.
        case file(String)
        /// An open descriptor, which stays the caller's.
        case descriptor(Int32)
    }

    /// Where a child's standard output goes.
    public enum Output: Sendable, Hashable {
        /// `/dev/null`: nowhere.
        case discarded
        /// To that of this process.
        case inherited
        /// ``ChildProcess/standardOutput``, a stream.
        case stream
        /// To a file, which is made if it is not there (for everybody, less the umask), and emptied unless
        /// `appending`.
        case file(String, appending: Bool = false)
        /// To an open descriptor, which stays the caller's.
        case descriptor(Int32)
    }

    /// Where a child's standard error goes.
    public enum ErrorOutput: Sendable, Hashable {
        /// Somewhere of its own: what is said of standard output holds for it.
        case separate(Output)
        /// Where standard output goes, in the order in which it is written.
        case combinedWithOutput

        /// `/dev/null`: nowhere.
        public static var discarded: ErrorOutput { .separate(.discarded) }
        /// To that of this process.
        public static var inherited: ErrorOutput { .separate(.inherited) }
        /// ``ChildProcess/standardError``, a stream.
        public static var stream: ErrorOutput { .separate(.stream) }

        /// To a file; as ``Output/file(_:appending:)``.
        public static func file(_ path: String, appending: Bool = false) -> ErrorOutput {
            .separate(.file(path, appending: appending))
        }

        /// To an open descriptor, which stays the caller's.
        public static func descriptor(_ descriptor: Int32) -> ErrorOutput {
            .separate(.descriptor(descriptor))
        }
    }

    /// The environment of a child.
    public struct Environment: Sendable, Hashable {
        let base: [String: String]?
        let changes: [String: String?]

        /// That of this process, as it is when the child starts.
        public static let inherit = Environment(base: nil, changes: [:])

        /// These variables alone.
        public static func custom(_ variables: [String: String]) -> Environment {
            Environment(base: variables, changes: [:])
        }

        /// The same with some variables set, or removed where the value is nil.
        public func updating(_ changes: [String: String?]) -> Environment {
            Environment(base: base, changes: self.changes.merging(changes) { $1 })
        }
    }
}
