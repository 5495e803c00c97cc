import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct UVWatcherTests {
        @Test func `a poll handle tells when its descriptor is readable`() throws {
            try withUVLoop { uv in
                var ends: [Int32] = [0, 0]
                #expect(pipe(&ends) == 0)
                defer { ends.forEach { close($0) } }
                var byte: UInt8 = 7
                var got: UInt8 = 0
                let poll = try WatchedPoll(loop: uv, descriptor: ends[0])
                poll.ready = {
                    #expect(read(ends[0], &got, 1) == 1)
                    poll.close()
                }
                try poll.startReading()
                #expect(write(ends[1], &byte, 1) == 1)
                uv.run()
                #expect(got == 7)
                poll.ready = {}
            }
        }

        @Test func `closing a poll handle in its callback delivers nothing more`() throws {
            // libuv: poll_close.
            try withUVLoop { uv in
                var ends: [Int32] = [0, 0]
                #expect(pipe(&ends) == 0)
                defer { ends.forEach { close($0) } }
                var calls = 0
                let poll = try WatchedPoll(loop: uv, descriptor: ends[0])
                poll.ready = {
                    calls += 1
                    poll.close()
                }
                try poll.startReading()
                var bytes = [UInt8](repeating: 1, count: 100)
                #expect(write(ends[1], &bytes, bytes.count) == 100)
                uv.run()
                #expect(calls == 1)
                poll.ready = {}
            }
        }

        @Test func `a poll closed by another's callback of the same poll hears nothing`() throws {
            // libuv: closed_fd_events.
            try withUVLoop { uv in
                var calls = 0
                var pipes = [[Int32]](repeating: [0, 0], count: 2)
                var polls: [WatchedPoll] = []
                for index in pipes.indices {
                    #expect(pipe(&pipes[index]) == 0)
                    polls.append(try WatchedPoll(loop: uv, descriptor: pipes[index][0]))
                }
                var byte: UInt8 = 1
                for index in pipes.indices {
                    polls[index].ready = {
                        calls += 1
                        for poll in polls { poll.close() }
                        // The other's event has been taken from the kernel already.
                        for ends in pipes { close(ends[0]) }
                    }
                    try polls[index].startReading()
                    #expect(write(pipes[index][1], &byte, 1) == 1)
                }
                uv.run()
                #expect(calls == 1)
                for ends in pipes { close(ends[1]) }
                for poll in polls { poll.ready = {} }
            }
        }

        @Test func `a file cannot be polled: the error says so and nothing is left`() throws {
            try withUVLoop { uv in
                let file = open("/proc/self/status", O_RDONLY)
                defer { close(file) }
                let error = #expect(throws: UVError.self) {
                    try WatchedPoll(loop: uv, descriptor: file)
                }
                #expect(error?.name == "EPERM")
                #expect(uv.liveCount(.poll) == 0)
            }
        }

        /// Sends a signal to the calling thread, where it is handled before this returns: one sent to
        /// the process could come after its watcher had gone, and end the process. Dispatch's threads
        /// block signals.
        private static func raiseHere(_ signal: Int32) {
            var set = sigset_t()
            var before = sigset_t()
            sigemptyset(&set)
            sigaddset(&set, signal)
            pthread_sigmask(SIG_UNBLOCK, &set, &before)
            raise(signal)
            pthread_sigmask(SIG_SETMASK, &before, nil)
        }

        @Test func `every loop that watches a signal hears of it`() throws {
            // libuv: we_get_signals, signal_multiple_loops.
            try withUVLoop { first in
                try withUVLoop { second in
                    var heard: [Int] = []
                    var watchers: [UVSignal] = []
                    for (number, uv) in [first, second].enumerated() {
                        watchers.append(
                            try UVSignal(loop: uv, signal: SIGUSR1) { signal in
                                #expect(signal == SIGUSR1)
                                heard.append(number)
                                watchers[number].close()
                            })
                    }
                    Self.raiseHere(SIGUSR1)
                    first.run()
                    second.run()
                    #expect(heard.sorted() == [0, 1])
                    watchers = []
                }
            }
        }

        @Test func `a signal that is pending when its watcher closes is dropped`() throws {
            // libuv: signal_pending_on_close.
            try withUVLoop { uv in
                let watcher = try UVSignal(loop: uv, signal: SIGUSR1) { _ in
                    Issue.record("delivered after the close")
                }
                Self.raiseHere(SIGUSR1)
                watcher.close()
                uv.run()
                #expect(watcher.phase == .closed)
            }
        }

        @Test func `a signal that does not exist is refused, and the handle closes`() throws {
            try withUVLoop { uv in
                let error = #expect(throws: UVError.self) {
                    try UVSignal(loop: uv, signal: 10_000) { _ in }
                }
                #expect(error?.name == "EINVAL")
                uv.run()
            }
        }
    }
}
