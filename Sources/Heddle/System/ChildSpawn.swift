internal import Glibc

/// Turns a configuration into what a loop starts. Refuses what the system would misread, and says what about.
struct ChildSpawn {
    private let configuration: ChildProcess.Configuration
    private static let operation = "start"

    init(_ configuration: ChildProcess.Configuration) throws {
        self.configuration = configuration
        try check()
    }

    /// The program's name without its folders, for errors.
    static func name(of configuration: ChildProcess.Configuration) -> String {
        let text = configuration.executable.text
        return text.split(separator: "/").last.map(String.init) ?? text
    }

    /// What to start, with descriptors that the caller keeps open for the call.
    func request(descriptors: [Int32?]) -> UVSpawn {
        UVSpawn(
            file: configuration.executable.file,
            arguments: [configuration.executable.text] + configuration.arguments,
            environment: environment, workingDirectory: configuration.workingDirectory,
            userID: configuration.userID, groupID: configuration.groupID,
            startsSession: configuration.createSession,
            processGroup: configuration.processGroupID, descriptors: descriptors)
    }

    /// The error for what the system said. It says the same of a missing program and a missing folder.
    func error(_ error: UVError) -> IOError {
        let subject = configuration.executable.text
        if let group = configuration.processGroupID, group > 0, error.name == "EPERM",
            kill(-group, 0) != 0, errno == ESRCH
        {
            return IOError(
                .notFound, Self.operation, on: subject, reason: "there is no process group \(group)"
            )
        }
        guard let folder = configuration.workingDirectory,
            let reason = Self.failureToEnter(folder), reason.status == error.status
        else { return IOError(nil, Self.operation, on: subject, error) }
        return IOError(nil, Self.operation, on: "\(subject) in \(folder)", error)
    }

    private static func failureToEnter(_ folder: String) -> UVError? {
        var status = stat()
        // The system writes into the local during the call only.
        guard unsafe stat(folder, &status) == 0 else { return UVError(status: -errno) }
        if status.st_mode & S_IFMT != S_IFDIR { return UVError(status: -ENOTDIR) }
        return unsafe access(folder, X_OK) == 0 ? nil : UVError(status: -errno)
    }

    // MARK: Checks

    private func check() throws {
        try checkText(configuration.executable.text, "program")
        if configuration.executable.text.isEmpty { throw refused("its name is empty") }
        for argument in configuration.arguments { try checkText(argument, "argument") }
        if let folder = configuration.workingDirectory {
            try checkText(folder, "working folder")
            if folder.isEmpty { throw refused("its working folder is empty") }
        }
        try checkVariables()
        try checkGroup()
        if let timeout = configuration.timeout, timeout <= .zero {
            throw refused("a timeout of \(timeout.text)")
        }
        if configuration.terminationGrace < .zero {
            throw refused("a grace of \(configuration.terminationGrace.text)")
        }
        try configuration.streamLimits.validate()
    }

    private func checkGroup() throws {
        guard let group = configuration.processGroupID else { return }
        if group < 0 { throw refused("\(group) is no number of a process group") }
        if configuration.createSession {
            throw refused("a new session has a process group of its own, and no other")
        }
    }

    private func checkVariables() throws {
        let chosen = configuration.environment
        let changed = chosen.changes.map { ($0.key, $0.value ?? "") }
        for (name, value) in (chosen.base ?? [:]).map({ ($0.key, $0.value) }) + changed {
            try checkText(name, "variable")
            try checkText(value, "variable '\(name)'")
            if name.isEmpty || name.contains("=") {
                throw refused("'\(name)' is no name of a variable")
            }
        }
    }

    private func checkText(_ text: String, _ what: String) throws {
        guard text.utf8.contains(0) else { return }
        throw refused("\(what): a NUL byte would end it early")
    }

    private func refused(_ reason: String) -> IOError {
        let name = String(
            decoding: configuration.executable.text.utf8.filter { $0 != 0 }, as: UTF8.self)
        return IOError(.invalidArgument, Self.operation, on: name, reason: reason)
    }

    // MARK: The environment

    private var environment: [String]? {
        let chosen = configuration.environment
        if chosen.base == nil, chosen.changes.isEmpty { return nil }
        let base =
            chosen.base.map { $0.map { "\($0.key)=\($0.value)" } } ?? Self.ownEnvironment()
        let kept = base.filter { entry in
            chosen.changes[String(entry.prefix { $0 != "=" })] == nil
        }
        return kept + chosen.changes.compactMap { name, value in value.map { "\(name)=\($0)" } }
    }

    private static func ownEnvironment() -> [String] {
        var entries: [String] = []
        // As with getenv(3), nobody may change the environment at the same time.
        var next = unsafe environ
        while let entry = unsafe next.pointee {
            unsafe entries.append(String(cString: entry))
            unsafe next += 1
        }
        return entries
    }
}
