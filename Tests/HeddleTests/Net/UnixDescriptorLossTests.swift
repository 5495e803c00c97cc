import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    /// File descriptors that come when this process may have no more.
    @Suite struct UnixDescriptorLossTests {
        private static func takers(_ limit: Int = 16) -> UnixOptions {
            var options = UnixOptions()
            options.maximumUnclaimedDescriptors = limit
            return options
        }

        @Test func `without room for descriptors some are lost, which is told once`() async {
            await #expect(processExitsWith: .success) {
                try await withTestLoop { loop in
                    let (near, far) = try await UnixConnection.pair(
                        on: loop, options: UnixDescriptorLossTests.takers())
                    let some = FileDescriptor.standardError
                    try await near.send(descriptors: [some, some, some, some], with: "lost")
                    try await UnixDescriptorLossTests.withoutRoom {
                        let bytes = try await far.read(exactly: 4)
                        #expect(bytes == "lost")
                    }
                    let error = await #expect(throws: IOError.self) {
                        try await far.takeDescriptors()
                    }
                    #expect(error?.code == .resourcesExhausted)
                    #expect(try await far.takeDescriptors() == [])
                    try await near.send(descriptors: [some], with: "kept")
                    let message = try await far.receive()
                    #expect(message?.bytes == "kept")
                    for descriptor in message?.descriptors ?? [] { try descriptor.close() }
                    #expect(message?.descriptors.count == 1)
                    try await near.close()
                    try await far.close()
                }
            }
        }

        @Test func `bytes whose descriptors were lost are received next`() async {
            await #expect(processExitsWith: .success) {
                try await withTestLoop { loop in
                    let (near, far) = try await UnixConnection.pair(
                        on: loop, options: UnixDescriptorLossTests.takers())
                    try await near.send(descriptors: [.standardError], with: "kept")
                    try await UnixDescriptorLossTests.withoutRoom {
                        try await far.until { !$0.unread.isEmpty }
                    }
                    let error = await #expect(throws: IOError.self) { try await far.receive() }
                    #expect(error?.code == .resourcesExhausted)
                    let message = try await far.receive()
                    #expect(message?.bytes == "kept")
                    #expect(message?.descriptors == [])
                    try await near.close()
                    try await far.close()
                }
            }
        }

        @Test func `losses that nobody has heard of are bounded too, and each is told`() async {
            await #expect(processExitsWith: .success) {
                try await withTestLoop { loop in
                    let (near, far) = try await UnixConnection.pair(
                        on: loop, options: UnixDescriptorLossTests.takers(2))
                    try await UnixDescriptorLossTests.withoutRoom {
                        for _ in 0..<5 {
                            try await near.send(descriptors: [.standardError], with: "x")
                        }
                        #expect(try await far.read(exactly: 2) == "xx")
                        for _ in 0..<100 { await loop.core.passTurn() }
                        #expect(far.core.unread.isEmpty)
                        for _ in 0..<2 {
                            let error = await #expect(throws: IOError.self) {
                                try await far.takeDescriptors()
                            }
                            #expect(error?.code == .resourcesExhausted)
                        }
                        #expect(try await far.read(exactly: 2) == "xx")
                    }
                    try await near.close()
                    try await far.close()
                }
            }
        }

        /// Runs `body` while this process can have no more descriptors.
        private static func withoutRoom(_ body: () async throws -> Void) async throws {
            let limit = DescriptorLimit.allowing(0)
            defer { limit.restore() }
            try await body()
        }
    }
}
