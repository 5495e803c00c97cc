import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    /// Who waits for a child that has ended: its loop, whatever else the process does about its children.
    @Suite struct ChildReapingTests {
        /// A program in this process's group, in one of its own, or in a session of its own.
        enum Place: CaseIterable {
            case here, group, session
        }

        private static func shell(
            _ script: String, in place: Place
        ) -> ChildProcess.Configuration {
            var configuration = ChildProcessTests.shell(script)
            if place == .group { configuration.processGroupID = 0 }
            configuration.createSession = place == .session
            return configuration
        }

        @Test func `a process that ignores SIGCHLD hears of the end of its programs`() async {
            await #expect(processExitsWith: .success) {
                signal(SIGCHLD, SIG_IGN)
                try await withTestLoop { loop in
                    for number in 0..<20 {
                        let place = Place.allCases[number % 3]
                        let child = try await ChildProcess.spawn(
                            ChildReapingTests.shell("exit 3", in: place), on: loop)
                        #expect(try await waiting { try await child.wait() } == .exited(3))
                    }
                }
            }
        }

        @Test func `no handler of SIGCHLD is set`() async throws {
            try await ChildProcessTests.withLoop { loop in
                let result = try await ChildProcess.run(.init(.name("true")), on: loop)
                #expect(result.terminationStatus.isSuccess)
                var action = sigaction()
                #expect(sigaction(SIGCHLD, nil, &action) == 0)
                #expect(action.__sigaction_handler.sa_handler == nil)
            }
        }

        @Test(arguments: Place.allCases)
        func `a program that other code has waited for has ended`(place: Place) async throws {
            try await ChildProcessTests.withLoop { loop in
                let child = try await ChildProcess.spawn(
                    Self.shell("exit", in: place), on: loop)
                // On the loop, so that this comes first.
                #expect(waitpid(child.processID, nil, 0) == child.processID)
                let error = try await waiting {
                    await #expect(throws: IOError.self) { try await child.wait() }
                }
                #expect(error?.code == .system)
                #expect(error?.operation == "wait for")
                await child.terminate()
            }
        }

        /// As a program's own reaper does. In a process of its own, since it takes the children of all.
        @Test func `beside a thread that waits for anybody no wait hangs`() async {
            await #expect(processExitsWith: .success) {
                try await withTestLoop { loop in
                    let isOver = Locked(false)
                    let taken = Locked(0)
                    let reaper = try LoopThread(name: "reaper") {
                        while !isOver.withLock({ $0 }) {
                            // None may be there.
                            if waitpid(-1, nil, WNOHANG) > 0 { taken.withLock { $0 += 1 } }
                        }
                    }
                    let count = TestScale.times(100, full: 3_000)
                    var heard = 0
                    for number in 0..<count {
                        let place = Place.allCases[number % 3]
                        let child = try await ChildProcess.spawn(
                            ChildReapingTests.shell("exit 3", in: place), on: loop)
                        do {
                            let status = try await waiting { try await child.wait() }
                            #expect(status == .exited(3))
                            heard += 1
                        } catch let error as IOError {
                            #expect(error.code == .system)
                        }
                    }
                    isOver.withLock { $0 = true }
                    reaper.join()
                    #expect(heard + taken.withLock { $0 } == count)
                }
            }
        }
    }
}
