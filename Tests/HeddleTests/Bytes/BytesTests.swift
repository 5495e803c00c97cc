import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct BytesTests {
        @Test func `text comes back as it went in`() {
            for text in [
                "", "a", "GET / HTTP/1.0\r\n", "grüße, 世界 🧵", String(repeating: "x", count: 9_999),
            ] {
                let bytes = Bytes(text)
                #expect(String(bytes) == text)
                #expect(bytes.count == text.utf8.count)
                #expect(Array(bytes) == Array(text.utf8))
            }
        }

        @Test func `what is not UTF-8 becomes a replacement character`() {
            #expect(String(Bytes([0x61, 0xFF, 0x62])) == "a\u{FFFD}b")
        }

        @Test func `literals make bytes`() {
            let text: Bytes = "ab"
            let list: Bytes = [0x61, 0x62]
            #expect(text == list)
            #expect(text.hashValue == list.hashValue)
            #expect(text != "ac")
            #expect(text != "abc")
            #expect(Bytes() == "")
        }

        @Test func `equal content is equal wherever it lies`() {
            let whole: Bytes = "abcabc"
            #expect(whole[0..<3] == whole[3..<6])
            #expect(Set([whole[0..<3], whole[3..<6], "abc"]).count == 1)
            #expect(whole[0..<2] != whole[3..<6])
        }

        @Test func `a slice shares memory and has indices of its own`() {
            let whole: Bytes = "0123456789"
            let slice = whole[3..<7]
            #expect(slice.startIndex == 0)
            #expect(slice.endIndex == 4)
            #expect(slice[0] == UInt8(ascii: "3"))
            #expect(slice[1..<3] == "45")
            #expect(slice.slab === whole.slab)
            #expect(whole[4..<4].isEmpty)
            #expect(whole[10..<10].slab == nil, "an empty slice keeps no memory")
        }

        @Test func `bytes that differ in one place are not equal`() {
            let bytes = Bytes([UInt8](repeating: 1, count: 70))
            for place in 0..<70 {
                var changed = Array(bytes)
                changed[place] = 2
                #expect(Bytes(changed) != bytes)
                #expect(Bytes(changed).firstIndex(of: 2) == place)
            }
        }

        @Test func `every slice of every slice is what an array says`() {
            let model = (0..<24).map { UInt8($0) }
            let bytes = Bytes(model)
            for start in 0...24 {
                for end in start...24 {
                    let slice = bytes[start..<end]
                    #expect(Array(slice) == Array(model[start..<end]))
                    #expect(Array(slice.dropFirst(2)) == Array(model[start..<end].dropFirst(2)))
                    #expect(Array(slice.reversed()) == Array(model[start..<end].reversed()))
                    let place = model[start..<end].firstIndex(of: 11).map { $0 - start }
                    #expect(slice.firstIndex(of: 11) == place)
                    #expect(slice.contains(11) == (place != nil))
                }
            }
        }

        @Test func `algorithms of collections work on bytes`() {
            let bytes: Bytes = "key=value"
            let equals = bytes.firstIndex(of: UInt8(ascii: "="))
            #expect(equals == 3)
            #expect(bytes.split(separator: UInt8(ascii: "=")) == ["key", "value"])
            #expect(bytes.prefix(3) == "key")
            #expect(bytes.suffix(5) == "value")
            #expect(bytes.starts(with: Bytes("key")))
            #expect(bytes.withContiguousStorageIfAvailable { $0.count } == 9)
            #expect(Bytes().withContiguousStorageIfAvailable { $0.count } == 0)
        }

        @Test func `taking from the front moves it out`() {
            var bytes: Bytes = "abcdef"
            #expect(bytes.takeFirst(2) == "ab")
            #expect(bytes.takeFirst(0) == "")
            #expect(bytes == "cdef")
            #expect(bytes.takeFirst(4) == "cdef")
            #expect(bytes.isEmpty)
            #expect(bytes.slab == nil, "what is used up keeps no memory")
        }

        @Test func `neighbours in memory become one, others do not`() {
            let whole: Bytes = "abcdef"
            #expect(whole[0..<2].joined(with: whole[2..<6]) == whole)
            #expect(whole[0..<2].joined(with: whole[3..<6]) == nil)
            #expect(whole[3..<6].joined(with: whole[0..<3]) == nil)
            #expect(whole[0..<2].joined(with: "cd") == nil)
        }

        @Test func `pieces are joined in order`() {
            #expect(Bytes(joining: []) == "")
            #expect(Bytes(joining: ["", ""]).slab == nil)
            #expect(Bytes(joining: ["ab", "", "c", "def"]) == "abcdef")
            let one: Bytes = "one"
            #expect(Bytes(joining: [one]).slab === one.slab)
        }

        @Test func `compacted bytes lie in memory of their size`() {
            let whole = Bytes(repeatElement(7, count: 100_000))
            let small = whole[10..<20].compacted()
            #expect(small == whole[10..<20])
            #expect(small.slab !== whole.slab)
            #expect(small.slab?.header == 10)
            #expect(whole.compacted().slab === whole.slab)
            #expect(Bytes().compacted().isEmpty)
        }

        @Test func `memory goes with its last slice`() throws {
            weak var slab: Slab?
            var slice = Bytes()
            do {
                let whole: Bytes = "0123456789"
                slab = whole.slab
                slice = whole[2..<3]
            }
            #expect(slab != nil)
            #expect(slice == "2")
            slice = Bytes()
            #expect(slab == nil)
        }

        @Test func `a span shows the same bytes`() {
            let bytes: Bytes = "0123456789"
            let span = bytes[2..<6].bytes
            #expect(span.byteCount == 4)
            let first = span.unsafeLoad(fromByteOffset: 0, as: UInt8.self)
            #expect(first == UInt8(ascii: "2"))
            #expect(Bytes().bytes.byteCount == 0)
            #expect(Bytes(copying: span) == "2345")
        }

        @Test func `a description shows short text and counts the rest`() {
            #expect(Bytes("hello").description == "Bytes(hello)")
            #expect(Bytes("line\n").description == "5 bytes")
            #expect(Bytes(repeatElement(65, count: 65)).description == "65 bytes")
        }

        @Test func `many threads may read, slice and drop the same bytes`() async throws {
            let bytes = Bytes((0..<1000).map { UInt8(truncatingIfNeeded: $0) })
            let wrong = Counter()
            try await onThreads(8) { index in
                for round in 0..<1000 {
                    let start = (index * 131 + round) % 900
                    let slice = bytes[start..<(start + 100)]
                    if slice[99] != UInt8(truncatingIfNeeded: start + 99) { wrong.add() }
                }
            }
            #expect(wrong.value == 0)
        }
    }

    @Suite struct BytesBoundsTests {
        @Test func `an index behind the end traps`() async {
            await #expect(processExitsWith: .failure) { _ = Bytes("abc")[1..<2][1] }
        }

        @Test func `a negative index traps`() async {
            await #expect(processExitsWith: .failure) { _ = Bytes("abc")[-1] }
        }

        @Test func `a range behind the end traps`() async {
            await #expect(processExitsWith: .failure) { _ = Bytes("abc")[1..<4] }
        }
    }
}
