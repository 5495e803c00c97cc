import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct StreamMachineTests {
        // MARK: Reading

        @Test func `a new stream reads and writes`() {
            let machine = StreamMachine()
            #expect(machine.readSide == .open)
            #expect(machine.writeSide == .open)
            #expect(machine.life == .open)
            #expect(machine.canWrite)
            #expect(!machine.isPaused)
        }

        @Test func `reading pauses once at the high-water mark`() {
            var machine = StreamMachine()
            expect(machine.received(unread: 99, highWater: 100), .goOn)
            expect(machine.received(unread: 100, highWater: 100), .pause)
            #expect(machine.isPaused)
            expect(machine.received(unread: 200, highWater: 100), .goOn)
        }

        @Test func `reading goes on at half of the high-water mark`() {
            var machine = StreamMachine()
            _ = machine.received(unread: 100, highWater: 100)
            expect(machine.consumed(unread: 51, highWater: 100), .goOn)
            expect(machine.consumed(unread: 50, highWater: 100), .resume)
            #expect(!machine.isPaused)
            expect(machine.consumed(unread: 0, highWater: 100), .goOn)
        }

        @Test func `a mark of one byte pauses and goes on`() {
            var machine = StreamMachine()
            expect(machine.received(unread: 1, highWater: 1), .pause)
            expect(machine.consumed(unread: 0, highWater: 1), .resume)
        }

        @Test func `after the end of the input reading does not go on`() {
            var machine = StreamMachine()
            _ = machine.received(unread: 100, highWater: 100)
            machine.inputEnded()
            #expect(machine.readSide == .ended)
            expect(machine.consumed(unread: 0, highWater: 100), .goOn)
        }

        @Test func `the end of the input leaves writing open`() {
            var machine = StreamMachine()
            machine.inputEnded()
            #expect(machine.canWrite)
            expect(machine.shutdownWrite(unsent: false), .now)
        }

        @Test func `a broken stream that hears of the end stays broken`() {
            var machine = StreamMachine()
            _ = machine.broke()
            machine.inputEnded()
            #expect(machine.readSide == .failed)
        }

        @Test func `an input that ended stays ended when the stream breaks`() {
            var machine = StreamMachine()
            machine.inputEnded()
            _ = machine.broke()
            #expect(machine.readSide == .ended)
            #expect(machine.writeSide == .failed)
        }

        // MARK: Writing

        @Test func `a shutdown with nothing unsent happens now`() {
            var machine = StreamMachine()
            expect(machine.shutdownWrite(unsent: false), .now)
            #expect(machine.writeSide == .finished)
            #expect(!machine.canWrite)
            expect(machine.allSent(), .nothing)
        }

        @Test func `a shutdown with bytes unsent waits for them`() {
            var machine = StreamMachine()
            expect(machine.shutdownWrite(unsent: true), .whenSent)
            #expect(machine.writeSide == .finishing)
            #expect(!machine.canWrite)
            expect(machine.allSent(), .shutDown)
            #expect(machine.writeSide == .finished)
            expect(machine.allSent(), .nothing)
        }

        @Test(arguments: [true, false])
        func `a second shutdown is nothing`(unsent: Bool) {
            var machine = StreamMachine()
            _ = machine.shutdownWrite(unsent: unsent)
            expect(machine.shutdownWrite(unsent: true), .nothing)
            expect(machine.shutdownWrite(unsent: false), .nothing)
        }

        @Test func `a shutdown of a broken stream is nothing`() {
            var machine = StreamMachine()
            _ = machine.broke()
            expect(machine.shutdownWrite(unsent: false), .nothing)
            #expect(machine.writeSide == .failed)
        }

        @Test func `everything sent means nothing while the stream is open`() {
            var machine = StreamMachine()
            expect(machine.allSent(), .nothing)
            #expect(machine.canWrite)
        }

        // MARK: Closing

        @Test func `a close with nothing unsent happens now`() {
            var machine = StreamMachine()
            expect(machine.close(unsent: false), .now)
            #expect(machine.life == .closing)
            #expect(!machine.canWrite)
        }

        @Test func `a close with bytes unsent waits for them`() {
            var machine = StreamMachine()
            expect(machine.close(unsent: true), .whenSent)
            #expect(machine.life == .closingWhenSent)
            #expect(!machine.canWrite)
            expect(machine.allSent(), .close)
            #expect(machine.life == .closing)
            expect(machine.allSent(), .nothing)
        }

        @Test func `a close after a shutdown still sends`() {
            var machine = StreamMachine()
            _ = machine.shutdownWrite(unsent: true)
            expect(machine.close(unsent: true), .whenSent)
            // The close tells the peer the end as well: no shutdown besides.
            expect(machine.allSent(), .close)
        }

        @Test func `a shutdown after a close is nothing`() {
            var machine = StreamMachine()
            _ = machine.close(unsent: true)
            expect(machine.shutdownWrite(unsent: true), .nothing)
        }

        @Test(arguments: [true, false], [true, false])
        func `a second close is nothing`(first: Bool, second: Bool) {
            var machine = StreamMachine()
            _ = machine.close(unsent: first)
            expect(machine.close(unsent: second), .nothing)
        }

        @Test func `a broken stream closes now, whatever is unsent`() {
            var machine = StreamMachine()
            expect(machine.broke(), false)
            #expect(machine.life == .open)
            expect(machine.close(unsent: true), .now)
        }

        @Test func `breaking ends a close that waits`() {
            var machine = StreamMachine()
            _ = machine.close(unsent: true)
            expect(machine.broke(), true)
            #expect(machine.life == .closing)
            expect(machine.broke(), false)
        }

        @Test func `an abort ends an open stream and one that waits, once`() {
            var open = StreamMachine()
            expect(open.abort(), true)
            expect(open.abort(), false)
            #expect(open.life == .closing)
            var waiting = StreamMachine()
            _ = waiting.close(unsent: true)
            expect(waiting.abort(), true)
            #expect(waiting.life == .closing)
            expect(waiting.allSent(), .nothing)
        }

        @Test func `a closed stream does nothing more`() {
            var machine = StreamMachine()
            _ = machine.close(unsent: false)
            machine.closed()
            #expect(machine.life == .closed)
            #expect(machine.readSide == .failed)
            #expect(machine.writeSide == .failed)
            #expect(!machine.canWrite)
            expect(machine.close(unsent: true), .nothing)
            expect(machine.abort(), false)
            expect(machine.shutdownWrite(unsent: false), .nothing)
            expect(machine.received(unread: 100, highWater: 1), .goOn)
            expect(machine.consumed(unread: 0, highWater: 1), .goOn)
            expect(machine.allSent(), .nothing)
        }

        @Test func `a closing stream neither pauses nor goes on`() {
            var machine = StreamMachine()
            _ = machine.received(unread: 10, highWater: 10)
            _ = machine.close(unsent: false)
            expect(machine.consumed(unread: 0, highWater: 10), .goOn)
            var other = StreamMachine()
            _ = other.close(unsent: false)
            expect(other.received(unread: 10, highWater: 10), .goOn)
        }

        // MARK: Any order

        @Test(arguments: Seed.some(20))
        func `whatever the order, a stream never comes back`(seed: Seed) {
            var random = seed.generator
            for _ in 0..<200 {
                var walk = MachineWalk()
                for _ in 0..<40 { walk.step(.random(in: 0..<9, using: &random), using: &random) }
                walk.expectEndedAtMostOnce()
            }
        }
    }
}

/// A walk through the machine that remembers how often it was told to end something.
private struct MachineWalk {
    private var machine = StreamMachine()
    private var closes = 0
    private var shutdowns = 0

    mutating func step(_ choice: Int, using random: inout SeededGenerator) {
        let before = machine
        let unsent = Bool.random(using: &random)
        switch choice {
        case 0: _ = machine.received(unread: .random(in: 0...20, using: &random), highWater: 10)
        case 1: _ = machine.consumed(unread: .random(in: 0...20, using: &random), highWater: 10)
        case 2: machine.inputEnded()
        case 3: if machine.shutdownWrite(unsent: unsent) == .now { shutdowns += 1 }
        case 4, 5: note(machine.allSent())
        case 6: if machine.broke() { closes += 1 }
        case 7: if machine.close(unsent: unsent) == .now { closes += 1 }
        default: if machine.abort() { closes += 1 }
        }
        expectForward(from: before)
    }

    private mutating func note(_ action: StreamMachine.AfterSent) {
        switch action {
        case .nothing: break
        case .shutDown: shutdowns += 1
        case .close: closes += 1
        }
    }

    private func expectForward(from before: StreamMachine) {
        #expect(machine.life.rawValue >= before.life.rawValue)
        if before.readSide != .open { #expect(machine.readSide == before.readSide) }
        #expect(machine.writeSide.rawValue >= before.writeSide.rawValue)
        #expect(machine.canWrite ? before.canWrite : true)
    }

    func expectEndedAtMostOnce() {
        #expect(closes <= 1)
        #expect(shutdowns <= 1)
        #expect(closes == (machine.life == .closing ? 1 : 0))
    }
}
