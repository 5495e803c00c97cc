import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    /// A process that ends amid raw mode leaves the terminal as it was, and ends as it would have otherwise.
    @Suite struct TerminalCrashTests {
        enum End: String, CaseIterable, Codable, CustomTestStringConvertible {
            case exit, abort, trap, wildWrite, interrupt, terminate, hangUp, quit
            case sentFault, otherThread

            var testDescription: String { rawValue }

            /// What the end looks like from outside.
            var status: ExitStatus {
                switch self {
                case .exit: .exitCode(7)
                case .abort: .signal(SIGABRT)
                case .trap:
                    #if arch(x86_64)
                        .signal(SIGILL)
                    #else
                        .signal(SIGTRAP)
                    #endif
                case .wildWrite, .otherThread: .signal(SIGSEGV)
                case .interrupt: .signal(SIGINT)
                case .terminate: .signal(SIGTERM)
                case .hangUp: .signal(SIGHUP)
                case .quit: .signal(SIGQUIT)
                case .sentFault: .signal(SIGFPE)
                }
            }

            func happen() {
                switch self {
                case .exit: Glibc.exit(7)
                case .abort: Glibc.abort()
                case .trap: fatalError("on purpose")
                case .wildWrite, .otherThread:
                    UnsafeMutablePointer<Int>(bitPattern: 8)!.pointee = 1
                case .interrupt: kill(getpid(), SIGINT)
                case .terminate: kill(getpid(), SIGTERM)
                case .hangUp: kill(getpid(), SIGHUP)
                case .quit: kill(getpid(), SIGQUIT)
                case .sentFault: raise(SIGFPE)
                }
                // A signal to the process may come to another thread.
                while true { pause() }
            }
        }

        @Test(arguments: End.allCases)
        func `a process that ends amid raw mode puts the terminal back first`(
            end: End
        ) async throws {
            try await withTestLoop { loop in
                let pseudo = try PseudoTerminal()
                let before = try await pseudo.mode(on: loop)
                let result = await #expect(processExitsWith: .failure) {
                    [path = pseudo.path as String, end = end as End] in
                    try await Self.end(by: end, at: path)
                }
                #expect(result?.exitStatus == end.status)
                // The mode is back; that it was raw is seen by the end of the line.
                pseudo.expectShown("raw\n")
                #expect(try await pseudo.mode(on: loop) == before)
            }
        }

        private static func end(by end: End, at path: String) async throws {
            // The sanitizers' and Swift's own handlers would end the process in ways of theirs.
            for number in [SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP] {
                signal(number, SIG_DFL)
            }
            var all = sigset_t()
            sigemptyset(&all)
            pthread_sigmask(SIG_SETMASK, &all, nil)
            let inner = open(path, O_RDWR | O_NOCTTY)
            try await Terminal(descriptor: inner).withRawMode {
                write(inner, "raw\n", 4)
                if end == .otherThread {
                    let worker = Worker(name: "crash")
                    try worker.start()
                    try worker.loop.post { end.happen() }
                    while true { pause() }
                }
                end.happen()
            }
        }

        @Test func `a handler from before gets the crash, and finds the terminal as it was`()
            async throws
        {
            try await withTestLoop { loop in
                let pseudo = try PseudoTerminal()
                let before = try await pseudo.mode(on: loop)
                let result = await #expect(processExitsWith: .exitCode(23)) {
                    [path = pseudo.path as String] in
                    var action = sigaction()
                    action.__sigaction_handler.sa_handler = { _ in _exit(23) }
                    sigaction(SIGSEGV, &action, nil)
                    let inner = open(path, O_RDWR | O_NOCTTY)
                    try await Terminal(descriptor: inner).withRawMode {
                        write(inner, "raw\n", 4)
                        UnsafeMutablePointer<Int>(bitPattern: 8)!.pointee = 1
                    }
                }
                #expect(result?.exitStatus == .exitCode(23))
                pseudo.expectShown("raw\n")
                #expect(try await pseudo.mode(on: loop) == before)
            }
        }

        @Test func `after raw mode an exit touches the terminal no more`() async throws {
            try await withTestLoop { loop in
                let pseudo = try PseudoTerminal()
                await #expect(processExitsWith: .success) { [path = pseudo.path as String] in
                    let inner = open(path, O_RDWR | O_NOCTTY)
                    try await Terminal(descriptor: inner).withRawMode {}
                    try await withTestLoop { loop in
                        let result = try await ChildProcess.run(
                            .init(.name("stty"), arguments: ["-F", path, "cols", "77", "-echo"]),
                            on: loop)
                        #expect(result.terminationStatus == .exited(0))
                    }
                    exit(0)
                }
                #expect(try await pseudo.stty("-a", on: loop).contains(" -echo "))
            }
        }
    }
}
