import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct FileEventQueueTests {
        private static func drain(_ queue: inout FileEventQueue, at now: UInt64) -> [FileEvent] {
            var found: [FileEvent] = []
            while let event = queue.popDue(at: now) { found.append(event) }
            return found
        }

        @Test func `events come in order, and those that say nothing more are one`() {
            var queue = FileEventQueue(quietNanoseconds: 0)
            queue.add(.created, "a", at: 1)
            queue.add(.changed, "a", at: 2)
            queue.add(.changed, "b", at: 3)
            queue.add(.changed, "b", at: 4)
            queue.add(.removed, "a", at: 5)
            queue.add(.created, "a", at: 6)
            #expect(queue.nextDue == 1)
            #expect(
                Self.drain(&queue, at: 6) == [
                    .created("a"), .changed("b"), .removed("a"), .created("a"),
                ])
            queue.add(.changed, "b", at: 7)
            #expect(Self.drain(&queue, at: 7) == [.changed("b")])
            #expect(queue.nextDue == nil)
        }

        @Test(arguments: [
            ([FileEventQueue.Kind.created, .changed], [FileEvent.created("a")]),
            ([.created, .changed, .removed], []),
            ([.changed, .removed], [.removed("a")]),
            ([.removed, .created], [.changed("a")]),
            ([.changed, .changed], [.changed("a")]),
            ([.created, .removed, .created], [.created("a")]),
        ])
        func `events of a path that is not quiet are merged`(
            kinds: [FileEventQueue.Kind], result: [FileEvent]
        ) {
            var queue = FileEventQueue(quietNanoseconds: 100)
            for (time, kind) in kinds.enumerated() { queue.add(kind, "a", at: UInt64(time) * 50) }
            let last = UInt64(kinds.count - 1) * 50
            #expect(Self.drain(&queue, at: last + 99) == [])
            #expect(queue.nextDue == (result.isEmpty ? nil : last + 100))
            #expect(Self.drain(&queue, at: last + 100) == result)
        }

        @Test func `a path that is never quiet is told of in the end`() {
            var queue = FileEventQueue(quietNanoseconds: 100)
            var told: [UInt64] = []
            for time in stride(from: UInt64(0), to: 2500, by: 50) {
                queue.add(.changed, "a", at: time)
                if queue.popDue(at: time) != nil { told.append(time) }
            }
            #expect(told == [1000, 2050])
        }

        @Test func `too many events become an overflow, and what follows is kept`() {
            for quiet in [UInt64(0), 1] {
                var queue = FileEventQueue(quietNanoseconds: quiet)
                let count = FileEventQueue.maximumPending
                for number in 0..<count { queue.add(.created, FilePath("\(number)"), at: 0) }
                #expect(queue.popDue(at: 5) == .created("0"))
                queue.add(.created, "one", at: 0)
                queue.add(.created, "more", at: 0)
                queue.add(.created, "last", at: 0)
                #expect(Self.drain(&queue, at: 5) == [.overflow, .created("last")])
            }
        }
    }
}
