import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct WorkerLifecycleTests {
        @Test func `the usual life goes from idle to stopped`() {
            var life = WorkerLifecycle()
            #expect(life.state == .idle)
            #expect(life.start() == .launch)
            #expect(life.state == .starting)
            #expect(life.started() == .run)
            #expect(life.state == .running)
            #expect(life.stop() == .beginTeardown)
            #expect(life.state == .stopping)
            life.ended()
            #expect(life.state == .stopped)
        }

        @Test func `starting again does nothing, also while stopping`() {
            var life = WorkerLifecycle()
            _ = life.start()
            #expect(life.start() == .alreadyStarted)
            _ = life.started()
            #expect(life.start() == .alreadyStarted)
            _ = life.stop()
            #expect(life.start() == .alreadyStarted)
            life.ended()
            #expect(life.start() == .refuseStopped)
        }

        @Test func `a stop before the start ends it for good`() {
            var life = WorkerLifecycle()
            #expect(life.stop() == .endNow)
            #expect(life.stop() == .alreadyStopped)
            #expect(life.start() == .refuseStopped)
        }

        @Test func `a stop during the start is carried out once the thread is there`() {
            var life = WorkerLifecycle()
            _ = life.start()
            #expect(life.stop() == .noted)
            #expect(life.stop() == .noted)
            #expect(life.started() == .stopAtOnce)
            #expect(life.state == .stopping)
            #expect(life.stop() == .shortenTeardown)
        }

        @Test func `a start that fails ends it`() {
            var life = WorkerLifecycle()
            _ = life.start()
            life.ended()
            #expect(life.stop() == .alreadyStopped)
            #expect(life.start() == .refuseStopped)
        }

        @Test func `ending twice traps`() async {
            await #expect(processExitsWith: .failure) {
                var life = WorkerLifecycle()
                _ = life.start()
                life.ended()
                life.ended()
            }
        }

        @Test(arguments: Seed.some(20))
        func `whatever the order, exactly one launch and one way to the end`(seed: Seed) {
            var random = seed.generator
            for _ in 0..<500 {
                var life = WorkerLifecycle()
                var launches = 0
                var teardowns = 0
                for _ in 0..<12 {
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: if life.start() == .launch { launches += 1 }
                    case 1:
                        switch life.stop() {
                        case .beginTeardown, .endNow: teardowns += 1
                        default: break
                        }
                    case 2:
                        if life.state == .starting, life.started() == .stopAtOnce { teardowns += 1 }
                    default: if life.state == .stopping { life.ended() }
                    }
                }
                #expect(launches <= 1)
                #expect(teardowns <= 1)
                if life.state == .stopped { #expect(teardowns == 1) }
            }
        }
    }
}
