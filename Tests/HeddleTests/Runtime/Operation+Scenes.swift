import Glibc
import SystemPackage

@testable import Heddle

/// What waits for the network, and for the rest of the system.
extension Operation {
    /// Has for each name the addresses it was made with.
    private struct Book: HostResolver {
        let found: [SocketAddress]

        func addresses(of host: String, on loop: EventLoop) async throws -> [SocketAddress] {
            found
        }
    }

    func networkScene(on loop: EventLoop) async throws -> Scene {
        switch self {
        case .connectingByName:
            // Several attempts at once.
            let first = try BlackHole()
            let port = Int(first.address.port)
            let holes = [first, try BlackHole(at: SocketAddress(ip: "127.0.0.2", port: port))]
            let book = Book(found: holes.map(\.address))
            let endpoint = try Endpoint(host: "hole.test", port: port)
            return Scene(
                run: {
                    _ = try await TCPConnection.connect(to: endpoint, on: loop, resolver: book)
                },
                end: { for hole in holes { hole.close() } })
        case .connectingToPath:
            let address = UnixAddress.forTest()
            let listener = try RawSocket.listening(on: address, backlog: 0)
            let first = try RawSocket.connected(to: address)
            return Scene(
                run: { _ = try await UnixConnection.connect(to: address, on: loop) },
                end: {
                    first.close()
                    listener.close()
                })
        default:
            let socket = try await UDPSocket.bind(to: .loopback(port: 0), on: loop)
            if self == .receivingDatagrams {
                return Scene(run: { for try await _ in socket.datagrams {} })
            }
            let address = socket.localAddress
            return Scene(run: { while true { try await socket.send("x", to: address) } })
        }
    }

    func systemScene(on loop: EventLoop) async throws -> Scene {
        switch self {
        case .readingPipe, .writingPipe, .copying: return try await pipeScene(on: loop)
        case .openingPipe, .watchingFiles, .readingFile, .sendingFile:
            return try await fileScene(on: loop)
        case .watchingSignals:
            let watch = try await SignalWatch.start([.urgent], on: loop)
            return Scene(run: { for await _ in watch {} })
        case .watchingDescriptor:
            let (near, far) = try RawSocket.pair()
            let watch = try await DescriptorWatch.start(near.descriptor, on: loop)
            return Scene(
                run: { try await watch.readable() },
                end: {
                    near.close()
                    far.close()
                })
        default:
            return Scene(run: {
                while true {
                    let result = try await ChildProcess.run(.init(.path("/bin/cat")), on: loop)
                    guard result.terminationStatus.isSuccess else {
                        throw loop.core.stoppedError("run cat")
                    }
                }
            })
        }
    }

    private func pipeScene(on loop: EventLoop) async throws -> Scene {
        let ends = try await PipeStream.pipe(on: loop)
        switch self {
        case .writingPipe:
            return Scene(run: {
                defer { withExtendedLifetime(ends.reading) {} }
                try await ends.writing.write(Self.plenty)
                try await ends.writing.flush()
            })
        case .copying:
            let (near, peer) = try await StreamKind.unix.connect(on: loop)
            return Scene(
                run: {
                    defer { withExtendedLifetime(ends.writing) {} }
                    _ = try await ends.reading.copy(to: near)
                }, end: { peer.close() })
        default:
            return Scene(run: {
                defer { withExtendedLifetime(ends.writing) {} }
                _ = try await ends.reading.read()
            })
        }
    }

    private func fileScene(on loop: EventLoop) async throws -> Scene {
        var template = Array(("/tmp/heddle-stop-" + String(repeating: "X", count: 6)).utf8CString)
        guard mkdtemp(&template) != nil else {
            throw RawSocket.Failure(call: "mkdtemp", number: errno)
        }
        let folder = FilePath(platformString: template)
        let path = folder.appending("it")
        let remove: @Sendable () -> Void = {
            unlink(path.string)
            rmdir(folder.string)
        }
        switch self {
        case .openingPipe:
            mkfifo(path.string, 0o600)
            return Scene(
                run: { _ = try await PipeStream.open(path, for: .writing, on: loop) }, end: remove)
        case .watchingFiles:
            let watcher = try await loop.files.watch(folder)
            return Scene(run: { for await _ in watcher {} }, end: remove)
        default:
            Disk.write(String(repeating: "x", count: 1 << 20), to: path)
            let file = try await File.open(path, on: loop)
            if self == .readingFile {
                return Scene(
                    run: { while true { for try await _ in file.chunks(ofBytes: 4_096) {} } },
                    end: remove)
            }
            let (near, peer) = try await StreamKind.unix.connect(on: loop)
            return Scene(
                run: { while true { _ = try await near.sendFile(file) } },
                end: {
                    peer.close()
                    remove()
                })
        }
    }
}
