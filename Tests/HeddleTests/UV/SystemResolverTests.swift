import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct SystemResolverTests {
        @Test(arguments: [
            ("plain.test", "plain.test"), ("bücher.test", "xn--bcher-kva.test"),
            ("münchen.de", "xn--mnchen-3ya.de"), ("中文.test", "xn--fiq228c.test"),
            // The samples of section 7.1 of RFC 3492: Arabic and Russian.
            ("ليهمابتكلموشعربي؟", "xn--egbpdaj6bu4bxfgehfvwxn"),
            ("почемужеонинеговорятпорусски", "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l"),
            ("3年b組金八先生", "xn--3b-ww4c5e180e575a65lsy2b"),
            ("ü。test", "xn--tda.test"),
        ])
        func `a name that is not ASCII is looked up as the DNS has it`(
            name: String, expected: String
        ) {
            #expect(Punycode.name(name) == expected)
        }

        /// FAULTS.md N14, for names.
        @Test(arguments: Seed.some(2))
        func `random names are ASCII within the bounds, or refused`(seed: Seed) {
            var random = seed.generator
            let alphabet = Array("ab-.ü中。\u{10FFFF}\u{0301}🧵ß")
            for _ in 0..<TestScale.times(2_000, full: 200_000) {
                let count = Int.random(in: 0...80, using: &random)
                let text = String((0..<count).map { _ in alphabet.randomElement(using: &random)! })
                guard let name = Punycode.name(text), name != text else { continue }
                let labels = name.split(separator: ".", omittingEmptySubsequences: false)
                expect(
                    labels.allSatisfy { $0.utf8.count <= 63 && $0.utf8.allSatisfy { $0 < 128 } },
                    true)
            }
        }

        @Test func `a label that is too long is no name`() throws {
            #expect(Punycode.name(String(repeating: "ü", count: 200)) == nil)
            let error = #expect(throws: UVError.self) {
                try SystemResolver.addresses(of: String(repeating: "ü", count: 200))
            }
            #expect(error?.name == "EINVAL")
        }

        @Test func `the resolver's errors keep their names`() throws {
            let error = #expect(throws: UVError.self) {
                try SystemResolver.addresses(of: "no-such-name.invalid")
            }
            // Without a server to ask it is a failure for now.
            #expect(["EAI_NONAME", "EAI_AGAIN", "EAI_NODATA"].contains(error?.name))
            let nameless = #expect(throws: UVError.self) {
                try SystemResolver.name(of: [0, 0, 0, 0])
            }
            #expect(nameless?.name == "EAI_FAMILY")
        }

        @Test func `the loopback network has addresses and a name`() throws {
            let addresses = try SystemResolver.addresses(of: "localhost").compactMap { bytes in
                bytes.withUnsafeBytes { SocketAddress(sockaddr: $0) }
            }
            #expect(addresses.contains { ["127.0.0.1", "::1"].contains($0.ip) })
            let address = SocketAddress.loopback(port: 0)
            let bytes = address.withSockaddr {
                Array(UnsafeRawBufferPointer(start: $0, count: Int($1)))
            }
            #expect(
                String(decoding: try SystemResolver.name(of: bytes), as: UTF8.self) == "localhost")
        }
    }
}
