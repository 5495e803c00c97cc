/// Processes that end with the call that runs them.
extension ChildProcess {
    /// What came of a run, and how the process ended.
    public struct Outcome<Value: Sendable>: Sendable {
        /// What the body returned.
        public let value: Value
        /// How the process ended.
        public let terminationStatus: TerminationStatus
    }

    /// What a process wrote, and how it ended.
    public struct CollectedOutput: Sendable {
        /// How the process ended.
        public let terminationStatus: TerminationStatus
        /// What it wrote to its standard output.
        public let standardOutput: Bytes
        /// What it wrote to its standard error.
        public let standardError: Bytes
    }

    /// Starts a process, runs `body` beside it, and waits for its end.
    ///
    /// When `body` returns, the process's input ends, and what it writes from then on has no reader: it gets an
    /// error or SIGPIPE. So read to the end what is wanted. When `body` throws, or the task is cancelled, the
    /// process is terminated, then killed, as by ``terminate(within:)``. Either way it has ended when this returns.
    ///
    /// - Throws: what `body` throws; what ``spawn(_:on:)`` and ``wait()`` throw.
    public static func run<Value: Sendable>(
        _ configuration: Configuration, on loop: EventLoop,
        _ body: (ChildProcess) async throws -> Value
    ) async throws -> Outcome<Value> {
        let child = try await spawn(configuration, on: loop)
        do {
            let value = try await body(child)
            // What the child did not read, and what it still writes, is of no interest any more.
            try? await child.standardInput?.close()
            child.standardOutput?.reset()
            child.standardError?.reset()
            return Outcome(value: value, terminationStatus: try await child.wait())
        } catch {
            await child.terminate()
            throw error
        }
    }

    /// Runs a process to its end, with `input` as all of its standard input, and collects what it writes.
    ///
    /// ``Configuration/standardOutput`` and ``Configuration/standardError`` are streams here, unless they
    /// were set to something else than `discarded`. Ends when the process has ended and its output too, which whoever
    /// has inherited it may keep open for longer.
    ///
    /// - Parameters:
    ///   - configuration: what to run; ``Configuration/timeout`` bounds all of it.
    ///   - loop: the loop that the process belongs to.
    ///   - input: what it reads. It may end without reading it.
    ///   - limit: most bytes of output, and of errors, that are kept.
    /// - Throws: as ``run(_:on:_:)``; ``IOError/Code/limitExceeded`` if it writes more than `limit`, and then it
    ///   is terminated. Not if it fails: look at ``CollectedOutput/terminationStatus``.
    public static func run(
        _ configuration: Configuration, on loop: EventLoop, input: Bytes = Bytes(),
        limit: Int = 1 << 20
    ) async throws -> CollectedOutput {
        var configuration = configuration
        configuration.standardInput = input.isEmpty ? configuration.standardInput : .stream
        if configuration.standardOutput == .discarded { configuration.standardOutput = .stream }
        if configuration.standardError == .discarded { configuration.standardError = .stream }
        let name = ChildSpawn.name(of: configuration)
        let outcome = try await run(configuration, on: loop) { child in
            try await child.exchange(input, limit: limit, name: name)
        }
        return CollectedOutput(
            terminationStatus: outcome.terminationStatus, standardOutput: outcome.value.output,
            standardError: outcome.value.error)
    }

    private enum Piece {
        case output(Bytes)
        case error(Bytes)
        case nothing
    }

    /// Writes `input` and reads what comes, side by side: either may wait for the other.
    private func exchange(
        _ input: Bytes, limit: Int, name: String
    ) async throws -> (output: Bytes, error: Bytes) {
        try await withThrowingTaskGroup(of: Piece.self) { group in
            group.addTask {
                try await self.feed(input)
                return .nothing
            }
            group.addTask {
                .output(try await Self.collect(self.standardOutput, limit, "output of \(name)"))
            }
            group.addTask {
                .error(try await Self.collect(self.standardError, limit, "errors of \(name)"))
            }
            // A timeout ends the reading, which others that hold the output could drag out.
            group.addTask {
                _ = try await self.wait()
                return .nothing
            }
            var collected = (output: Bytes(), error: Bytes())
            while let piece = try await group.next() {
                switch piece {
                case .output(let bytes): collected.output = bytes
                case .error(let bytes): collected.error = bytes
                case .nothing: break
                }
            }
            return collected
        }
    }

    private func feed(_ input: Bytes) async throws {
        guard let standardInput else { return }
        do {
            try await standardInput.write(input)
            try await standardInput.close()
        } catch let error as IOError where error.code == .broken {
            // The process has ended, or reads no more: that is its own affair.
        }
    }

    private static func collect(
        _ stream: Stream?, _ limit: Int, _ what: String
    ) async throws -> Bytes {
        guard let stream else { return Bytes() }
        var pieces: [Bytes] = []
        var count = 0
        for try await bytes in stream.inbound {
            count += bytes.count
            guard count <= limit else {
                throw IOError(
                    .limitExceeded, "collect", on: what, reason: "more than \(limit) bytes came")
            }
            pieces.append(bytes)
        }
        return Bytes(joining: pieces)
    }
}
