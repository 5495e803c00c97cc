/// A value and the lock that guards it, for the parts of the package beside Heddle. Safe to use from any
/// thread.
// Sendable: `value` is guarded by `lock`.
package final class Locked<Value: Sendable>: @unchecked Sendable {
    private let lock = Lock()
    private var value: Value

    package init(_ value: Value) {
        self.value = value
    }

    /// Lends the value to `body`, which must neither block nor come back here.
    package func withLock<R, E: Error>(_ body: (inout Value) throws(E) -> R) throws(E) -> R {
        lock.acquire()
        defer { lock.release() }
        return try body(&value)
    }
}
