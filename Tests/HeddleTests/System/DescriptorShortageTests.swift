import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    /// Without a free descriptor whatever would open one says so at once, and leaves nothing.
    @Suite struct DescriptorShortageTests {
        /// What opens something, in a folder that has a file.
        private static let calls: [@Sendable (FilePath, EventLoop) async throws -> Void] = [
            { _ = try await File.open($0.appending("file"), on: $1) },
            { _ = try await $1.files.read($0.appending("file")) },
            { try await $1.files.replace($0.appending("file"), with: "new") },
            { try await $1.files.copy($0.appending("file"), to: $0.appending("copy")) },
            { _ = try await $1.files.openTemporaryFile(in: $0) },
            { for try await _ in $1.files.entries(of: $0) {} },
            { for try await _ in $1.files.walk($0) {} },
            // libuv: fs_event_error_reporting.
            { _ = try await $1.files.watch($0) },
            { _ = try await PipeStream.pipe(on: $1) },
            { _ = try await PipeStream.adopting(descriptor: 0, on: $1) },
            { _ = try await UnixConnection.pair(on: $1) },
            { _ = try await UnixConnection.connect(to: .forTest(), on: $1) },
            { _ = try await UnixListener.listen(on: .forTest(), loop: $1) },
            { _ = try await TCPConnection.connect(to: .loopback(port: 1), on: $1) },
            { _ = try await TCPListener.listen(on: .loopback(port: 0), loop: $1) },
            { _ = try await DescriptorWatch.start(0, on: $1) },
        ]

        @Test func `whatever needs one says that there is none`() async {
            await #expect(processExitsWith: .success) {
                try await withTestFolder { loop, folder in
                    Disk.write("text", to: folder.appending("file"))
                    // Something to wait for, where the test has its input from.
                    let (near, far) = try RawSocket.pair()
                    dup2(near.descriptor, 0)
                    for (number, call) in Self.calls.enumerated() {
                        let before = Set(ResourceCheck.openDescriptors().keys)
                        let limit = DescriptorLimit.allowing(0)
                        let error = await #expect(throws: IOError.self, "call \(number)") {
                            try await call(folder, loop)
                        }
                        limit.restore()
                        #expect(
                            error?.code == .resourcesExhausted,
                            "call \(number): \(String(describing: error))")
                        try await waiting {
                            while Set(ResourceCheck.openDescriptors().keys) != before {
                                await Task.yield()
                            }
                        }
                    }
                    #expect(Disk.names(in: folder) == ["file"])
                    #expect(Disk.bytes(of: folder.appending("file")) == Array("text".utf8))
                    for each in [near, far] { each.close() }
                }
            }
        }
    }
}
