import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct InboxTests {
        @Test func `items come out in the order they were posted`() {
            let inbox = Inbox()
            let list = Recorder<Int>()
            for number in 0..<2000 { #expect(inbox.post(Self.item(number, list))) }
            #expect(inbox.mayHaveMail)
            Self.runAll(inbox)
            #expect(list.all == Array(0..<2000))
            #expect(!inbox.mayHaveMail)
        }

        @Test func `a limited take leaves the rest, in order, and says there is more`() {
            let inbox = Inbox()
            let list = Recorder<Int>()
            for number in 0..<10 { _ = inbox.post(Self.item(number, list)) }
            let queue = TurnQueues()
            defer { queue.destroy() }
            inbox.take(4, into: queue)
            while let item = queue.popReady() { Self.run(item) }
            #expect(list.all == Array(0..<4))
            #expect(inbox.mayHaveMail)
            _ = inbox.post(Self.item(10, list))
            for _ in 0..<4 { inbox.take(4, into: queue) }
            #expect(!inbox.mayHaveMail)
            while let item = queue.popReady() { Self.run(item) }
            #expect(list.all == Array(0...10))
        }

        @Test func `a shut inbox refuses what comes, and keeps what came`() {
            let inbox = Inbox()
            let list = Recorder<Int>()
            #expect(inbox.post(Self.item(1, list)))
            inbox.shut()
            let late = Self.item(2, list)
            #expect(!inbox.post(late))
            Self.runAll(inbox)
            #expect(list.all == [1])
            // Refused: still the poster's, who runs it elsewhere.
            Self.run(late)
            #expect(list.all == [1, 2])
        }

        @Test func `the rest of a shut inbox is what earlier takes left and what came since`() {
            let inbox = Inbox()
            let list = Recorder<Int>()
            for number in 0..<10 { _ = inbox.post(Self.item(number, list)) }
            let queue = TurnQueues()
            defer { queue.destroy() }
            inbox.take(4, into: queue)
            for number in 10..<20 { _ = inbox.post(Self.item(number, list)) }
            inbox.shut()
            inbox.takeRest(into: queue)
            while let item = queue.popReady() { Self.run(item) }
            #expect(list.all == Array(0..<20))
            #expect(!inbox.mayHaveMail)
        }

        /// Post against stop: eight threads post while the inbox is emptied and shut. What was accepted
        /// comes out exactly once and in order; what was refused was so for good. Fifty rounds.
        @Test func `posting while the inbox shuts loses and doubles nothing`() async throws {
            for round in 0..<TestScale.times(50, full: 2000) {
                let inbox = Inbox()
                let list = Recorder<Int>()
                let accepted = Recorder<Int>()
                try await onThreads(9) { index in
                    if index == 8 {
                        let queue = TurnQueues()
                        defer { queue.destroy() }
                        for _ in 0..<(round * 7 % 100) { inbox.take(5, into: queue) }
                        inbox.shut()
                        inbox.takeRest(into: queue)
                        while let item = queue.popReady() { Self.run(item) }
                        return
                    }
                    var isOpen = true
                    for number in 0..<100 {
                        let item = Self.item(index * 1000 + number, list)
                        let taken = inbox.post(item)
                        if taken { accepted.add(index * 1000 + number) } else { Self.run(item) }
                        if taken, !isOpen { Issue.record("shut and then open again") }
                        isOpen = taken
                    }
                }
                #expect(list.count == 800)
                #expect(Set(list.all).count == 800)
                let ran = list.all.filter(Set(accepted.all).contains)
                for index in 0..<8 {
                    let mine = ran.filter { $0 / 1000 == index }
                    #expect(mine == mine.sorted())
                }
            }
        }

        private static func item(_ number: Int, _ list: Recorder<Int>) -> ReadyItem {
            ReadyItem(work: { list.add(number) })
        }

        private static func run(_ item: ReadyItem) {
            item.runWork()
        }

        private static func runAll(_ inbox: Inbox) {
            let queue = TurnQueues()
            defer { queue.destroy() }
            inbox.take(.max, into: queue)
            while let item = queue.popReady() { run(item) }
        }
    }
}
