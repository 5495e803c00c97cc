internal import Glibc

/// Which thread this is, as a number that can be compared and stored in an atomic.
enum ThreadIdentity {
    /// No thread.
    static let none: UInt = 0

    @inline(__always)
    static var current: UInt {
        UInt(pthread_self())
    }
}
