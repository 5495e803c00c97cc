internal import Glibc

/// A closure that somebody posted to a loop. Whoever owns it runs or drops it, once.
///
/// In plain memory, not in an object: with reference counts and a type to look up, posting would cost half as
/// much again.
// Unsafe: the memory holds the closure from `init` until one of the two ends.
@safe struct PostedWork {
    /// A struct around it keeps the closure as it is; as a generic argument it would be wrapped in another.
    private struct Body {
        let run: () -> Void
    }

    private let body: UnsafeMutablePointer<Body>

    @inline(__always)
    init(_ body: consuming @escaping @Sendable () -> Void) {
        // Not `allocate`, which takes memory through posix_memalign(3) here.
        let memory = unsafe malloc(MemoryLayout<Body>.stride)!
        unsafe self.body = memory.bindMemory(to: Body.self, capacity: 1)
        unsafe self.body.initialize(to: Body(run: body))
    }

    @inline(__always)
    func run() {
        takeBody().run()
    }

    func drop() {
        _ = takeBody()
    }

    /// The closure, without its memory, which other posts have use for meanwhile.
    @inline(__always)
    private func takeBody() -> Body {
        let taken = unsafe body.move()
        unsafe free(body)
        return taken
    }
}
