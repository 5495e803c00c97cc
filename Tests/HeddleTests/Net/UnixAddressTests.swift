import Glibc
import SystemPackage
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct UnixAddressTests {
        @Test(arguments: ["/run/service.sock", "service", "@service", "./@service"])
        func `an address prints as the text it is made of`(text: String) throws {
            #expect(try UnixAddress(text).description == text)
        }

        @Test func `a path may be 107 bytes long, and a name too`() throws {
            let longest = String(repeating: "a", count: 107)
            #expect(try UnixAddress(longest).path?.string == longest)
            #expect(try UnixAddress(path: FilePath(longest)).path?.string == longest)
            #expect(try UnixAddress("@" + longest).description == "@" + longest)
            #expect(UnixAddress.maximumBytes == 107)
        }

        @Test(arguments: [
            (
                String(repeating: "a", count: 108),
                "108 bytes, of which a Unix socket's address takes 107"
            ),
            (
                "@" + String(repeating: "ä", count: 54),
                "108 bytes, of which a Unix socket's address takes 107"
            ),
            ("", "it is empty"), ("@", "it is empty"), ("a\0b", "it has a NUL character"),
            ("@a\0b", "it has a NUL character"),
        ])
        func `text that is no address is refused, with the reason`(
            text: String, reason: String
        ) throws {
            let error = #expect(throws: IOError.self) { try UnixAddress(text) }
            #expect(error?.code == .invalidArgument)
            #expect(error?.reason == reason)
            #expect(error?.operation == "use as a Unix address")
            #expect(error?.description.utf8.contains(0) == false)
        }

        @Test func `a path that is none is refused, with the reason`() throws {
            let paths: [FilePath] = ["", FilePath(String(repeating: "b", count: 300))]
            for path in paths {
                let error = #expect(throws: IOError.self) { try UnixAddress(path: path) }
                #expect(error?.code == .invalidArgument)
            }
        }

        @Test func `a path that begins with @ does not print as an abstract name`() throws {
            let address = try UnixAddress(path: "@odd")
            #expect(!address.isAbstract)
            #expect(address.description == "./@odd")
            #expect(address != (try UnixAddress("@odd")))
        }

        @Test func `bytes that are no text print as their numbers`() throws {
            #expect(try UnixAddress("@a\u{1}\u{7F}b").description == "@a\\x01\\x7fb")
        }

        @Test func `a peer's path of 108 bytes, which others may bind, can be connected to`()
            async throws
        {
            try await withTestFolder { _, folder in
                // One byte more than leaves room for a NUL.
                let path = folder.string + "/" + String(repeating: "p", count: 107 - folder.length)
                let socket = try Socket.unix(for: "bind", on: path)
                defer { socket.close() }
                var raw = sockaddr_un()
                raw.sun_family = sa_family_t(AF_UNIX)
                withUnsafeMutableBytes(of: &raw.sun_path) { $0.copyBytes(from: path.utf8) }
                let status = withUnsafeBytes(of: &raw) {
                    bind(
                        socket.descriptor, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self),
                        socklen_t($0.count))
                }
                #expect(status == 0 && listen(socket.descriptor, 1) == 0)
                let address = try #require(socket.unixAddress(ofPeer: false))
                #expect("\(address)" == path && path.utf8.count == 108)
                let client = try Socket.unix(for: "connect to", on: path)
                defer { client.close() }
                #expect(client.connect(to: address) == 0)
            }
        }

        @Test func `what the system is given it gives back`() throws {
            for text in ["@heddle \u{1F9F5}", "@x", "/a", String(repeating: "p", count: 107)] {
                let address = try UnixAddress(text)
                let (storage, length) = address.withSockaddr { head, length in
                    var storage = Socket.emptyStorage
                    withUnsafeMutableBytes(of: &storage) {
                        $0.baseAddress!.copyMemory(from: head, byteCount: Int(length))
                    }
                    return (storage, length)
                }
                #expect(UnixAddress(storage, length: length) == address)
                #expect(UnixAddress(storage, length: 2) == nil)
            }
        }
    }
}
