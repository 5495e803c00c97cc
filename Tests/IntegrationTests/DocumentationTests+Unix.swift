import Glibc
import Heddle
import SystemPackage
import Testing

/// The code of the article about Unix-domain sockets.
extension DocumentationTests {
    @Test func `Unix sockets: permissions of a path`() async throws {
        let path = FilePath("/tmp/heddle-documented-\(UInt64.random(in: 0 ... .max))")
        try await Runtime.run(.init(threads: 1)) { runtime in
            var options = UnixListenOptions()
            options.permissions = [.ownerReadWrite, .groupReadWrite]
            let server = try await runtime.listen(on: UnixAddress(path: path), options: options)
            var found = stat()
            #expect(stat(path.string, &found) == 0 && found.st_mode & 0o777 == 0o660)
            try await server.stop()
            #expect(stat(path.string, &found) != 0)
        }
    }

    @Test func `Unix sockets: passing descriptors`() async throws {
        let descriptor = FileDescriptor.standardError
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            try await loop.task {
                var options = UnixOptions()
                options.maximumUnclaimedDescriptors = 16
                let (near, far) = try await UnixConnection.pair(on: loop, options: options)
                try await near.send(descriptors: [descriptor], with: "a file for you")
                if let message = try await far.receive() {
                    for descriptor in message.descriptors {
                        // It is the receiver's own now.
                        try descriptor.close()
                    }
                }
                try await near.close()
                try await far.close()
            }.value
        }
    }

    @Test func `Unix sockets: datagrams`() async throws {
        let address = try UnixAddress(
            abstract: "heddle-documented-\(UInt64.random(in: 0 ... .max))")
        try await Runtime.run(.init(threads: 1)) { runtime in
            let loop = runtime.nextLoop
            let service = try await UnixDatagramSocket.bind(to: address, on: loop)
            let client = try await UnixDatagramSocket.connect(to: address, on: loop)
            try await client.send("question")
            for try await question in service.datagrams {
                try await service.send("answer", to: question.remoteAddress)
                break
            }
            print(try await client.receive().bytes)
            await client.close()
            await service.close()
        }
    }
}
