import Testing

@testable import Heddle

extension HeddleTests {
    /// The decisions of a channel, with numbers in place of tasks.
    @Suite struct ChannelMachineTests {
        typealias Machine = ChannelMachine<Int, String, String>

        private func isSent(_ outcome: Machine.Send) -> Bool {
            if case .sent = outcome { true } else { false }
        }

        private func isFull(_ outcome: Machine.Send) -> Bool {
            if case .full = outcome { true } else { false }
        }

        private func receiver(of outcome: Machine.Send) -> String? {
            if case .deliver(let receiver) = outcome { receiver } else { nil }
        }

        private func ticket(_ outcome: Machine.Send) throws -> Machine.SendTicket {
            guard case .wait(let ticket) = outcome else { throw WaitedTooLong() }
            return ticket
        }

        private func ticket(_ outcome: Machine.Receive) throws -> Machine.ReceiveTicket {
            guard case .wait(let ticket) = outcome else { throw WaitedTooLong() }
            return ticket
        }

        private func received(_ outcome: Machine.Receive) -> [String] {
            switch outcome {
            case .received(let element, let sender): ["\(element)", sender ?? "nobody"]
            case .empty: ["empty"]
            case .finished: ["finished"]
            case .wait: ["wait"]
            }
        }

        @Test func `what fits is kept, and comes out in order`() {
            var machine = Machine(capacity: 2)
            #expect(isSent(machine.send(1, mayWait: true)))
            #expect(isSent(machine.send(2, mayWait: false)))
            #expect(isFull(machine.send(3, mayWait: false)))
            #expect(machine.count == 2)
            #expect(received(machine.receive(mayWait: true)) == ["1", "nobody"])
            #expect(received(machine.receive(mayWait: false)) == ["2", "nobody"])
            #expect(received(machine.receive(mayWait: false)) == ["empty"])
        }

        @Test func `a sender in line is sent when a place is free, in its turn`() throws {
            var machine = Machine(capacity: 1)
            _ = machine.send(1, mayWait: true)
            let second = try ticket(machine.send(2, mayWait: true))
            let third = try ticket(machine.send(3, mayWait: true))
            #expect(machine.attach("third", to: third) == nil)
            #expect(machine.attach("second", to: second) == nil)
            #expect(isFull(machine.send(4, mayWait: false)))
            #expect(received(machine.receive(mayWait: true)) == ["1", "second"])
            #expect(received(machine.receive(mayWait: true)) == ["2", "third"])
            #expect(received(machine.receive(mayWait: true)) == ["3", "nobody"])
            #expect(machine.storedWaits == 0)
        }

        @Test func `an element goes to the receiver that waited longest`() throws {
            var machine = Machine(capacity: 1)
            let first = try ticket(machine.receive(mayWait: true))
            let second = try ticket(machine.receive(mayWait: true))
            #expect(machine.attach("first", to: first) == nil)
            #expect(machine.attach("second", to: second) == nil)
            #expect(receiver(of: machine.send(1, mayWait: true)) == "first")
            #expect(receiver(of: machine.send(2, mayWait: true)) == "second")
            #expect(machine.count == 0 && machine.storedWaits == 0)
        }

        @Test func `an end that comes before the task has suspended is kept for it`() throws {
            var machine = Machine(capacity: 0)
            let receiver = try ticket(machine.receive(mayWait: true))
            #expect(isSent(machine.send(1, mayWait: true)))
            #expect(machine.cancel(receiver) == nil, "it has its element already")
            guard case .received(1)? = machine.attach("late", to: receiver) else {
                Issue.record("the element was lost")
                return
            }
            let sender = try ticket(machine.send(2, mayWait: true))
            #expect(received(machine.receive(mayWait: true)) == ["2", "nobody"])
            #expect(machine.cancel(sender) == nil, "it was sent already")
            #expect(machine.attach("late", to: sender)?.end == .sent)
            #expect(machine.storedWaits == 0)
        }

        @Test func `a cancelled sender has sent nothing, attached or not`() throws {
            var machine = Machine(capacity: 1)
            _ = machine.send(1, mayWait: true)
            let early = try ticket(machine.send(2, mayWait: true))
            let late = try ticket(machine.send(3, mayWait: true))
            #expect(machine.attach("late", to: late) == nil)
            #expect(machine.cancel(late)?.sender == "late")
            #expect(machine.cancel(early) == nil)
            #expect(machine.attach("early", to: early)?.end == .cancelled)
            #expect(received(machine.receive(mayWait: true)) == ["1", "nobody"])
            #expect(received(machine.receive(mayWait: false)) == ["empty"])
            #expect(machine.storedWaits == 0)
        }

        @Test func `a cancelled receiver takes nothing, attached or not`() throws {
            var machine = Machine(capacity: 1)
            let early = try ticket(machine.receive(mayWait: true))
            let late = try ticket(machine.receive(mayWait: true))
            #expect(machine.attach("late", to: late) == nil)
            #expect(machine.cancel(late) == "late")
            #expect(machine.cancel(late) == nil)
            #expect(machine.cancel(early) == nil)
            #expect(isSent(machine.send(1, mayWait: true)))
            guard case .cancelled? = machine.attach("early", to: early) else {
                Issue.record("it was not cancelled")
                return
            }
            #expect(received(machine.receive(mayWait: true)) == ["1", "nobody"])
            #expect(machine.storedWaits == 0)
        }

        @Test func `finishing keeps what was sent and fails those in line`() throws {
            var machine = Machine(capacity: 1)
            _ = machine.send(1, mayWait: true)
            let attached = try ticket(machine.send(2, mayWait: true))
            let early = try ticket(machine.send(3, mayWait: true))
            #expect(machine.attach("attached", to: attached) == nil)
            let (failed, done) = machine.finish()
            #expect(failed.map(\.sender) == ["attached"] && done.isEmpty)
            #expect(machine.attach("early", to: early)?.end == .closed)
            guard case .closed = machine.send(4, mayWait: true) else {
                Issue.record("something was sent")
                return
            }
            #expect(received(machine.receive(mayWait: true)) == ["1", "nobody"])
            #expect(received(machine.receive(mayWait: true)) == ["finished"])
            #expect(machine.storedWaits == 0)
        }

        @Test func `finishing sends receivers home, attached or not`() throws {
            var machine = Machine(capacity: 1)
            let attached = try ticket(machine.receive(mayWait: true))
            let early = try ticket(machine.receive(mayWait: true))
            #expect(machine.attach("attached", to: attached) == nil)
            #expect(machine.finish().receivers == ["attached"])
            guard case .finished? = machine.attach("early", to: early) else {
                Issue.record("it was not finished")
                return
            }
            let again = machine.finish()
            #expect(again.senders.isEmpty && again.receivers.isEmpty)
            #expect(machine.storedWaits == 0)
        }
    }
}
