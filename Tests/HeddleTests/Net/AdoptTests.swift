import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct AdoptTests {
        @Test func `an adopted TCP socket knows its peer`() async throws {
            try await withTestLoop { loop in
                let listener = try RawSocket.listening()
                defer { listener.close() }
                let client = try RawSocket.connected(to: listener.address)
                let peer = try listener.accept()
                defer { peer.close() }
                let near = try await TCPConnection.adopting(descriptor: client.descriptor, on: loop)
                #expect(near.remoteAddress == listener.address)
                try peer.write("hi")
                #expect(try await near.read(exactly: 2) == "hi")
            }
        }

        @Test func `an adopted Unix socket has no address and works`() async throws {
            try await withTestLoop { loop in
                let (socket, peer) = try RawSocket.pair()
                defer { peer.close() }
                let near = try await TCPConnection.adopting(descriptor: socket.descriptor, on: loop)
                #expect(near.remoteAddress == nil)
                #expect(await near.localAddress == nil)
                try await near.write("hi")
                try await near.close()
                #expect(try peer.readToEnd() == Array("hi".utf8))
            }
        }

        @Test func `what is no stream socket is refused and left alone`() async throws {
            try await withTestLoop { loop in
                let file = open("/dev/null", O_RDWR | O_CLOEXEC)
                let regular = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
                let datagram = socket(
                    AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
                var pipes: [Int32] = [0, 0]
                pipe(&pipes)
                for descriptor in [file, regular, datagram, pipes[0], pipes[1]] {
                    let error = await #expect(throws: IOError.self) {
                        try await TCPConnection.adopting(descriptor: descriptor, on: loop)
                    }
                    #expect(error?.code == .invalidArgument)
                    #expect(error?.subject == "descriptor \(descriptor)")
                    #expect(fcntl(descriptor, F_GETFD) >= 0)
                    close(descriptor)
                }
            }
        }

        @Test(arguments: [-1, Int32.min, 19_999, Int32.max])
        func `a descriptor that is not open is refused by its number`(number: Int32) async throws {
            try await withTestLoop { loop in
                let error = await #expect(throws: IOError.self) {
                    try await TCPConnection.adopting(descriptor: number, on: loop)
                }
                #expect(error?.code == .invalidArgument)
                #expect(error?.subject == "descriptor \(number)")
                #expect(error?.systemName == "EBADF")
            }
        }

        @Test func `wrong options are refused before anything is taken over`() async throws {
            try await withTestLoop { loop in
                let (near, far) = try RawSocket.pair()
                var options = TCPOptions()
                options.limits.unsentHighWater = 0
                let wrong = options
                await #expect(throws: IOError.self) {
                    try await TCPConnection.adopting(
                        descriptor: near.descriptor, on: loop, options: wrong)
                }
                #expect(fcntl(near.descriptor, F_GETFD) >= 0)
                near.close()
                far.close()
            }
        }

        @Test func `a socket that is not connected is refused and left alone`() async throws {
            try await withTestLoop { loop in
                let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
                for idle in [try RawSocket.listening(), RawSocket(socket(AF_INET, type, 0))] {
                    let error = await #expect(throws: IOError.self) {
                        try await TCPConnection.adopting(descriptor: idle.descriptor, on: loop)
                    }
                    #expect(error?.code == .invalidArgument)
                    #expect(error?.reason == "not connected")
                    #expect(fcntl(idle.descriptor, F_GETFD) >= 0)
                    idle.close()
                }
            }
        }

        @Test func `adopting on a stopped loop says so and closes the descriptor`() async throws {
            let loop = try await withTestLoop { $0 }
            let (near, far) = try RawSocket.pair()
            defer { far.close() }
            let error = await #expect(throws: IOError.self) {
                try await TCPConnection.adopting(descriptor: near.descriptor, on: loop)
            }
            #expect(error?.code == .loopStopped)
            #expect(try far.readOnce().isEmpty)
        }

        @Test func `a descriptor adopted by two loops in turn is never mixed up`() async throws {
            // The numbers are reused at once: callbacks of the old stream must not reach the new one.
            try await withTestRuntime(threads: 2) { runtime in
                for round in 0..<TestScale.times(300, full: 5_000) {
                    let loop = runtime.loops[round % 2]
                    let (near, peer) = try await StreamKind.unix.connect(on: loop)
                    try peer.write("round \(round)")
                    #expect(try await near.read() == Bytes("round \(round)"))
                    round % 3 == 0 ? near.reset() : try await near.close()
                    peer.close()
                }
                for loop in runtime.loops { try await expectNoConnections(on: loop) }
            }
        }
    }
}
