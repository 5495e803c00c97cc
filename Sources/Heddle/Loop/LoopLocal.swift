/// A value of which each loop has an instance of its own: a cache, a counter, a connection pool, used
/// without locks by whatever runs on the loop.
///
/// ```swift
/// let hits = LoopLocal(on: runtime.loops) { _ in 0 }
/// let count = try await loop.task {
///     try hits.withValue { hits in
///         hits += 1
///         return hits
///     }
/// }.value
/// ```
///
/// A loop's instance is created on it at first use, and destroyed on it: when this object goes, or
/// when the loop stops, after its connections and timers have ended and before the loop closes. Instances
/// of one loop are then destroyed in the opposite order of their creation. The value needs not be
/// `Sendable`: the compiler keeps it inside ``withValue(_:)``.
public final class LoopLocal<Value>: Sendable {
    /// The loops' threads, together, since every use looks for its own.
    private let owners: [UInt]
    private let slots: [Slot]
    private let make: @Sendable (EventLoop) -> sending Value

    /// - Parameters:
    ///   - loops: where instances may be; they must have been started.
    ///   - make: creates a loop's instance, on that loop, when it is first used there. It must not use
    ///     this value itself, which traps.
    public init(
        on loops: [EventLoop], _ make: @escaping @Sendable (EventLoop) -> sending Value
    ) {
        owners = loops.map { $0.core.ownerIdentity }
        slots = loops.map { Slot($0) }
        self.make = make
    }

    deinit {
        for slot in slots { slot.abandon(on: slot.loop.core) }
    }

    /// Runs `body` with the instance of the loop that the calling code is on.
    ///
    /// `body` cannot wait and must not use this value again, which traps: it has the instance alone.
    ///
    /// - Throws: ``IOError/Code/wrongThread`` off the loops that this value was made for;
    ///   ``IOError/Code/loopStopped`` when the loop's instance was destroyed because the loop ends; what
    ///   `body` throws.
    public func withValue<Result>(
        _ body: (inout sending Value) throws -> sending Result
    ) throws -> sending Result {
        let thread = ThreadIdentity.current
        guard let index = owners.firstIndex(of: thread), slots[index].loop.core.isCurrent else {
            throw misuse()
        }
        let slot = slots[index]
        if slot.value == nil { try create(slot) }
        return try slot.withValue(body)
    }

    /// Whether the calling code is on a loop that this value was made for.
    public var isAvailable: Bool {
        slots.contains { $0.loop.core.isCurrent && !$0.loop.core.locals.hasEnded }
    }

    private func create(_ slot: Slot) throws {
        precondition(!slot.isInUse, "a loop-local value was used while it was being created")
        let core = slot.loop.core
        guard !core.locals.hasEnded else { throw core.stoppedError("use loop-local value") }
        slot.isInUse = true
        slot.value = make(slot.loop)
        slot.isInUse = false
        slot.isLive = true
        core.locals.add(slot)
    }

    /// The code runs on none of the loops, or as a late job of one that has ended.
    private func misuse() -> IOError {
        if let slot = slots.first(where: { $0.loop.core.isCurrent }) {
            return slot.loop.core.stoppedError("use loop-local value")
        }
        return IOError(
            .wrongThread, "use loop-local value",
            reason: "the code runs on none of the \(slots.count) event loops that have one")
    }

    /// One loop's instance.
    // Sendable: `value` and `isInUse` are used on the loop's thread.
    private final class Slot: LoopLocalSlot, @unchecked Sendable {
        let loop: EventLoop
        var value: Value?
        var isInUse = false

        init(_ loop: EventLoop) {
            self.loop = loop
        }

        func withValue<Result>(
            _ body: (inout sending Value) throws -> sending Result
        ) throws -> sending Result {
            precondition(!isInUse, "a loop-local value was used inside its own withValue")
            isInUse = true
            defer { isInUse = false }
            return try body(&value!)
        }

        override func destroy() {
            isLive = false
            // Out of the slot before its own end runs, which may look for it.
            let last = value.take()
            withExtendedLifetime(last) {}
        }
    }
}
