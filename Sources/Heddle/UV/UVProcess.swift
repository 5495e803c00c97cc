internal import CLibuv
internal import Glibc

/// What `UVProcess` starts: texts without NUL, and the descriptors of the child's first three.
struct UVSpawn {
    var file: String
    /// With the program's own name as the first.
    var arguments: [String]
    /// `KEY=value` each; nil for this process's own.
    var environment: [String]?
    var workingDirectory: String?
    var userID: UInt32?
    var groupID: UInt32?
    var startsSession = false
    /// The process group to join, 0 for a new one; nil for this process's, or the session's.
    var processGroup: Int32?
    /// The caller's, who keeps them open during the call; nil for /dev/null.
    var descriptors: [Int32?]
}

/// A child process, from its start until it has been waited for. Belongs to its loop, which waits for it when the
/// child's own descriptor (pidfd_open(2)) says that it has ended.
///
/// A handle closed while its child lives would leave a zombie, so nothing here closes it before
/// `didExit`, except what the subclass does when its loop ends.
class UVProcess: UVPoll {
    /// The child's number, which no other process has before it was waited for.
    final let processID: Int32

    /// The child's descriptor, readable when that has ended.
    final let descriptor: Int32

    /// Starts the child: blocks for as long as fork(2) and execve(2) take.
    ///
    /// - Throws: what the system said of that, for example `ENOENT`. Nothing is left of the child then.
    init(loop: UVLoop, _ spawn: UVSpawn) throws(UVError) {
        let (process, descriptor) = try Self.start(spawn)
        processID = process
        self.descriptor = descriptor
        do throws(UVError) {
            try super.init(kind: .process, loop: loop, descriptor: descriptor)
        } catch {
            Self.end(process)
            Glibc.close(descriptor)
            throw error
        }
        do throws(UVError) {
            try startReading()
        } catch {
            Self.end(process)
            close()
            throw error
        }
    }

    /// Sends the child alone a signal; false with the reason in `errno`.
    final func send(signal: Int32) -> Bool {
        heddle_pidfd_send_signal(descriptor, signal) == 0
    }

    final override func becameReady() {
        guard phase == .open else { return }
        waitIfEnded()
    }

    /// Waits for the child if it has ended, and says so below; whether it has.
    @discardableResult
    final func waitIfEnded() -> Bool {
        var word: Int32 = 0
        // The system writes into the local during the call only.
        let waited = unsafe waitpid(processID, &word, WNOHANG)
        if waited == processID {
            didExit(status: word >> 8 & 0xFF, signal: word & 0x7F)
        } else if waited < 0, errno == ECHILD {
            wasTaken()
        } else {
            return false
        }
        return true
    }

    override func didClose() {
        Glibc.close(descriptor)
    }

    /// Runs on the loop when the child has ended, and other code has waited for it.
    func wasTaken() {}

    /// Runs on the loop when the child has ended and was waited for: its number may be another's now.
    func didExit(status: Int32, signal: Int32) {}
}
