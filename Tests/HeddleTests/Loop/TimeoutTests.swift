import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct TimeoutTests {
        @Test func `a body in time gives its value and leaves no timer`() async throws {
            try await withTestLoop { loop in
                let value = try await withTimeout(.seconds(100)) { 42 }
                #expect(value == 42)
                #expect(loop.core.timers.count == 0)
            }
        }

        @Test func `a body in time gives its own error`() async throws {
            try await withTestLoop { loop in
                await #expect(throws: WaitedTooLong.self) {
                    try await withTimeout(.seconds(100)) { throw WaitedTooLong() }
                }
                #expect(loop.core.timers.count == 0)
            }
        }

        @Test func `a body that is late is cancelled, and the error names the limit`() async throws
        {
            try await withTestLoop { loop in
                let error = await #expect(throws: IOError.self) {
                    try await withTimeout(.milliseconds(5), "upload") {
                        try await loop.clock.sleep(for: .seconds(1000))
                    }
                }
                #expect(error?.code == .timedOut)
                #expect(error.map { "\($0)" } == "upload: timed out after 5 ms")
                #expect(loop.core.timers.count == 0)
            }
        }

        @Test func `it works off the loops too`() async throws {
            let error = await #expect(throws: IOError.self) {
                try await withTimeout(.milliseconds(5)) { try await Signal().wait() }
            }
            #expect(error?.code == .timedOut)
            #expect(try await withTimeout(.seconds(100)) { "in time" } == "in time")
        }

        @Test(arguments: [Duration.zero, .milliseconds(-1), .seconds(-1000)])
        func `a limit that is not more than zero is refused`(limit: Duration) async throws {
            let error = await #expect(throws: IOError.self) {
                try await withTimeout(limit, "upload") { Issue.record("the body ran") }
            }
            #expect(error?.code == .invalidArgument)
            #expect(error?.subject == "upload")
        }

        @Test func `a value that the body returns in spite of the deadline is kept`() async throws {
            try await withTestLoop { loop in
                let value = try await withTimeout(.milliseconds(2)) {
                    try? await loop.clock.sleep(for: .seconds(1000))
                    #expect(Task.isCancelled)
                    return "kept"
                }
                #expect(value == "kept")
            }
        }

        @Test func `an error other than the cancellation is told after the deadline too`()
            async throws
        {
            try await withTestLoop { loop in
                await #expect(throws: WaitedTooLong.self) {
                    try await withTimeout(.milliseconds(2)) {
                        try? await loop.clock.sleep(for: .seconds(1000))
                        throw WaitedTooLong()
                    }
                }
            }
        }

        /// A read that ends with bytes although its task is cancelled must hand them on: they are
        /// nowhere else any more. Five hundred times, with the cancellation on and off the loop.
        @Test func `a value that the body returns in spite of the caller's cancellation is kept`()
            async throws
        {
            try await withTestLoop { loop in
                for round in 0..<500 {
                    let isInside = Signal()
                    let outer = loop.task {
                        try await withTimeout(.seconds(1000)) {
                            isInside.fire()
                            try? await loop.clock.sleep(for: .seconds(1000))
                            await Task.yield()
                            return "kept"
                        }
                    }
                    try await isInside.wait()
                    if round % 2 == 0 { outer.cancel() } else { Task.detached { outer.cancel() } }
                    #expect(try await outer.value == "kept")
                }
                #expect(loop.core.timers.count == 0)
            }
        }

        @Test func `a cancelled caller gets the cancellation, not a timeout`() async throws {
            try await withTestLoop { loop in
                let isInside = Signal()
                let outer = loop.task {
                    try await withTimeout(.seconds(1000)) {
                        isInside.fire()
                        try await loop.clock.sleep(for: .seconds(1000))
                    }
                }
                try await isInside.wait()
                outer.cancel()
                await #expect(throws: CancellationError.self) { try await outer.value }
            }
        }

        @Test func `of nested limits the one that passed is named`() async throws {
            try await withTestLoop { loop in
                let inner = await #expect(throws: IOError.self) {
                    try await withTimeout(.seconds(100), "outer") {
                        try await withTimeout(.milliseconds(3), "inner") {
                            try await loop.clock.sleep(for: .seconds(1000))
                        }
                    }
                }
                #expect(inner?.operation == "inner")
                let outer = await #expect(throws: IOError.self) {
                    try await withTimeout(.milliseconds(3), "outer") {
                        try await withTimeout(.seconds(100), "inner") {
                            try await loop.clock.sleep(for: .seconds(1000))
                        }
                    }
                }
                #expect(outer?.operation == "outer")
                #expect(loop.core.timers.count == 0)
            }
        }

        @Test func `the body stays on the loop's thread`() async throws {
            try await withTestLoop { loop in
                try await withTimeout(.seconds(100)) {
                    #expect(loop.isCurrent)
                    try await loop.clock.sleep(for: .milliseconds(1))
                    #expect(loop.isCurrent)
                }
                #expect(loop.isCurrent)
            }
        }

        @Test func `a deadline that has passed cancels the body from its start`() async throws {
            try await withTestLoop { loop in
                let error = await #expect(throws: IOError.self) {
                    try await withDeadline(loop.clock.now.advanced(by: .seconds(-1)), "late") {
                        try await loop.clock.sleep(for: .seconds(1000))
                    }
                }
                #expect(error.map { "\($0)" } == "late: timed out at its deadline")
            }
        }

        @Test func `a deadline to come gives the body its time`() async throws {
            try await withTestLoop { loop in
                let value = try await withDeadline(loop.clock.now.advanced(by: .seconds(100))) {
                    try await loop.clock.sleep(for: .milliseconds(1))
                    return 7
                }
                #expect(value == 7)
            }
        }

        /// The deadline against the body's end: both at the same moment, over and over. Either the
        /// value comes or the timeout, and nothing is left.
        @Test(arguments: Seed.some(3))
        func `a body that ends with its deadline ends one way or the other`(seed: Seed) async throws
        {
            try await withTestLoop { loop in
                var random = seed.generator
                var values = 0
                for _ in 0..<100 {
                    let limit = Duration.microseconds(Int.random(in: 500...2500, using: &random))
                    do {
                        values += try await withTimeout(limit) {
                            try await loop.clock.sleep(for: .milliseconds(1))
                            return 1
                        }
                    } catch let error as IOError {
                        #expect(error.code == .timedOut)
                    }
                    #expect(loop.core.timers.count == 0)
                }
                #expect(values <= 100)
            }
        }
    }
}
