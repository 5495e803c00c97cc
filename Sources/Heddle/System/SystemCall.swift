internal import Glibc
internal import SystemPackage

/// System calls as the file work makes them, on threads of the pool: tried again while a signal breaks
/// them off, and failing with an error that names the path.
enum SystemCall {
    /// Most bytes one read or write moves, on any Linux; see read(2).
    static let maximumBytes = 0x7FFF_F000

    /// The call's result; its failure as an error.
    @discardableResult
    static func check<T: BinaryInteger>(
        _ operation: String, on path: FilePath, _ call: () -> T
    ) throws(IOError) -> T {
        while true {
            let result = call()
            if result >= 0 { return result }
            let number = errno
            if number != EINTR { throw IOError(errno: number, operation, on: path.string) }
        }
    }

    /// The same for a call that takes the path, as text that ends with a NUL.
    // The text lives for the call, which is as long as the pointer is used.
    @discardableResult @safe
    static func check<T: BinaryInteger>(
        _ operation: String, _ path: FilePath, _ call: (UnsafePointer<CChar>) -> T
    ) throws(IOError) -> T {
        try path.checkIsUsable(for: operation)
        return try check(operation, on: path) {
            unsafe path.withPlatformString { unsafe call($0) }
        }
    }

    /// What `body` returns; nil if it fails because nothing has the path.
    static func unlessMissing<T>(_ body: () throws -> T) throws -> T? {
        do {
            return try body()
        } catch let error as IOError where error.code == .notFound {
            return nil
        }
    }

    /// The same for a call that takes two paths; an error names both.
    // As above.
    @safe
    static func check(
        _ operation: String, _ path: FilePath, _ word: String, _ other: FilePath,
        _ call: (UnsafePointer<CChar>, UnsafePointer<CChar>) -> Int32
    ) throws(IOError) {
        try path.checkIsUsable(for: operation)
        try other.checkIsUsable(for: operation)
        let result = unsafe path.withPlatformString { first in
            unsafe other.withPlatformString { unsafe call(first, $0) }
        }
        if result < 0 {
            throw IOError(errno: errno, operation, on: "\(path) \(word) \(other)")
        }
    }
}
