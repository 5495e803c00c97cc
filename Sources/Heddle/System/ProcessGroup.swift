internal import Glibc
internal import SystemPackage

/// A process group that a child of ours has led. A value; looked at from any thread.
struct ProcessGroup: Sendable {
    let number: Int32

    /// Whether anybody is in it, were it only the dead that nobody has waited for. While that is so, its number
    /// is no one else's.
    var exists: Bool { Glibc.kill(-number, 0) == 0 || errno == EPERM }

    /// Kills all of it.
    func kill() {
        guard exists else { return }
        Glibc.kill(-number, SIGKILL)
    }

    /// Whether anybody in it is alive, as `/proc` tells; assumed where that does not. Blocks: for a thread of
    /// the pool. Reads a line of each process on the machine.
    var hasLiving: Bool {
        guard exists else { return false }
        var found = 0
        do {
            let folder = try OpenFile("/proc", flags: OpenFile.directoryFlags, permissions: [])
            defer { folder.close() }
            while true {
                let names = try folder.nextNames()
                if names.isEmpty { break }
                for name in names where name.text[0] >= 0x30 && name.text[0] <= 0x39 {
                    guard let isAlive = isMemberAlive(folder.path(of: name)) else { continue }
                    if isAlive { return true }
                    found += 1
                }
            }
        } catch {
            return exists
        }
        return found == 0 && exists
    }

    /// Whether a process is alive; nil if it is none of the group.
    private func isMemberAlive(_ process: FilePath) -> Bool? {
        guard
            let file = try? OpenFile(
                process.appending("stat"), flags: O_RDONLY, permissions: [])
        else { return nil }
        defer { file.close() }
        guard let line = try? file.read(upTo: 512, at: nil),
            // The name before it may hold anything.
            let end = line.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        let words = line[(end + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 3)
        guard words.count == 4, Int32(String(decoding: words[2], as: UTF8.self)) == number else {
            return nil
        }
        // Z: dead, and not waited for; X: just gone.
        return !words[0].elementsEqual("Z".utf8) && !words[0].elementsEqual("X".utf8)
    }
}
