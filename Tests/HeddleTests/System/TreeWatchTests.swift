import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct TreeWatchTests {
        private static func options(_ method: WatchOptions.Method = .events) -> WatchOptions {
            var options = WatchOptions()
            options.method = method
            options.isRecursive = true
            options.pollingInterval = .milliseconds(10)
            return options
        }

        private static func next(_ watcher: FileWatcher) async throws -> FileEvent? {
            try await waiting { await watcher.next() }
        }

        /// Events until that one, which must come; it too.
        private static func events(
            of watcher: FileWatcher, until last: FileEvent
        ) async throws -> [FileEvent] {
            var events: [FileEvent] = []
            while events.last != last { events.append(try #require(try await next(watcher))) }
            return events
        }

        private static func make(_ path: FilePath) {
            #expect(mkdir(path.string, 0o700) == 0, "\(path)")
        }

        /// The watches of every inotify descriptor of this process, as the kernel has them.
        private static var watchCount: Int {
            ResourceCheck.openDescriptors().filter { $0.value.contains("inotify") }.keys
                .map { descriptor in
                    let text = Disk.bytes(of: FilePath("/proc/self/fdinfo/\(descriptor)")) ?? []
                    return String(decoding: text, as: UTF8.self)
                        .split(separator: "\n").count { $0.hasPrefix("inotify wd:") }
                }.reduce(0, +)
        }

        @Test(arguments: [WatchOptions.Method.events, .polling])
        func `a tree tells of what happens at any depth, in old folders and new ones`(
            method: WatchOptions.Method
        ) async throws {
            try await withTestFolder { loop, folder in
                let old = folder.appending("old")
                Self.make(old)
                Self.make(old.appending("deep"))
                let watcher = try await loop.files.watch(folder, options: Self.options(method))
                let inOld = old.appending("deep").appending("file")
                Disk.write("", to: inOld)
                #expect(try await Self.next(watcher) == .created(inOld))
                var path = folder
                for name in ["a", "b", "c"] {
                    path = path.appending(name)
                    Self.make(path)
                    #expect(try await Self.next(watcher) == .created(path))
                }
                let inNew = path.appending("file")
                Disk.write("", to: inNew)
                #expect(try await Self.next(watcher) == .created(inNew))
                unlink(inNew.string)
                #expect(try await Self.next(watcher) == .removed(inNew))
                await watcher.close()
            }
        }

        @Test func `folders that are gone are let go of, and new ones watched, at any depth`()
            async throws
        {
            try await withTestFolder { loop, folder in
                let watcher = try await loop.files.watch(folder, options: Self.options())
                #expect(Self.watchCount == 1)
                for round in 0..<3 {
                    var path = folder
                    for level in 0..<10 {
                        path = path.appending("\(round)-\(level)")
                        Self.make(path)
                    }
                    _ = try await Self.events(of: watcher, until: .created(path))
                    #expect(Self.watchCount == 11)
                    try await loop.files.removeTree(folder.appending("\(round)-0"))
                    let gone = FileEvent.removed(folder.appending("\(round)-0"))
                    _ = try await Self.events(of: watcher, until: gone)
                    #expect(Self.watchCount == 1)
                }
                await watcher.close()
                #expect(Self.watchCount == 0)
            }
        }

        @Test func `a tree that is moved in is told of, each thing once`() async throws {
            try await withTestFolder { loop, folder in
                let (root, outside) = (folder.appending("root"), folder.appending("outside"))
                Self.make(root)
                Self.make(outside)
                var expected: Set<FilePath> = [root.appending("tree")]
                for inner in 0..<20 {
                    let path = outside.appending("\(inner)")
                    Self.make(path)
                    Disk.write("", to: path.appending("file"))
                    expected.insert(root.appending("tree").appending("\(inner)"))
                    expected.insert(root.appending("tree").appending("\(inner)").appending("file"))
                }
                let watcher = try await loop.files.watch(root, options: Self.options())
                rename(outside.string, root.appending("tree").string)
                var told: [FilePath] = []
                for _ in expected {
                    guard case .created(let path)? = try await Self.next(watcher) else { break }
                    told.append(path)
                }
                #expect(told.first == root.appending("tree"))
                #expect(Set(told) == expected)
                #expect(Self.watchCount == 22)
                // Nothing is told of twice: the next is what happens next.
                let last = root.appending("tree/7/file")
                unlink(last.string)
                #expect(try await Self.next(watcher) == .removed(last))
                await watcher.close()
            }
        }

        @Test func `what is made as fast as can be is told of, each thing once`() async throws {
            try await withTestFolder { loop, folder in
                let watcher = try await loop.files.watch(folder, options: Self.options())
                let expected = Recorder<FilePath>()
                let maker = Task.detached {
                    for tree in 0..<20 {
                        var path = folder
                        for level in 0..<5 {
                            path = path.appending("\(tree)-\(level)")
                            Self.make(path)
                            Disk.write("", to: path.appending("file"))
                            expected.add(path)
                            expected.add(path.appending("file"))
                        }
                    }
                    Disk.write("", to: folder.appending("last"))
                }
                let last = FileEvent.created(folder.appending("last"))
                var told = try await Self.events(of: watcher, until: last)
                await maker.value
                // A folder that comes while another is looked at is told of after what came behind it.
                while told.count <= expected.all.count {
                    told.append(try #require(try await Self.next(watcher)))
                }
                let made = expected.all.map { FileEvent.created($0) }
                #expect(Set(told) == Set(made + [last]))
                #expect(told.count == made.count + 1)
                #expect(Self.watchCount == 101)
                await watcher.close()
            }
        }

        @Test func `a folder that moves within the tree is known by its new path`() async throws {
            try await withTestFolder { loop, folder in
                let (from, to) = (folder.appending("from"), folder.appending("to"))
                Self.make(from)
                Self.make(from.appending("inner"))
                let watcher = try await loop.files.watch(folder, options: Self.options())
                rename(from.string, to.string)
                let moved = try await Self.events(
                    of: watcher, until: .created(to.appending("inner")))
                #expect(
                    moved == [.removed(from), .created(to), .created(to.appending("inner"))])
                let file = to.appending("inner/file")
                Disk.write("", to: file)
                #expect(try await Self.next(watcher) == .created(file))
                #expect(Self.watchCount == 3)
                await watcher.close()
            }
        }

        @Test func `a folder that moves out of the tree is not heard of again`() async throws {
            try await withTestFolder { loop, folder in
                let (root, outside) = (folder.appending("root"), folder.appending("outside"))
                Self.make(root)
                Self.make(root.appending("inner"))
                Self.make(root.appending("inner/deep"))
                let watcher = try await loop.files.watch(root, options: Self.options())
                rename(root.appending("inner").string, outside.string)
                #expect(try await Self.next(watcher) == .removed(root.appending("inner")))
                Disk.write("", to: outside.appending("deep/file"))
                Disk.write("", to: root.appending("file"))
                #expect(try await Self.next(watcher) == .created(root.appending("file")))
                #expect(Self.watchCount == 1)
                await watcher.close()
            }
        }

        @Test(arguments: [WatchOptions.Method.events, .polling])
        func `symbolic links are told of and not followed`(
            method: WatchOptions.Method
        ) async throws {
            try await withTestFolder { loop, folder in
                let (root, outside) = (folder.appending("root"), folder.appending("outside"))
                Self.make(root)
                Self.make(outside)
                let watcher = try await loop.files.watch(root, options: Self.options(method))
                symlink(outside.string, root.appending("link").string)
                // One that goes round for ever.
                symlink(root.string, root.appending("round").string)
                let both = [try await Self.next(watcher), try await Self.next(watcher)]
                #expect(
                    Set(both) == [
                        .created(root.appending("link")), .created(root.appending("round")),
                    ])
                Disk.write("", to: outside.appending("file"))
                Disk.write("", to: root.appending("file"))
                #expect(try await Self.next(watcher) == .created(root.appending("file")))
                await watcher.close()
            }
        }

        @Test func `more folders than the bound are refused, and later an overflow`() async throws {
            try await withTestFolder { loop, folder in
                for name in ["a", "b", "c"] { Self.make(folder.appending(name)) }
                var options = Self.options()
                options.maximumFolders = 2
                let narrow = options
                let error = await #expect(throws: IOError.self) {
                    _ = try await loop.files.watch(folder, options: narrow)
                }
                #expect(error?.code == .limitExceeded)
                #expect(error?.reason.contains("more than 2 folders") == true)
                #expect(Self.watchCount == 0)
                options.maximumFolders = 3
                let watcher = try await loop.files.watch(folder, options: options)
                Self.make(folder.appending("d"))
                #expect(try await Self.next(watcher) == .created(folder.appending("d")))
                #expect(try await Self.next(watcher) == .overflow)
                #expect(Self.watchCount == 4)
                options.maximumFolders = 0
                let none = options
                let refused = await #expect(throws: IOError.self) {
                    _ = try await loop.files.watch(folder, options: none)
                }
                #expect(refused?.code == .invalidArgument)
                await watcher.close()
            }
        }

        @Test func `folders whose events the kernel lost are watched all the same`() async throws {
            try await withTestFolder { loop, folder in
                let gone = folder.appending("gone")
                Self.make(gone)
                let watcher = try await loop.files.watch(folder, options: Self.options())
                let limit = String(
                    decoding: Disk.bytes(of: "/proc/sys/fs/inotify/max_queued_events") ?? [],
                    as: UTF8.self)
                // The loop is kept from reading until the kernel gives up: three events each time, no two alike in
                // a row, of which the watcher tells one, always the same.
                for number in 0...(Int(limit.dropLast()) ?? 16384) / 2 {
                    chmod(folder.string, number & 1 == 0 ? 0o750 : 0o700)
                    chmod(gone.string, number & 1 == 0 ? 0o750 : 0o700)
                }
                let new = folder.appending("new")
                Self.make(new)
                rename(gone.string, new.appending("moved").string)
                _ = try await Self.events(of: watcher, until: .overflow)
                // The kernel's own overflow comes behind all that it kept; each look takes the loop's time.
                try await waiting(for: .seconds(50)) {
                    while Self.watchCount != 3 {
                        try await loop.clock.sleep(for: .milliseconds(50))
                    }
                }
                let file = new.appending("moved/file")
                Disk.write("", to: file)
                #expect(try await Self.events(of: watcher, until: .created(file)).count >= 1)
                await watcher.close()
            }
        }

        @Test(arguments: Seed.some(5))
        func `a watch that ends amid new folders leaves nothing`(seed: Seed) async throws {
            var random = seed.generator
            let moments = (0..<4).map { _ in Int.random(in: 0...40, using: &random) }
            try await withTestFolder(grace: .zero) { loop, folder in
                for (round, moment) in moments.enumerated() {
                    let watcher = try await loop.files.watch(folder, options: Self.options())
                    let taking = loop.task { for await _ in watcher {} }
                    for number in 0..<40 {
                        Self.make(folder.appending("\(round)-\(number)"))
                        Self.make(folder.appending("\(round)-\(number)/inner"))
                        if number == moment {
                            // The last one ends with its loop.
                            if round == moments.count - 1 { return }
                            loop.task { await watcher.close() }
                        }
                        await Task.yield()
                    }
                    await watcher.close()
                    try await taking.value
                }
            }
        }
    }
}
