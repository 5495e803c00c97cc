import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct FileAttributeTests {
        @Test func `what a process may do with a file is told`() async throws {
            try await withTestFolder { loop, folder in
                let file = folder.appending("file")
                Disk.write("x", to: file)
                try await loop.files.setPermissions(.ownerReadWrite, of: file)
                #expect(try await loop.files.allows([], to: file))
                #expect(try await loop.files.allows([.reading, .writing], to: file))
                // Not even root runs what nobody may run.
                #expect(try await !loop.files.allows(.executing, to: file))
                #expect(try await !loop.files.allows([.reading, .executing], to: file))
                try await loop.files.setPermissions(.ownerReadExecute, of: file)
                #expect(try await loop.files.allows(.executing, to: file))
                #expect(try await loop.files.allows(.executing, to: folder))
            }
        }

        @Test func `a file is given to another owner, a link too`() async throws {
            try await withTestFolder { loop, folder in
                let (file, link) = (folder.appending("file"), folder.appending("link"))
                Disk.write("x", to: file)
                try await loop.files.createSymbolicLink(at: link, to: "file")
                let (user, group) = (UserID(getuid()), GroupID(getgid()))
                // As it is: what everybody may do.
                try await loop.files.setOwner(of: file)
                try await loop.files.setOwner(user: user, group: group, of: link)
                #expect(try await loop.files.status(of: file).userID == user)
                guard getuid() == 0 else {
                    let error = await expectError(.permissionDenied) {
                        try await loop.files.setOwner(user: UserID(0), of: file)
                    }
                    #expect(error?.description.hasPrefix("set the owner of \(file): ") == true)
                    return
                }
                try await loop.files.setOwner(user: UserID(65534), of: link)
                try await loop.files.setOwner(group: GroupID(12), of: link, followingLink: false)
                let (its, links) = (
                    try await loop.files.status(of: file),
                    try await loop.files.status(of: link, followingLink: false)
                )
                #expect((its.userID, its.groupID) == (UserID(65534), group))
                #expect((links.userID, links.groupID) == (user, GroupID(12)))
            }
        }

        @Test func `times are set, each alone, of a link too`() async throws {
            try await withTestFolder { loop, folder in
                let (file, link) = (folder.appending("file"), folder.appending("link"))
                Disk.write("x", to: file)
                try await loop.files.createSymbolicLink(at: link, to: "file")
                func times(_ path: FilePath) async throws -> [Int] {
                    let found = try await loop.files.status(of: path, followingLink: false)
                    return [found.st_atim, found.st_mtim].flatMap { [$0.tv_sec, $0.tv_nsec] }
                }
                // Before 1970 too, to the nanosecond.
                let (early, late) = (
                    timespec(tv_sec: -1, tv_nsec: 999_999_999),
                    timespec(tv_sec: 2_000_000_000, tv_nsec: 1)
                )
                try await loop.files.setTimes(access: early, modification: late, of: file)
                #expect(try await times(file) == [-1, 999_999_999, 2_000_000_000, 1])
                try await loop.files.setTimes(modification: early, of: link)
                #expect(try await times(file) == [-1, 999_999_999, -1, 999_999_999])
                try await loop.files.setTimes(access: late, of: file)
                try await loop.files.setTimes(of: file)
                #expect(try await times(file) == [2_000_000_000, 1, -1, 999_999_999])
                try await loop.files.setTimes(
                    access: early, modification: early, of: link, followingLink: false)
                #expect(try await times(link) == [-1, 999_999_999, -1, 999_999_999])
                await expectError(.invalidArgument) {
                    let none = timespec(tv_sec: 0, tv_nsec: 2_000_000_000)
                    try await loop.files.setTimes(access: none, of: file)
                }
            }
        }

        @Test func `a canonical path has no links and no dots`() async throws {
            try await withTestFolder { loop, folder in
                let real = try await loop.files.canonicalPath(of: folder)
                try await loop.files.createDirectory(folder.appending("a/b"), withParents: true)
                try await loop.files.createSymbolicLink(at: folder.appending("link"), to: "a/b")
                let found = try await loop.files.canonicalPath(of: folder.appending("link/../b/."))
                #expect(found == real.appending("a/b"))
                #expect(try await loop.files.canonicalPath(of: ".").isAbsolute)
                try await loop.files.createSymbolicLink(at: folder.appending("loop"), to: "loop")
                let error = await #expect(throws: IOError.self) {
                    _ = try await loop.files.canonicalPath(of: folder.appending("loop"))
                }
                #expect(error?.description.contains("ELOOP") == true)
            }
        }

        @Test func `the space is that of statvfs`() async throws {
            try await withTestFolder { loop, folder in
                let found = try await loop.files.space(at: folder)
                var theirs = statvfs()
                #expect(statvfs(folder.string, &theirs) == 0)
                #expect(found.total == UInt64(theirs.f_blocks) * UInt64(theirs.f_frsize))
                #expect(found.available <= found.free && found.free <= found.total)
                #expect(found.total > 0)
            }
        }
    }
}
