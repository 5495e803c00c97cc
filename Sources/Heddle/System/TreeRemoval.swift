internal import Glibc
internal import SystemPackage

/// The removal of a folder with everything in it, in steps, so that other work has the thread between them.
///
/// What others put into a folder while it is being emptied is removed too: work that was begun for a caller who
/// has been cancelled may still make a file. Somebody who goes on making files ends it with an error.
// Sendable: used by one step at a time, each of which has ended when the next begins.
final class TreeRemoval: @unchecked Sendable {
    /// Folders within folders that a removal goes down.
    static let maximumDepth = 128
    /// What one step takes away before it lets other work have the thread.
    private static let removalsPerStep = 256
    /// Folders found full again when they had been emptied, before that is an error. More than the threads that
    /// can be making files for nobody.
    static let maximumRefills = 1024

    private let path: FilePath
    /// What this step may still take away.
    private var budget = 0
    private var refills = 0

    init(of path: FilePath) {
        self.path = path
    }

    /// Removes a part of what lies under the path, at last itself; whether all is gone. On a thread of the pool.
    func step() throws -> Bool {
        guard try FileSystem.status(of: path, followingLink: false).type == .directory else {
            try FileSystem.remove(path)
            return true
        }
        budget = Self.removalsPerStep
        let folder = try OpenFile(path, flags: OpenFile.directoryFlags, permissions: [])
        defer { folder.close() }
        guard try removeContents(of: folder, depth: 0) else { return false }
        return try unlessRefilled { () throws(IOError) in try FileSystem.remove(path) }
    }

    /// Whether the folder is empty; if not, the budget is used up.
    private func removeContents(of folder: OpenFile, depth: Int) throws(IOError) -> Bool {
        guard depth < Self.maximumDepth else {
            throw IOError(
                .limitExceeded, "remove", on: folder.path.string,
                reason: "more than \(Self.maximumDepth) folders deep")
        }
        while true {
            let names = try folder.nextNames()
            if names.isEmpty { return true }
            for name in names {
                guard budget > 0, try remove(name, in: folder, depth: depth) else { return false }
                budget -= 1
            }
            // What was removed moves what is left: from the start again.
            try SystemCall.check("list", on: folder.path) { lseek(folder.descriptor, 0, SEEK_SET) }
        }
    }

    /// Removes what has a name; one that was refilled stays for when the names are read again.
    private func remove(
        _ name: OpenFile.Name, in folder: OpenFile, depth: Int
    ) throws(IOError) -> Bool {
        guard folder.type(of: name) == .directory else {
            try folder.unlink(name)
            return true
        }
        guard let inner = try folder.openDirectory(name) else { return true }
        defer { inner.close() }
        guard try removeContents(of: inner, depth: depth + 1) else { return false }
        _ = try unlessRefilled { () throws(IOError) in try folder.unlink(name, AT_REMOVEDIR) }
        return true
    }

    /// Whether `remove` took an emptied folder away; if not, there is something in it again.
    func unlessRefilled(_ remove: () throws(IOError) -> Void) throws(IOError) -> Bool {
        do {
            try remove()
            return true
        } catch {
            guard error.code == .notEmpty, refills < Self.maximumRefills else { throw error }
            refills += 1
            return false
        }
    }
}
