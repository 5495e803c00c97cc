import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct FileWatcherTests {
        private static func options(_ method: WatchOptions.Method) -> WatchOptions {
            var options = WatchOptions()
            options.method = method
            options.pollingInterval = .milliseconds(10)
            return options
        }

        /// The next event, which must come.
        private static func next(_ watcher: FileWatcher) async throws -> FileEvent? {
            try await waiting { await watcher.next() }
        }

        @Test(arguments: [WatchOptions.Method.automatic, .events, .polling])
        func `a folder tells what is created, changed and removed in it`(
            method: WatchOptions.Method
        ) async throws {
            try await withTestFolder { loop, folder in
                let watcher = try await loop.files.watch(folder, options: Self.options(method))
                let file = folder.appending("file")
                let folderInside = folder.appending("inner")
                #expect(mkdir(folderInside.string, 0o700) == 0)
                #expect(try await Self.next(watcher) == .created(folderInside))
                #expect(rename(folderInside.string, file.string) == 0)
                let both = [try await Self.next(watcher), try await Self.next(watcher)]
                #expect(Set(both) == [.removed(folderInside), .created(file)])
                #expect(rmdir(file.string) == 0)
                #expect(try await Self.next(watcher) == .removed(file))
                Disk.write("", to: file)
                #expect(try await Self.next(watcher) == .created(file))
                // With events, opening for writing told of no change, for nothing was written.
                Disk.write("changed", to: file)
                #expect(try await Self.next(watcher) == .changed(file))
                await watcher.close()
                #expect(await watcher.next() == nil)
            }
        }

        @Test(arguments: [WatchOptions.Method.events, .polling])
        func `a file is known by its path: missing, made, replaced, removed`(
            method: WatchOptions.Method
        ) async throws {
            try await withTestFolder { loop, folder in
                let path = folder.appending("file")
                let watcher = try await loop.files.watch(path, options: Self.options(method))
                Disk.write("other", to: folder.appending("other"))
                Disk.write("", to: path)
                #expect(try await Self.next(watcher) == .created(path))
                try await loop.files.replace(path, with: "replaced", synchronizing: false)
                #expect(try await Self.next(watcher) == .changed(path))
                try await loop.files.remove(path)
                #expect(try await Self.next(watcher) == .removed(path))
                await watcher.close()
            }
        }

        @Test(arguments: [WatchOptions.Method.events, .polling])
        func `a relative path is watched, and told of, as it was given`(
            method: WatchOptions.Method
        ) async throws {
            // libuv: fs_event_watch_file_current_dir.
            try await withTestFolder { loop, folder in
                var here = [CChar](repeating: 0, count: Int(PATH_MAX))
                #expect(getcwd(&here, here.count) != nil)
                let depth = FilePath(platformString: here).components.count
                let up = String(repeating: "../", count: depth)
                let path = FilePath(up + folder.string.dropFirst()).appending("file")
                #expect(path.isRelative)
                let watcher = try await loop.files.watch(path, options: Self.options(method))
                Disk.write("", to: folder.appending("file"))
                #expect(try await Self.next(watcher) == .created(path))
                await watcher.close()
            }
        }

        @Test(arguments: [WatchOptions.Method.events, .polling])
        func `a watched folder that goes is told of`(method: WatchOptions.Method) async throws {
            try await withTestFolder { loop, folder in
                let inner = folder.appending("inner")
                let moved = folder.appending("moved")
                try await loop.files.createDirectory(inner)
                try await loop.files.createDirectory(moved)
                let watcher = try await loop.files.watch(
                    [inner, moved], options: Self.options(method))
                try await loop.files.remove(inner)
                #expect(try await Self.next(watcher) == .removed(inner))
                try await loop.files.rename(moved, to: folder.appending("away"))
                #expect(try await Self.next(watcher) == .removed(moved))
                await watcher.close()
            }
        }

        @Test func `several files and their folder share a watcher`() async throws {
            try await withTestFolder { loop, folder in
                let paths = ["a", "b"].map { folder.appending($0) }
                let watcher = try await loop.files.watch(
                    paths + [folder, "/proc/self/nothing"], options: WatchOptions())
                Disk.write("", to: paths[1])
                // The folder's own event says the same, and is no second one.
                #expect(try await Self.next(watcher) == .created(paths[1]))
                Disk.write("", to: folder.appending("c"))
                #expect(try await Self.next(watcher) == .created(folder.appending("c")))
                await watcher.close()
            }
        }

        @Test func `what nobody takes is bounded, and then is an overflow`() async throws {
            try await withTestFolder { loop, folder in
                let watcher = try await loop.files.watch(folder, options: Self.options(.events))
                let (a, b) = (folder.appending("a").string, folder.appending("b").string)
                Disk.write("", to: folder.appending("a"))
                // Two events each, within what the kernel keeps.
                for _ in 0..<FileEventQueue.maximumPending / 2 {
                    rename(a, b)
                    rename(b, a)
                }
                var isTold = false
                while !isTold { isTold = try await Self.next(watcher) == .overflow }
                await watcher.close()
            }
        }

        @Test func `the kernel's own overflow is told of`() async throws {
            try await withTestFolder { loop, folder in
                let watcher = try await loop.files.watch(folder, options: Self.options(.events))
                let limit = String(
                    decoding: Disk.bytes(of: "/proc/sys/fs/inotify/max_queued_events") ?? [],
                    as: UTF8.self)
                let (a, b) = (folder.appending("a").string, folder.appending("b").string)
                Disk.write("", to: folder.appending("a"))
                // The loop is kept from reading until the kernel gives up; each renaming is two events.
                for _ in 0...(Int(limit.dropLast()) ?? 16384) / 4 {
                    rename(a, b)
                    rename(b, a)
                }
                var isTold = false
                while !isTold { isTold = try await Self.next(watcher) == .overflow }
                await watcher.close()
            }
        }

        @Test func `debounced events come when their path is quiet, merged`() async throws {
            try await withTestFolder { loop, folder in
                let watcher = try await loop.files.watch(
                    folder, options: WatchOptions(debounce: .milliseconds(30)))
                let (kept, gone) = (folder.appending("kept"), folder.appending("gone"))
                for _ in 0..<20 {
                    Disk.write("again", to: kept)
                    Disk.write("x", to: gone)
                    unlink(gone.string)
                }
                let last = loop.clock.now
                #expect(try await Self.next(watcher) == .created(kept))
                // The clock of the events began later.
                #expect(last.duration(to: loop.clock.now) >= .milliseconds(29))
                Disk.write("once more", to: kept)
                #expect(try await Self.next(watcher) == .changed(kept))
                await watcher.close()
            }
        }

        @Test func `closing a watcher amid its events delivers nothing more`() async throws {
            // libuv: fs_event_close_in_callback.
            try await withTestFolder { loop, folder in
                let watcher = try await loop.files.watch(folder, options: Self.options(.events))
                for number in 0..<50 { Disk.write("", to: folder.appending("\(number)")) }
                var told = 0
                for await _ in watcher {
                    told += 1
                    await watcher.close()
                    await watcher.close()
                    Disk.write("", to: folder.appending("late"))
                }
                #expect(told == 1)
            }
        }

        @Test(arguments: [WatchOptions.Method.events, .polling])
        func `a watch ends when it is dropped, and when its loop does`(
            method: WatchOptions.Method
        ) async throws {
            let check = try await ResourceCheck()
            let kept = Recorder<FileWatcher>()
            try await withTestFolder(grace: .zero) { loop, folder in
                var dropped: FileWatcher? = try await loop.files.watch(
                    folder, options: Self.options(method))
                #expect(dropped != nil)
                dropped = nil
                let watcher = try await loop.files.watch("/tmp", options: Self.options(method))
                kept.add(watcher)
                loop.task { for await _ in watcher {} }
            }
            #expect(await kept.all[0].next() == nil)
            await kept.all[0].close()
            check.expectUnchanged()
        }

        @Test func `cancelling ends a wait and leaves the watch as it was`() async throws {
            try await withTestFolder { loop, folder in
                let watcher = try await loop.files.watch(folder)
                let wait = loop.task { await watcher.next() }
                for _ in 0..<5 { await Task.yield() }
                wait.cancel()
                #expect(try await wait.value == nil)
                Disk.write("", to: folder.appending("file"))
                let other = await Task.detached { await watcher.next() }.value
                #expect(other == .created(folder.appending("file")))
                await watcher.close()
            }
        }

        @Test func `what cannot be watched is refused by its path`() async throws {
            try await withTestFolder { loop, folder in
                let nowhere = folder.appending("missing/file")
                for method in [WatchOptions.Method.automatic, .events] {
                    let error = await #expect(throws: IOError.self) {
                        _ = try await loop.files.watch(
                            [folder, nowhere], options: Self.options(method))
                    }
                    #expect(error?.code == .notFound)
                    #expect(error?.subject == folder.appending("missing").string)
                }
                var wrong = WatchOptions()
                wrong.pollingInterval = .milliseconds(9)
                for options in [wrong, WatchOptions(debounce: .zero)] {
                    let error = await #expect(throws: IOError.self) {
                        _ = try await loop.files.watch(folder, options: options)
                    }
                    #expect(error?.code == .invalidArgument)
                }
            }
        }
    }
}
