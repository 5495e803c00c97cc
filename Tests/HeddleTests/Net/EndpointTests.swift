import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct EndpointTests {
        static let good: [(text: String, host: String, port: UInt16)] = [
            ("127.0.0.1:80", "127.0.0.1", 80), ("example.com:443", "example.com", 443),
            ("localhost:0", "localhost", 0), ("h:65535", "h", 65_535), ("h:00080", "h", 80),
            ("[::1]:80", "::1", 80), ("[fe80::1%2]:1", "fe80::1%2", 1), ("[::]:0", "::", 0),
            ("[example.com]:80", "example.com", 80), ("[127.0.0.1]:80", "127.0.0.1", 80),
            ("-:1", "-", 1), ("münchen.example:1", "münchen.example", 1),
        ]

        @Test(arguments: good.indices)
        func `a host and a port are told apart`(index: Int) throws {
            let (text, host, port) = Self.good[index]
            let endpoint = try Endpoint(text)
            #expect(endpoint.host == host)
            #expect(endpoint.port == port)
        }

        @Test(arguments: good.indices)
        func `an endpoint prints as what it parses from`(index: Int) throws {
            let endpoint = try Endpoint(Self.good[index].text)
            #expect(try Endpoint(endpoint.description) == endpoint)
        }

        static let bad: [(text: String, reason: String)] = [
            ("", "the port is missing"), ("localhost", "the port is missing"),
            ("localhost:", "the port is missing"), (":80", "the host is missing"),
            (":", "the port is missing"), ("[]:80", "the host is missing"),
            ("[::1]", "the port is missing"), ("[::1]80", "the port is missing"),
            ("[::1]:", "the port is missing"), ("[::1", "the bracket is not closed"),
            ("[", "the bracket is not closed"), ("::1:80", "an IPv6 address needs brackets"),
            ("::1", "an IPv6 address needs brackets"), ("a:b:1", "an IPv6 address needs brackets"),
            ("h:70000", "port 70000 is not between 0 and 65535"),
            ("h:65536", "port 65536 is not between 0 and 65535"),
            ("h:-1", "'-1' is not a port number"), ("h:+1", "'+1' is not a port number"),
            ("h: 80", "' 80' is not a port number"), ("h:80 ", "'80 ' is not a port number"),
            ("h:http", "'http' is not a port number"), ("h:8\u{0}0", "is not a port number"),
            ("h:٨٠", "is not a port number"), ("h:1e3", "is not a port number"),
            ("h:0x50", "is not a port number"),
            ("h:99999999999999999999999999999999", "is not between 0 and 65535"),
            (" h:80", "characters no name has"), ("h :80", "characters no name has"),
            ("a b:80", "characters no name has"), ("h\u{0}:80", "characters no name has"),
            ("h\n:80", "characters no name has"), ("h\t:80", "characters no name has"),
            ("\u{3000}:80", "characters no name has"), ("[::1 ]:80", "characters no name has"),
        ]

        @Test(arguments: bad.indices)
        func `bad text is refused with a reason that names it`(index: Int) {
            let (text, reason) = Self.bad[index]
            let error = #expect(throws: IOError.self) { try Endpoint(text) }
            #expect(error?.code == .invalidArgument)
            #expect(error?.reason.contains(reason) == true, "\(String(describing: error))")
            #expect(error?.subject?.isEmpty == false)
        }

        @Test(arguments: [70_000, 65_536, -1, Int.min, Int.max])
        func `a port outside its range is refused by name`(port: Int) {
            let error = #expect(throws: IOError.self) { try Endpoint(host: "h", port: port) }
            #expect(error?.code == .invalidArgument)
            #expect("\(error!)".contains("port \(port) is not between 0 and 65535"))
        }

        @Test(arguments: [0, 1, 65_535])
        func `a port within its range is taken`(port: Int) throws {
            #expect(try Endpoint(host: "h", port: port).port == UInt16(port))
        }

        @Test func `an empty host is refused`() {
            let error = #expect(throws: IOError.self) { try Endpoint(host: "", port: 1) }
            #expect(error?.code == .invalidArgument)
        }

        @Test(arguments: ["a]b", "[::1]", "]", "a[b"])
        func `a host that prints as something else is refused or parses back`(host: String) throws {
            guard let endpoint = try? Endpoint(host: host, port: 80) else { return }
            let again = try? Endpoint(endpoint.description)
            #expect(again == nil || again == endpoint)
        }

        @Test(arguments: Seed.some(10))
        func `random text parses or is refused, and never traps`(seed: Seed) {
            var random = seed.generator
            for _ in 0..<2_000 {
                let text = RandomText.address(using: &random)
                do {
                    let endpoint = try Endpoint(text)
                    #expect(try Endpoint(endpoint.description) == endpoint, "\(text)")
                } catch {
                    #expect((error as? IOError)?.code == .invalidArgument, "\(text)")
                }
            }
        }
    }
}

/// Text that is nearly an address, or not at all.
enum RandomText {
    private static let pieces = [
        "[", "]", ":", "::", "%", ".", "0", "1", "127.0.0.1", "fe80", "::1", "65535", "70000", " ",
        "\u{0}", "\n", "é", "🧵", "\u{301}", "localhost", "-", "+", "ffff:", "%lo", "%1", "256", "/",
        "1.2.3", "::ffff:1.2.3.4", "\u{200B}", "\r\n",
    ]

    static func address(using random: inout SeededGenerator) -> String {
        if Int.random(in: 0..<4, using: &random) == 0 { return junk(using: &random) }
        let count = Int.random(in: 0...8, using: &random)
        return (0..<count).map { _ in pieces.randomElement(using: &random)! }.joined()
    }

    private static func junk(using random: inout SeededGenerator) -> String {
        let count = Int.random(in: 0...40, using: &random)
        let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
