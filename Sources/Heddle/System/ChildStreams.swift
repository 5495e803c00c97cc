internal import Glibc

/// The standard streams of one child that is being started: the child's sides, which are closed here when it
/// has them, and this process's sides as streams. Used on the loop's thread.
struct ChildStreams {
    private let configuration: ChildProcess.Configuration
    private let loop: LoopCore
    private var childSides: [Int32] = []
    private(set) var input: ChildProcess.Stream?
    private(set) var output: ChildProcess.Stream?
    private(set) var error: ChildProcess.Stream?

    init(_ configuration: ChildProcess.Configuration, on loop: LoopCore) {
        self.configuration = configuration
        self.loop = loop
    }

    /// Opens what the child gets as its first three descriptors; nil stands for /dev/null.
    mutating func open() throws -> [Int32?] {
        let standardInput = try openInput()
        let standardOutput = try openOutput(
            configuration.standardOutput, STDOUT_FILENO, \.output, "output")
        return [standardInput, standardOutput, try openError(standardOutput)]
    }

    /// The child has its sides, or there is none: closes those that were opened for it.
    mutating func closeChildSides() {
        for descriptor in childSides { Glibc.close(descriptor) }
        childSides = []
    }

    /// There is no child: nobody gets the streams.
    func abandon() {
        for stream in [input, output, error] { stream?.reset() }
    }

    private mutating func openInput() throws -> Int32? {
        switch configuration.standardInput {
        case .none: return nil
        case .inherited: return STDIN_FILENO
        case .stream: return try openStream(\.input, "input")
        case .file(let path): return try openFile(path, O_RDONLY, "input")
        case .descriptor(let descriptor): return try check(descriptor, "input")
        }
    }

    private mutating func openError(_ standardOutput: Int32?) throws -> Int32? {
        switch configuration.standardError {
        case .separate(let error): try openOutput(error, STDERR_FILENO, \.error, "error")
        case .combinedWithOutput: standardOutput
        }
    }

    /// Opens one of the two that the child writes to, of which `inherited` is this process's.
    private mutating func openOutput(
        _ output: ChildProcess.Output, _ inherited: Int32,
        _ side: WritableKeyPath<ChildStreams, ChildProcess.Stream?>, _ which: String
    ) throws -> Int32? {
        switch output {
        case .discarded: return nil
        case .inherited: return inherited
        case .stream: return try openStream(side, which)
        case .file(let path, let appending):
            return try openFile(path, Self.writing(appending), which)
        case .descriptor(let descriptor): return try check(descriptor, which)
        }
    }

    private static func writing(_ appending: Bool) -> Int32 {
        O_WRONLY | O_CREAT | (appending ? O_APPEND : O_TRUNC)
    }

    private func operation(_ which: String) -> String {
        "open the standard \(which) of \(ChildSpawn.name(of: configuration))"
    }

    private mutating func openStream(
        _ side: WritableKeyPath<ChildStreams, ChildProcess.Stream?>, _ which: String
    ) throws -> Int32 {
        var ends: [Int32] = [-1, -1]
        // The child's end blocks, as programs expect of their standard streams.
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw IOError(errno: errno, operation(which))
        }
        childSides.append(ends[1])
        // Closes our end if it throws.
        let stream = try TCPStream.adopting(
            Socket(descriptor: ends[0]), from: nil, on: loop,
            settings: StreamSettings(limits: configuration.streamLimits),
            operation: operation(which), subject: "a socket")
        self[keyPath: side] = ByteStream(core: stream)
        return ends[1]
    }

    private mutating func openFile(
        _ path: String, _ flags: Int32, _ which: String
    ) throws -> Int32 {
        let subject = path.isEmpty ? "''" : path.replacing("\0", with: "\\0")
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw IOError(
                .invalidArgument, operation(which), on: subject,
                reason: path.isEmpty ? "the path is empty" : "a NUL byte would end it early")
        }
        // Not blocking: a named pipe would hold up the loop until somebody opens its other end.
        let descriptor = unsafe Glibc.open(
            path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0o666)
        guard descriptor >= 0 else { throw IOError(errno: errno, operation(which), on: subject) }
        childSides.append(descriptor)
        var status = stat()
        // The system writes into the local during the call only.
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw IOError(errno: errno, operation(which), on: subject)
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            throw IOError(errno: EISDIR, operation(which), on: subject)
        case S_IFIFO:
            throw IOError(
                .invalidArgument, operation(which), on: subject,
                reason: "a named pipe: open it, and pass the descriptor")
        default:
            _ = fcntl(descriptor, F_SETFL, flags & O_APPEND)
            return descriptor
        }
    }

    private func check(_ descriptor: Int32, _ which: String) throws -> Int32 {
        guard fcntl(descriptor, F_GETFD) >= 0 else {
            throw IOError(errno: errno, operation(which), on: "descriptor \(descriptor)")
        }
        return descriptor
    }
}
