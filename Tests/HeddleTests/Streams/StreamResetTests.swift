import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct StreamResetTests {
        @Test(arguments: StreamKind.all)
        func `a reset in the middle of a write is one error, broken`(kind: StreamKind) async throws
        {
            for _ in 0..<10 {
                try await kind.withPeer { near, peer in
                    let writer = Task { try await near.writeUntilFailure() }
                    try await near.until("a full stream") { !$0.waitingWriters.isEmpty }
                    // The last descriptor of the peer is closed here; the defer's close finds none.
                    try peer.resetNow()
                    let (_, error) = try await writer.value
                    #expect((error as? IOError)?.code == .broken, "\(error)")
                    // It was told: closing has nothing to add.
                    try await near.close()
                }
            }
        }

        @Test(arguments: StreamKind.all)
        func `bytes lost to a reset are told of by the close, once`(kind: StreamKind) async throws {
            try await kind.withPeer { near, peer in
                let writer = Task { try await near.writeUntilFailure() }
                try await near.until("a full stream") { !$0.waitingWriters.isEmpty }
                writer.cancel()
                let (_, error) = try await writer.value
                #expect(error is CancellationError)
                try peer.resetNow()
                try await near.until("the reset") { $0.failure != nil }
                let first = await #expect(throws: IOError.self) { try await near.close() }
                #expect(first?.code == .broken)
                try await near.close()
            }
        }

        @Test(arguments: StreamKind.tcp)
        func `bytes lost to a reset before a flush are told of by it, once`(kind: StreamKind)
            async throws
        {
            try await kind.withPeer { near, peer in
                let writer = Task { try await near.writeUntilFailure() }
                try await near.until("a full stream") { !$0.waitingWriters.isEmpty }
                writer.cancel()
                _ = try await writer.value
                try peer.resetNow()
                try await near.until("the reset") { $0.failure != nil }
                let error = await #expect(throws: IOError.self) { try await near.flush() }
                #expect(error?.code == .broken)
                try await near.flush()
                try await near.close()
            }
        }

        @Test(arguments: StreamKind.tcp)
        func `a reset ends a waiting read, after what had come`(kind: StreamKind) async throws {
            try await kind.withPeer { near, peer in
                try peer.write("before")
                try await near.until { $0.unread.byteCount == 6 }
                try peer.resetNow()
                try await near.until("the reset") { $0.failure != nil }
                #expect(try await near.read() == "before")
                for _ in 0..<3 {
                    let error = await #expect(throws: IOError.self) { try await near.read() }
                    #expect(error?.code == .broken)
                    #expect(error?.systemName == "ECONNRESET")
                    #expect(error?.subject == (near as? TCPConnection)?.remoteAddress?.description)
                }
            }
        }

        @Test(arguments: StreamKind.tcp)
        func `a reset is seen by everybody who waits`(kind: StreamKind) async throws {
            try await kind.withPeer { near, peer in
                let reader = Task { try await near.read() }
                let writer = Task { try await near.writeUntilFailure() }
                try await near.until { $0.reader != nil && !$0.waitingWriters.isEmpty }
                let flusher = Task { try await near.flush() }
                try await near.until { !$0.waitingFlushers.isEmpty }
                try peer.resetNow()
                let (_, writing) = try await writer.value
                #expect((writing as? IOError)?.code == .broken)
                let reading = await #expect(throws: IOError.self) { _ = try await reader.value }
                #expect(reading?.code == .broken)
                let flushing = await #expect(throws: IOError.self) { try await flusher.value }
                #expect(flushing?.code == .broken)
            }
        }

        @Test(arguments: StreamKind.tcp)
        func `our own reset reaches the peer as one`(kind: StreamKind) async throws {
            try await kind.withPeer { near, peer in
                near.reset()
                let failure = #expect(throws: RawSocket.Failure.self) { try peer.readOnce() }
                #expect(failure?.number == ECONNRESET)
            }
        }

        @Test(arguments: StreamKind.tcp)
        func `a reset after a half-close is one too`(kind: StreamKind) async throws {
            // libuv: tcp_close_reset_client_after_shutdown, which fails with EINVAL there.
            try await kind.withPeer { near, peer in
                try await near.shutdownWrite()
                near.reset()
                try await near.until("the close") { $0.phase == .closed }
                // The end came before the reset, so the peer meets that when it writes.
                #expect(try peer.readOnce().isEmpty)
                let failure = #expect(throws: RawSocket.Failure.self) { try peer.write("late") }
                #expect(failure?.number == EPIPE)
            }
        }

        @Test(arguments: StreamKind.all)
        func `writing to a peer that has closed is an error and no signal`(
            kind: StreamKind
        ) async throws {
            // Whatever Heddle set the process up to do, the default would end it here. What need not be a socket
            // depends on that.
            let before = signal(SIGPIPE, SIG_DFL)
            defer { signal(SIGPIPE, before) }
            try await kind.withPeer { near, peer in
                if kind.family != .pipe { signal(SIGPIPE, SIG_DFL) }
                try peer.resetNow()
                let (_, error) = try await near.writeUntilFailure(pieces: 100)
                #expect((error as? IOError)?.code == .broken)
            }
        }

        @Test(arguments: StreamKind.all)
        func `queued bytes for a peer that closes are an error and no signal`(
            kind: StreamKind
        ) async throws {
            try await kind.withPeer { near, peer in
                let writer = Task { try await near.writeUntilFailure() }
                try await near.until("bytes in libuv's hands") { $0.inFlight > 0 }
                peer.shutdownBoth()
                try peer.resetNow()
                let (_, error) = try await writer.value
                #expect((error as? IOError)?.code == .broken)
            }
        }

        @Test(arguments: StreamKind.tcp)
        func `a shutdown of a connection that is gone is told as broken`(
            kind: StreamKind
        ) async throws {
            try await kind.withPeer { near, peer in
                try peer.resetNow()
                try await near.until("the reset") { $0.failure != nil }
                let error = await #expect(throws: IOError.self) { try await near.shutdownWrite() }
                #expect(error?.code == .broken)
                try await near.close()
            }
        }
    }
}

extension RawSocket {
    /// Ends the connection at once, and leaves the descriptor's number open for whoever closes it.
    func resetNow() throws {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        let nowhere = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard dup2(nowhere, descriptor) >= 0 else { throw Failure(call: "dup2", number: errno) }
        _ = Glibc.close(nowhere)
    }

    func shutdownBoth() {
        shutdown(descriptor, Int32(SHUT_RDWR))
    }
}
