internal import Glibc

/// One of the standard streams, and the exclusive use of it in the whole process.
///
/// The use is a lock of the system's on a file that it has for each process (flock(2), proc(5)), so nothing of it is
/// kept here. Without it two streams would take bytes from each other.
struct StandardStream {
    let number: Int32
    let name: String
    let directions: PipeCore.Directions
    /// A file of the process for the lock; nobody else locks these.
    private let lockFile: String

    static let input = StandardStream(
        number: STDIN_FILENO, name: "standard input", directions: .reading, lockFile: "cmdline")
    static let output = StandardStream(
        number: STDOUT_FILENO, name: "standard output", directions: .writing, lockFile: "limits")
    static let error = StandardStream(
        number: STDERR_FILENO, name: "standard error", directions: .writing, lockFile: "status")

    /// The same stream of another descriptor: for tests, whose own standard streams are somebody else's.
    func of(_ number: Int32) -> StandardStream {
        StandardStream(number: number, name: name, directions: directions, lockFile: lockFile)
    }

    /// Begins the use, and makes what a stream needs of the descriptor, which itself is left alone. The use ends when
    /// that is given back.
    func borrow() throws(IOError) -> PipeDescriptor {
        let lock = try begin()
        do throws(IOError) {
            return try PipeDescriptor.borrowing(
                number, name: name, wanted: directions, lock: lock)
        } catch {
            DescriptorRestorer(lock: lock).putBack()
            throw error
        }
    }

    private func begin() throws(IOError) -> Int32 {
        // The system reads the path during the call only.
        let lock = unsafe Glibc.open("/proc/self/\(lockFile)", O_RDONLY | O_CLOEXEC)
        guard lock >= 0 else { throw IOError(errno: errno, "open", on: name) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            Glibc.close(lock)
            throw IOError(.busy, "open", on: name, reason: "it is in use in this process already")
        }
        return lock
    }
}
