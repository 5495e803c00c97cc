import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct SocketAddressTests {
        static let printed: [(text: String, printed: String)] = [
            ("127.0.0.1:80", "127.0.0.1:80"), ("0.0.0.0:0", "0.0.0.0:0"),
            ("255.255.255.255:65535", "255.255.255.255:65535"), ("[::1]:80", "[::1]:80"),
            ("[::]:0", "[::]:0"), ("[0:0:0:0:0:0:0:1]:1", "[::1]:1"),
            ("[2001:DB8::ff]:443", "[2001:db8::ff]:443"), ("[fe80::1%7]:80", "[fe80::1%7]:80"),
            ("[fe80::1%0]:80", "[fe80::1]:80"), ("[::ffff:1.2.3.4]:5", "[::ffff:1.2.3.4]:5"),
            (
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:1",
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:1"
            ),
            ("[127.0.0.1]:9", "127.0.0.1:9"),
        ]

        @Test(arguments: printed.indices)
        func `an address prints in its canonical form`(index: Int) throws {
            let (text, printed) = Self.printed[index]
            let address = try SocketAddress(text)
            #expect(address.description == printed)
            #expect(try SocketAddress(printed) == address)
        }

        static let bad = [
            "", "localhost:80", "localhost:", "1.2.3:80", "1.2.3.4.5:80", "256.0.0.1:80",
            "01.2.3.4:80", "1.2.3.4", "[1.2.3.4", "[:::1]:80", "[::1::]:80", "[12345::]:80",
            "[::1%]:80", "[::1%no-such-interface]:80", "[::1%-1]:80", "[::1%4294967296]:80",
            "[fe80::1%1%2]:80", "[%1]:80", "1.2.3.4%1:80", " 1.2.3.4:80", "1.2.3.4 :80",
            "1.2.3.4\u{0}:80", "1.2.3.4:70000", "1.2.3.4:-1", "1.2.3.4: 80", "[::1]\u{0}:80",
            "[::1%\(String(repeating: "x", count: 4_000))]:80", "1.2.3.4:80\u{0}",
        ]

        @Test(arguments: bad)
        func `text that is no address is refused`(text: String) {
            let error = #expect(throws: IOError.self) { try SocketAddress(text) }
            #expect(error?.code == .invalidArgument)
            #expect(error?.operation == "parse address")
        }

        @Test(arguments: [
            "", "localhost", "1.2.3.4:80", "[::1]", "::1%", "1.2.3.4\u{0}", "::1\u{0}x",
            "::1%1\u{0}",
        ])
        func `an ip that is none is refused`(ip: String) {
            let error = #expect(throws: IOError.self) { try SocketAddress(ip: ip, port: 80) }
            #expect(error?.code == .invalidArgument)
        }

        @Test(arguments: [70_000, 65_536, -1, Int.min])
        func `a port outside its range is refused by name`(port: Int) {
            let error = #expect(throws: IOError.self) { try SocketAddress(ip: "::1", port: port) }
            #expect(error?.code == .invalidArgument)
            #expect("\(error!)".contains("port \(port) is not between 0 and 65535"))
        }

        @Test func `the families are told apart`() throws {
            #expect(SocketAddress.loopback(port: 1).isIPv4)
            #expect(SocketAddress.anyIPv4(port: 1).description == "0.0.0.0:1")
            #expect(SocketAddress.anyIPv6(port: 1).isIPv6)
            #expect(SocketAddress.anyIPv6(port: 1).description == "[::]:1")
            #expect(try SocketAddress(ip: "::ffff:1.2.3.4", port: 0).isIPv6)
        }

        @Test func `the zone is an interface's number or its name`() throws {
            let index = if_nametoindex("lo")
            let named = try SocketAddress("[fe80::1%lo]:80")
            #expect(named.scope == index)
            #expect(named.ip == "fe80::1%\(index)")
            #expect(SocketAddress.loopback(port: 1).scope == 0)
        }

        @Test func `a zone makes another address`() throws {
            #expect(try SocketAddress("[fe80::1%1]:80") != SocketAddress("[fe80::1%2]:80"))
            #expect(Set([try SocketAddress("[::1]:1"), try SocketAddress("[0::1]:1")]).count == 1)
        }

        @Test(arguments: Seed.some(5))
        func `an address comes back whole from the system's form`(seed: Seed) throws {
            var random = seed.generator
            for _ in 0..<500 {
                let port = UInt16.random(in: 0...UInt16.max, using: &random)
                let host: SocketAddress.Host =
                    Bool.random(using: &random)
                    ? .v4(.random(in: 0...UInt32.max, using: &random))
                    : .v6(
                        high: .random(in: 0...UInt64.max, using: &random),
                        low: .random(in: 0...UInt64.max, using: &random),
                        scope: .random(in: 0...UInt32.max, using: &random))
                let address = SocketAddress(host: host, port: port)
                let back = address.withSockaddr { pointer, length in
                    SocketAddress(
                        sockaddr: UnsafeRawBufferPointer(start: pointer, count: Int(length)))
                }
                #expect(back == address)
                #expect(try SocketAddress(address.description) == address)
                #expect(try SocketAddress(ip: address.ip, port: Int(port)) == address)
            }
        }

        @Test func `too few bytes and other families are no address`() {
            let short = [UInt8](repeating: 0, count: 3)
            #expect(short.withUnsafeBytes { SocketAddress(sockaddr: $0) } == nil)
            #expect([UInt8]().withUnsafeBytes { SocketAddress(sockaddr: $0) } == nil)
            let other = SocketAddress(sockaddr_storage())
            #expect(other == nil)
            var cut = sockaddr_in()
            cut.sin_family = sa_family_t(AF_INET6)
            #expect(withUnsafeBytes(of: &cut) { SocketAddress(sockaddr: $0) } == nil)
        }

        @Test(arguments: Seed.some(10))
        func `random text parses or is refused, and never traps`(seed: Seed) {
            var random = seed.generator
            for _ in 0..<2_000 {
                let text = RandomText.address(using: &random)
                do {
                    let address = try SocketAddress(text)
                    #expect(try SocketAddress(address.description) == address, "\(text)")
                } catch {
                    #expect((error as? IOError)?.code == .invalidArgument, "\(text)")
                }
                _ = try? SocketAddress(ip: text, port: 1)
            }
        }
    }
}
