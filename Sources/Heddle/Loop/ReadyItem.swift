/// Something a loop runs when it next has its turn: a job, a handle, a timer, or work that somebody posted.
///
/// Two words and trivial, so that queues move it like a number and work needs no memory of its own: a closure is its
/// function and its context, which are both words; what is a single pointer has its kind in the place of the
/// context. Contexts are counted objects, whose addresses are multiples of 8, or null: no kind looks like one.
///
/// Whoever takes an item that is a timer or work out of a queue owns it, and runs or drops it, once.
// Unsafe: the words are what the initializer for their kind made of them, and are turned back for that kind alone.
@safe struct ReadyItem {
    enum Kind: UInt {
        /// A closure.
        case work = 0
        /// A job enqueued through a task's executor preference.
        case taskJob
        /// A job of an actor whose serial executor is the loop.
        case serialJob
        /// A handle that asked for a turn of its own, outside libuv's callbacks.
        case handle
        /// A timer whose deadline has passed.
        case timer
    }

    /// A struct around it keeps the closure as it is; as a generic argument it would be wrapped in another.
    private struct Work {
        let run: () -> Void
    }

    private let pointer: UInt
    private let kindOrContext: UInt

    @inline(__always)
    private init(_ kind: Kind, _ pointer: UInt) {
        self.pointer = pointer
        kindOrContext = kind.rawValue
    }

    // MARK: Making items

    @inline(__always)
    static func taskJob(_ job: UnownedJob) -> ReadyItem {
        ReadyItem(.taskJob, unsafe unsafeBitCast(job, to: UInt.self))
    }

    @inline(__always)
    static func serialJob(_ job: UnownedJob) -> ReadyItem {
        ReadyItem(.serialJob, unsafe unsafeBitCast(job, to: UInt.self))
    }

    /// Does not hold the handle: see `UVHandle.finishClose`.
    @inline(__always)
    static func handle(_ handle: UVHandle) -> ReadyItem {
        ReadyItem(.handle, UInt(bitPattern: unsafe Unmanaged.passUnretained(handle).toOpaque()))
    }

    /// Holds the timer.
    @inline(__always)
    static func timer(_ timer: LoopTimer) -> ReadyItem {
        ReadyItem(.timer, UInt(bitPattern: unsafe Unmanaged.passRetained(timer).toOpaque()))
    }

    /// Holds the closure.
    @inline(__always)
    init(work body: consuming @escaping @Sendable () -> Void) {
        var words: (UInt, UInt) = (0, 0)
        unsafe withUnsafeMutableBytes(of: &words) { memory in
            _ = unsafe memory.baseAddress.unsafelyUnwrapped
                .initializeMemory(as: Work.self, to: Work(run: body))
        }
        precondition(words.1 & 7 == 0, "the context of a closure is no object")
        (pointer, kindOrContext) = words
    }

    // MARK: Using them

    @inline(__always)
    var kind: Kind {
        switch kindOrContext {
        case Kind.taskJob.rawValue: .taskJob
        case Kind.serialJob.rawValue: .serialJob
        case Kind.handle.rawValue: .handle
        case Kind.timer.rawValue: .timer
        default: .work
        }
    }

    /// The job, of a `taskJob` or `serialJob`.
    @inline(__always)
    var job: UnownedJob { unsafe unsafeBitCast(pointer, to: UnownedJob.self) }

    /// The handle, of a `handle`.
    @inline(__always)
    var handle: Unmanaged<UVHandle> {
        unsafe Unmanaged.fromOpaque(UnsafeRawPointer(bitPattern: pointer).unsafelyUnwrapped)
    }

    /// The timer, of a `timer`, which is the caller's then.
    @inline(__always)
    func takeTimer() -> LoopTimer {
        let timer = unsafe UnsafeRawPointer(bitPattern: pointer).unsafelyUnwrapped
        return unsafe Unmanaged<LoopTimer>.fromOpaque(timer).takeRetainedValue()
    }

    /// Runs what was posted, and lets it go.
    @inline(__always)
    func runWork() {
        takeWork().run()
    }

    /// Lets go of what was posted.
    func dropWork() {
        _ = takeWork()
    }

    @inline(__always)
    private func takeWork() -> Work {
        var words = (pointer, kindOrContext)
        return unsafe withUnsafeMutableBytes(of: &words) { memory in
            unsafe memory.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: Work.self).move()
        }
    }
}
