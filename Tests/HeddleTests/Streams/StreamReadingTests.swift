import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct StreamReadingTests {
        @Test(.enabled(if: StreamKind.hasIPv6, "this machine has no ::1"))
        func `the streams over IPv6 are among those tested`() {
            #expect(StreamKind.all.contains(.tcpIPv6))
        }

        @Test(arguments: StreamKind.all, [Seed(number: 1)] + Seed.some(1))
        func `bytes arrive whole and in order whatever the sizes`(
            kind: StreamKind, seed: Seed
        ) async throws {
            let total = TestScale.times(12 << 20, full: 1 << 30)
            try await kind.withPair { near, far in
                async let wrote: Void = {
                    try await near.writePattern(total, seed: seed)
                    try await near.shutdownWrite()
                }()
                #expect(try await far.expectPatternToEnd() == total)
                try await wrote
            }
        }

        @Test(arguments: StreamKind.all, Seed.some(1))
        func `small pieces both ways at once arrive whole`(kind: StreamKind, seed: Seed)
            async throws
        {
            let total = TestScale.times(1 << 20, full: 64 << 20)
            try await kind.withPair { near, far in
                async let wroteNear: Void = near.writePatternAndFinish(
                    total, largest: 300, seed: seed)
                async let wroteFar: Void = far.writePatternAndFinish(
                    total, largest: 300, seed: seed)
                async let readNear = near.expectPatternToEnd()
                #expect(try await far.expectPatternToEnd() == total)
                #expect(try await readNear == total)
                _ = try await (wroteNear, wroteFar)
            }
        }

        @Test(arguments: StreamKind.all)
        func `after the end of the input every read gives nil`(kind: StreamKind) async throws {
            try await kind.withPeer { near, peer in
                try peer.write("last words")
                peer.shutdownWrite()
                #expect(try await near.read(exactly: 10) == "last words")
                for _ in 0..<5 { #expect(try await near.read() == nil) }
                #expect(try await near.read(upTo: 1) == nil)
                var buffer = [UInt8](repeating: 7, count: 3)
                #expect(try await near.read(into: &buffer) == 0)
                #expect(buffer == [7, 7, 7])
                for try await _ in near.inbound { Issue.record("bytes after the end") }
                for try await _ in near.inbound.lines { Issue.record("a line after the end") }
            }
        }

        @Test(arguments: StreamKind.all)
        func `a read gives no more than its limit and leaves the rest`(kind: StreamKind)
            async throws
        {
            try await kind.withPeer { near, peer in
                try peer.write("abcdef")
                #expect(try await near.read(upTo: 1) == "a")
                #expect(try await near.read(upTo: 3) == "bcd")
                #expect(try await near.read(upTo: .max) == "ef")
            }
        }

        @Test(arguments: StreamKind.all)
        func `a limit below one is refused and takes nothing`(kind: StreamKind) async throws {
            try await kind.withPeer { near, peer in
                try peer.write("x")
                for limit in [0, -1, Int.min] {
                    let error = await #expect(throws: IOError.self) {
                        try await near.read(upTo: limit)
                    }
                    #expect(error?.code == .invalidArgument)
                }
                let error = await #expect(throws: IOError.self) {
                    try await near.read(exactly: -1)
                }
                #expect(error?.code == .invalidArgument)
                #expect(try await near.read() == "x")
            }
        }

        @Test(arguments: StreamKind.all)
        func `a read into a buffer fills its start and leaves the rest`(kind: StreamKind)
            async throws
        {
            try await kind.withPeer { near, peer in
                try peer.write("abc")
                var buffer = [UInt8](repeating: 0, count: 2)
                #expect(try await near.read(into: &buffer) == 2)
                #expect(buffer == Array("ab".utf8))
                #expect(try await near.read(into: &buffer) == 1)
                #expect(buffer == Array("cb".utf8))
                let error = await #expect(throws: IOError.self) {
                    var none: [UInt8] = []
                    return try await near.read(into: &none)
                }
                #expect(error?.code == .invalidArgument)
            }
        }

        @Test(arguments: StreamKind.all)
        func `a read of an exact count waits for all of it`(kind: StreamKind) async throws {
            try await kind.withPair { near, far in
                async let whole = near.read(exactly: 6)
                try await far.write("ab")
                try await far.flush()
                try await far.write("cd")
                try await far.flush()
                try await far.write("efgh")
                #expect(try await whole == "abcdef")
                #expect(try await near.read(exactly: 0) == Bytes())
                #expect(try await near.read() == "gh")
            }
        }

        @Test(arguments: StreamKind.all)
        func `an exact count larger than every buffer comes whole`(kind: StreamKind) async throws {
            var options = TCPOptions()
            options.limits.unreadHighWater = 10_000
            try await kind.withPair(options: options) { near, far in
                async let wrote: Void = far.writePattern(1_000_000)
                let bytes = try await near.read(exactly: 1_000_000)
                var pattern = Pattern()
                expect(pattern.matches(bytes), true)
                try await wrote
            }
        }

        @Test(arguments: StreamKind.all)
        func `an input that ends within an exact count says how much came`(
            kind: StreamKind
        ) async throws {
            try await kind.withPeer { near, peer in
                try peer.write("abc")
                peer.shutdownWrite()
                let error = await #expect(throws: IOError.self) { try await near.read(exactly: 5) }
                #expect(error?.code == .unexpectedEnd)
                #expect(error?.reason == "the input ended after 3 of 5 bytes")
                #expect(try await near.read() == nil)
            }
        }

        @Test(arguments: StreamKind.all)
        func `a second reader is told that the stream is busy`(kind: StreamKind) async throws {
            try await kind.withPair { near, far in
                async let first = near.read(exactly: 4)
                try await near.until("a reader") { $0.reader != nil }
                let error = await #expect(throws: IOError.self) { try await near.read() }
                #expect(error?.code == .busy)
                try await far.write("late")
                #expect(try await first == "late")
                try await far.write("more")
                #expect(try await near.read(exactly: 4) == "more")
            }
        }

        @Test(arguments: StreamKind.all)
        func `reading pauses at the high-water mark and goes on`(kind: StreamKind) async throws {
            var options = TCPOptions()
            options.limits.unreadHighWater = 50_000
            try await kind.withPeer(options: options) { near, peer in
                var pattern = Pattern()
                let block = pattern.array(8 << 20)
                var sent = 0
                // Until the kernel's buffers are full too, or hold all the rest.
                while sent < block.count {
                    let count = peer.writeWhatFits(
                        Array(block[sent..<min(sent + 65_536, block.count)]))
                    sent += count
                    guard count == 0 else { continue }
                    if try await near.inside({ $0.machine.isPaused }) { break }
                    try await near.turnOfLoop()
                }
                try await near.until("a pause") { $0.machine.isPaused }
                for _ in 0..<5 { try await near.turnOfLoop() }
                let held = try await near.inside { $0.unread.byteCount }
                // At most one read more than the mark.
                #expect(held >= 50_000 && held <= 50_000 + BufferPool.largestReadBytes)
                peer.shutdownWrite()
                #expect(try await near.expectPatternToEnd() == sent)
            }
        }

        @Test(arguments: StreamKind.all)
        func `bytes that are put back pause reading too, and are read again`(
            kind: StreamKind
        ) async throws {
            var options = TCPOptions()
            options.limits.unreadHighWater = 50_000
            try await kind.withPeer(options: options) { near, peer in
                var pattern = Pattern()
                let taken = Bytes(pattern.array(50_000))
                let isPaused = try await near.inside { stream in
                    stream.putBack([taken])
                    return stream.machine.isPaused
                }
                #expect(isPaused)
                try peer.write(pattern.array(10_000))
                for _ in 0..<5 { try await near.turnOfLoop() }
                #expect(try await near.inside { $0.unread.byteCount } == taken.count)
                peer.shutdownWrite()
                #expect(try await near.expectPatternToEnd() == 60_000)
            }
        }

        @Test(arguments: StreamKind.all)
        func `iterations over the input take turns`(kind: StreamKind) async throws {
            try await kind.withPair { near, far in
                try await far.write("one")
                for try await bytes in near.inbound {
                    #expect(bytes == "one")
                    break
                }
                try await far.write("two")
                try await far.shutdownWrite()
                var rest = ""
                for try await bytes in near.inbound { rest += String(bytes) }
                #expect(rest == "two")
            }
        }
    }
}

extension ByteStream {
    func writePatternAndFinish(_ count: Int, largest: Int, seed: Seed) async throws {
        try await writePattern(count, largest: largest, seed: seed)
        try await shutdownWrite()
    }
}
