import Testing

@testable import Heddle

extension HeddleTests {
    /// The decisions of the pool for blocking work, with numbers in place of work.
    @Suite struct BlockingMachineTests {
        typealias Machine = BlockingMachine<Int>

        private func word(_ outcome: Machine.Submit) -> String {
            switch outcome {
            case .wakeThread: "wake"
            case .startThread: "start"
            case .queued: "queued"
            case .full: "full"
            case .stopped: "stopped"
            }
        }

        private func ticket(_ outcome: Machine.Submit) throws -> Machine.Ticket {
            switch outcome {
            case .wakeThread(let ticket), .startThread(let ticket), .queued(let ticket): ticket
            case .full, .stopped: throw WaitedTooLong()
            }
        }

        private func word(_ next: Machine.Next) -> String {
            switch next {
            case .run(let work): "run \(work)"
            case .wait: "wait"
            case .exit: "exit"
            }
        }

        private func submit(
            _ work: Int, to machine: inout Machine, at now: UInt64 = 0, mayWait: Bool = true
        ) -> String {
            word(machine.submit(work, at: now, mayWait: mayWait))
        }

        @Test func `threads start as they are needed and are used again`() {
            var machine = Machine(maximumThreads: 2, queueLimit: 10)
            #expect(machine.threads == 0)
            #expect(submit(1, to: &machine) == "start")
            #expect(word(machine.next(at: 0)) == "run 1")
            machine.finished()
            #expect(word(machine.next(at: 0)) == "wait")
            #expect(submit(2, to: &machine) == "wake")
            #expect(submit(3, to: &machine) == "start", "the free thread is spoken for")
            #expect(submit(4, to: &machine) == "queued")
            #expect(machine.threads == 2 && machine.queued == 3)
            #expect((0..<2).map { _ in word(machine.next(at: 0)) } == ["run 2", "run 3"])
            machine.finished()
            #expect(word(machine.next(at: 0)) == "run 4")
            #expect(machine.running == 2 && machine.completed == 2)
        }

        @Test func `a full line refuses only those who do not want to wait`() {
            var machine = Machine(maximumThreads: 1, queueLimit: 2)
            #expect(submit(1, to: &machine, mayWait: false) == "start")
            #expect(submit(2, to: &machine, mayWait: false) == "queued")
            #expect(submit(3, to: &machine, mayWait: false) == "queued")
            #expect(submit(4, to: &machine, mayWait: false) == "full")
            #expect(submit(5, to: &machine, mayWait: true) == "queued")
            #expect(machine.queued == 4)
        }

        @Test func `without a line only a free thread takes work`() {
            var machine = Machine(maximumThreads: 1, queueLimit: 0)
            #expect(submit(1, to: &machine, mayWait: false) == "start")
            #expect(submit(2, to: &machine, mayWait: false) == "full")
            _ = machine.next(at: 0)
            machine.finished()
            #expect(submit(3, to: &machine, mayWait: false) == "wake")
        }

        @Test func `work is cancelled while it waits, once, and not when it runs`() throws {
            var machine = Machine(maximumThreads: 1, queueLimit: 10)
            let first = try ticket(machine.submit(1, at: 0, mayWait: true))
            let second = try ticket(machine.submit(2, at: 0, mayWait: true))
            #expect(word(machine.next(at: 0)) == "run 1")
            #expect(machine.cancel(first) == nil)
            #expect(machine.cancel(second) == 2)
            #expect(machine.cancel(second) == nil)
            machine.finished()
            #expect(word(machine.next(at: 0)) == "wait")
            #expect(machine.isIdle && machine.completed == 1)
        }

        @Test func `closing gives back what has not begun and ends the threads`() {
            var machine = Machine(maximumThreads: 2, queueLimit: 10)
            for work in 1...4 { _ = submit(work, to: &machine) }
            #expect(word(machine.next(at: 0)) == "run 1")
            #expect(machine.close() == [2, 3, 4])
            #expect(submit(5, to: &machine) == "stopped")
            #expect(word(machine.next(at: 0)) == "exit")
            #expect(!machine.isIdle, "one still runs")
            machine.finished()
            #expect(word(machine.next(at: 0)) == "exit")
            #expect(machine.threads == 0 && machine.isIdle)
            #expect(machine.close().isEmpty)
        }

        @Test func `when no thread can be started, only what nobody will come to fails`() {
            var machine = Machine(maximumThreads: 2, queueLimit: 10)
            _ = submit(1, to: &machine)
            _ = submit(2, to: &machine)
            #expect(machine.threadFailed().isEmpty, "the other thread will come to it")
            #expect(machine.threadFailed() == [1, 2])
            #expect(machine.isIdle && machine.threads == 0)
            #expect(submit(3, to: &machine) == "start", "it is tried again")
        }

        @Test func `the longest wait counts those that wait now`() {
            var machine = Machine(maximumThreads: 1, queueLimit: 10)
            _ = submit(1, to: &machine, at: 100)
            _ = machine.next(at: 130)
            #expect(machine.longestWait(at: 1_000) == 30)
            _ = submit(2, to: &machine, at: 1_000)
            #expect(machine.longestWait(at: 1_050) == 50)
            #expect(machine.longestWait(at: 900) == 30, "clocks of threads may differ a little")
            machine.finished()
            _ = machine.next(at: 1_070)
            #expect(machine.longestWait(at: 5_000) == 70)
        }

        /// Any order of events: each work ends once, by running, cancelling, or closing.
        @Test(arguments: Seed.some(10))
        func `whatever happens, each work ends once`(seed: Seed) {
            var random = seed.generator
            var machine = Machine(maximumThreads: 3, queueLimit: 5)
            var ended: [Int: Int] = [:]
            var tickets: [Machine.Ticket] = []
            var running: [Int] = []
            var submitted = 0
            for step in 0..<5_000 {
                switch Int.random(in: 0..<5, using: &random) {
                case 0, 1:
                    let outcome = machine.submit(
                        step, at: UInt64(step), mayWait: Bool.random(using: &random))
                    guard let ticket = try? ticket(outcome) else { continue }
                    submitted += 1
                    tickets.append(ticket)
                case 2 where running.count < machine.threads:
                    if case .run(let work) = machine.next(at: UInt64(step)) { running.append(work) }
                case 3 where !running.isEmpty:
                    machine.finished()
                    ended[running.removeFirst(), default: 0] += 1
                case 4 where !tickets.isEmpty:
                    let index = Int.random(in: 0..<tickets.count, using: &random)
                    if let work = machine.cancel(tickets[index]) { ended[work, default: 0] += 1 }
                default: continue
                }
                #expect(machine.running == running.count && machine.threads <= 3)
            }
            for work in machine.close() + running { ended[work, default: 0] += 1 }
            #expect(ended.count == submitted && ended.values.allSatisfy { $0 == 1 })
        }
    }
}
