import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    /// Every way to give Heddle a path, with the paths that people get wrong: each gives one clear error that
    /// names the path, and leaves nothing.
    @Suite struct PathErrorTests {
        /// One call that takes a path.
        struct Call: Sendable, CustomTestStringConvertible {
            let name: String
            /// With a path, and an empty folder to work in.
            let run: @Sendable (FilePath, FilePath, EventLoop) async throws -> Void

            init(
                _ name: String,
                _ run: @escaping @Sendable (FilePath, FilePath, EventLoop) async throws -> Void
            ) {
                self.name = name
                self.run = run
            }

            var testDescription: String { name }
        }

        private static let reading: [Call] = [
            Call("open") { path, _, loop in _ = try await File.open(path, on: loop) },
            Call("status") { path, _, loop in _ = try await loop.files.status(of: path) },
            Call("read") { path, _, loop in _ = try await loop.files.read(path) },
            Call("remove") { path, _, loop in try await loop.files.remove(path) },
            Call("removeTree") { path, _, loop in try await loop.files.removeTree(path) },
            Call("setPermissions") { path, _, loop in
                try await loop.files.setPermissions(.ownerRead, of: path)
            },
            Call("allows") { path, _, loop in
                _ = try await loop.files.allows(.reading, to: path)
            },
            Call("setOwner") { path, _, loop in try await loop.files.setOwner(of: path) },
            Call("setTimes") { path, _, loop in
                try await loop.files.setTimes(access: timespec(), of: path)
            },
            Call("canonicalPath") { path, _, loop in
                _ = try await loop.files.canonicalPath(of: path)
            },
            Call("space") { path, _, loop in _ = try await loop.files.space(at: path) },
            Call("destination") { path, _, loop in
                _ = try await loop.files.destination(ofSymbolicLink: path)
            },
            Call("entries") { path, _, loop in
                for try await _ in loop.files.entries(of: path) {}
            },
            Call("walk") { path, _, loop in for try await _ in loop.files.walk(path) {} },
            Call("rename") { path, folder, loop in
                try await loop.files.rename(path, to: folder.appending("new"))
            },
            Call("createLink to") { path, folder, loop in
                try await loop.files.createLink(at: folder.appending("link"), to: path)
            },
            Call("copy") { path, folder, loop in
                try await loop.files.copy(path, to: folder.appending("new"))
            },
            Call("openTemporaryFile") { path, _, loop in
                _ = try await loop.files.openTemporaryFile(in: path)
            },
            Call("withTemporaryDirectory") { path, _, loop in
                try await loop.files.withTemporaryDirectory(in: path) { _ in }
            },
            Call("watch, by events") { path, _, loop in
                var options = WatchOptions()
                options.method = .events
                // A file may come yet; its folder must be there.
                _ = try await loop.files.watch(path.appending("inner"), options: options)
            },
            Call("watch a tree") { path, _, loop in
                var options = WatchOptions()
                options.isRecursive = true
                _ = try await loop.files.watch(path.appending("inner"), options: options)
            },
            Call("open a pipe for reading") { path, _, loop in
                _ = try await PipeStream.open(path, for: .reading, on: loop)
            },
            Call("open a pipe for writing") { path, _, loop in
                _ = try await PipeStream.open(path, for: .writing, on: loop)
            },
            Call("connect to a path") { path, _, loop in
                _ = try await UnixConnection.connect(to: UnixAddress(path: path), on: loop)
            },
            Call("start a program") { path, _, loop in
                _ = try await ChildProcess.spawn(.init(.path(path.string)), on: loop)
            },
            Call("start in a folder") { path, _, loop in
                var configuration = ChildProcess.Configuration(.path("/bin/sh"))
                configuration.workingDirectory = path.string
                _ = try await ChildProcess.spawn(configuration, on: loop)
            },
            Call("start with input from") { path, _, loop in
                var configuration = ChildProcess.Configuration(.path("/bin/sh"))
                configuration.standardInput = .file(path.string)
                _ = try await ChildProcess.spawn(configuration, on: loop)
            },
        ]

        private static let making: [Call] = [
            Call("open to write") { path, _, loop in
                _ = try await File.open(path, .writing, on: loop)
            },
            Call("createDirectory") { path, _, loop in
                try await loop.files.createDirectory(path)
            },
            Call("rename to") { path, folder, loop in
                Disk.write("x", to: folder.appending("old"))
                defer { unlink(folder.appending("old").string) }
                try await loop.files.rename(folder.appending("old"), to: path)
            },
            Call("createSymbolicLink") { path, _, loop in
                try await loop.files.createSymbolicLink(at: path, to: "somewhere")
            },
            Call("createLink at") { path, folder, loop in
                Disk.write("x", to: folder.appending("old"))
                defer { unlink(folder.appending("old").string) }
                try await loop.files.createLink(at: path, to: folder.appending("old"))
            },
            Call("replace") { path, _, loop in try await loop.files.replace(path, with: "x") },
            Call("copy to") { path, folder, loop in
                Disk.write("x", to: folder.appending("old"))
                defer { unlink(folder.appending("old").string) }
                try await loop.files.copy(folder.appending("old"), to: path)
            },
            Call("listen on a path") { path, _, loop in
                _ = try await UnixListener.listen(on: UnixAddress(path: path), loop: loop)
            },
            Call("start with output to") { path, _, loop in
                var configuration = ChildProcess.Configuration(.path("/bin/sh"))
                configuration.standardOutput = .file(path.string)
                _ = try await ChildProcess.spawn(configuration, on: loop)
            },
        ]

        private func refuse(
            _ call: Call, _ code: IOError.Code, naming part: String? = nil,
            _ path: @escaping @Sendable (FilePath) -> FilePath
        ) async throws {
            try await withTestFolder { loop, folder in
                let wrong = path(folder)
                let before = Disk.names(in: folder)
                let error = await #expect(throws: IOError.self) {
                    try await waiting { try await call.run(wrong, folder, loop) }
                }
                #expect(error?.code == code, "\(String(describing: error))")
                if let part { #expect(error?.description.contains(part) == true) }
                #expect(Disk.names(in: folder) == before)
            }
        }

        // MARK: Whatever is done with the path

        @Test(arguments: reading + making)
        func `an empty path`(call: Call) async throws {
            // What a watch or a program adds to it would be a path again.
            guard !call.name.hasPrefix("watch") else { return }
            try await refuse(call, .invalidArgument) { _ in "" }
        }

        @Test(arguments: reading + making)
        func `a path too long for the system`(call: Call) async throws {
            try await refuse(call, .invalidArgument, naming: "/long/long") { _ in
                FilePath(String(repeating: "/long", count: 1_000))
            }
        }

        @Test(arguments: making)
        func `a path in a folder that is not there`(call: Call) async throws {
            try await refuse(call, .notFound, naming: "missing") {
                $0.appending("missing").appending("new")
            }
        }

        @Test(arguments: reading)
        func `a path that nothing has`(call: Call) async throws {
            try await refuse(call, .notFound, naming: "missing") { $0.appending("missing") }
        }

        @Test(arguments: reading + making)
        func `a path that leads through a file`(call: Call) async throws {
            try await refuse(call, .wrongFileType, naming: "file") { folder in
                Disk.write("x", to: folder.appending("file"))
                return folder.appending("file").appending("inner")
            }
        }

        // MARK: The other kind of file

        /// What wants a file, a pipe or a socket there, and what else says so.
        private static let wantNoFolder: [String: IOError.Code] = [
            "read": .wrongFileType, "copy": .wrongFileType, "open to write": .wrongFileType,
            "replace": .wrongFileType, "start with output to": .wrongFileType,
            "start with input from": .wrongFileType, "open a pipe for reading": .wrongFileType,
            "open a pipe for writing": .wrongFileType, "listen on a path": .wrongFileType,
            "destination": .invalidArgument, "start a program": .permissionDenied,
            "connect to a path": .connectionRefused, "createSymbolicLink": .alreadyExists,
            "createLink at": .alreadyExists, "createDirectory": .alreadyExists,
        ]

        @Test(arguments: wantNoFolder.keys.sorted())
        func `a folder where something else is meant`(name: String) async throws {
            let call = try #require((Self.reading + Self.making).first { $0.name == name })
            try await refuse(call, Self.wantNoFolder[name]!, naming: "folder") { folder in
                mkdir(folder.appending("folder").string, 0o755)
                return folder.appending("folder")
            }
        }

        private static let wantFolder: [String: IOError.Code] = [
            "entries": .wrongFileType, "walk": .wrongFileType, "start in a folder": .wrongFileType,
            "openTemporaryFile": .wrongFileType, "withTemporaryDirectory": .wrongFileType,
            "watch, by events": .wrongFileType, "watch a tree": .wrongFileType,
            "createDirectory": .alreadyExists, "open a pipe for reading": .wrongFileType,
            "open a pipe for writing": .wrongFileType, "listen on a path": .wrongFileType,
            "destination": .invalidArgument, "start a program": .permissionDenied,
            "connect to a path": .connectionRefused,
        ]

        @Test(arguments: wantFolder.keys.sorted())
        func `a file where something else is meant`(name: String) async throws {
            // libuv: pipe_connect_to_file.
            let call = try #require((Self.reading + Self.making).first { $0.name == name })
            try await refuse(call, Self.wantFolder[name]!, naming: "file") { folder in
                Disk.write("x", to: folder.appending("file"))
                return folder.appending("file")
            }
        }

        @Test func `a path that is no text is used as it is`() async throws {
            try await withTestFolder { loop, folder in
                // "pipé" in Latin-1.
                let name = "pip".utf8CString.dropLast() + [CChar(bitPattern: 0xE9), 0]
                let path = folder.appending(FilePath(platformString: Array(name)).components)
                let made = path.withPlatformString { mkfifo($0, 0o600) }
                #expect(made == 0)
                async let writing = PipeStream.open(path, for: .writing, on: loop)
                let reading = try await PipeStream.open(path, for: .reading, on: loop)
                try await writing.write("x")
                #expect(try await reading.read() == "x")
                try await writing.close()
                try await loop.files.remove(path)
                #expect(Disk.names(in: folder) == [])
            }
        }
    }
}
