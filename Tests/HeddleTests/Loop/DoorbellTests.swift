import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct DoorbellTests {
        /// The race of law 3: ringing while the handle closes is a use after free in libuv. Fifty
        /// rounds, in each of which three threads ring all the while the loop shuts and closes.
        @Test func `ringing while the bell shuts and closes is safe`() async throws {
            for _ in 0..<TestScale.times(50, full: 2000) {
                let bell = Doorbell()
                let installed = Signal()
                let rung = Signal()
                let closed = Signal()
                let failed = Recorder<any Error>()
                try await onThreads(4) { index in
                    guard index == 0 else {
                        _ = installed.waitBlocking()
                        while !closed.hasFired {
                            for _ in 0..<20 { bell.ring() }
                            rung.fire()
                        }
                        return
                    }
                    do { try Self.runAndClose(bell, installed, rung) } catch { failed.add(error) }
                    closed.fire()
                }
                #expect(failed.all.isEmpty)
                bell.ring()
            }
        }

        private static func runAndClose(_ bell: Doorbell, _ installed: Signal, _ rung: Signal)
            throws
        {
            try withUVLoop { uv in
                bell.install(try UVAsync(loop: uv) {})
                installed.fire()
                _ = rung.waitBlocking()
                for _ in 0..<10 { _ = uv.runWithoutBlocking() }
                bell.shut()
                while !bell.closeIfQuiet() { _ = uv.runWithoutBlocking() }
                uv.run()
            }
        }

        @Test func `a bell with nobody inside closes at once`() throws {
            try withUVLoop { uv in
                let bell = Doorbell()
                bell.install(try UVAsync(loop: uv) {})
                bell.ring()
                #expect(!bell.closeIfQuiet(), "it is not shut yet")
                bell.shut()
                bell.shut()
                #expect(bell.closeIfQuiet())
                bell.ring()
                uv.run()
            }
        }
    }
}
