/// A block of memory that `Bytes` are slices of. Reference-counted; whoever holds a slice keeps it.
///
/// A slab is written by its one writer (a loop's `BufferPool`, or the code that made it) in places no
/// slice covers yet, and is immutable where slices exist: that is what lets slices cross threads.
@usableFromInline
final class Slab: ManagedBuffer<Int, UInt8> {
    static func make(capacity: Int) -> Slab {
        // `create` returns an instance of the class it is called on.
        unsafe unsafeDowncast(create(minimumCapacity: capacity) { _ in capacity }, to: Slab.self)
    }

    /// The first byte; valid while the slab is referenced, which is for the callers to ensure.
    @usableFromInline
    var base: UnsafeMutableRawPointer {
        // The elements of a managed buffer never move.
        unsafe withUnsafeMutablePointerToElements { UnsafeMutableRawPointer($0) }
    }
}
