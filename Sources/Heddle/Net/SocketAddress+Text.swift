internal import Glibc

/// Addresses as text, by the C library, which knows every form of RFC 4291.
// Unsafe: the C library reads and writes what it is passed during the call only, within the length
// given; an `in6_addr` has 16 bytes.
extension SocketAddress.Host {
    init?(parsing text: String) {
        // A C string would end at a NUL, and what follows it pass unseen.
        guard !text.utf8.contains(0) else { return nil }
        var v4 = in_addr()
        if unsafe inet_pton(AF_INET, text, &v4) == 1 {
            self = .v4(UInt32(bigEndian: v4.s_addr))
            return
        }
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        var v6 = in6_addr()
        guard let address = parts.first, unsafe inet_pton(AF_INET6, String(address), &v6) == 1
        else {
            return nil
        }
        guard let scope = parts.count == 1 ? 0 : Self.zone(String(parts[1])) else { return nil }
        self.init(v6, scope: scope)
    }

    init(_ address: in6_addr, scope: UInt32) {
        var address = address
        let (high, low) = unsafe withUnsafeBytes(of: &address) { bytes in
            unsafe (
                UInt64(bigEndian: bytes.load(as: UInt64.self)),
                UInt64(bigEndian: bytes.load(fromByteOffset: 8, as: UInt64.self))
            )
        }
        self = .v6(high: high, low: low, scope: scope)
    }

    var text: String {
        // Room for the longest IPv6 text and its end mark.
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        switch self {
        case .v4(let number):
            var address = in_addr(s_addr: number.bigEndian)
            unsafe _ = inet_ntop(AF_INET, &address, &buffer, socklen_t(buffer.count))
            return Self.string(buffer)
        case .v6(let high, let low, let scope):
            var address = Self.address(high: high, low: low)
            unsafe _ = inet_ntop(AF_INET6, &address, &buffer, socklen_t(buffer.count))
            return scope == 0 ? Self.string(buffer) : "\(Self.string(buffer))%\(scope)"
        }
    }

    static func address(high: UInt64, low: UInt64) -> in6_addr {
        var address = in6_addr()
        unsafe withUnsafeMutableBytes(of: &address) { bytes in
            unsafe bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
            unsafe bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        return address
    }

    private static func string(_ buffer: [CChar]) -> String {
        String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// A zone is an interface's number or name.
    private static func zone(_ text: String) -> UInt32? {
        if let number = UInt32(text) { return number }
        let index = unsafe if_nametoindex(text)
        return index == 0 ? nil : index
    }
}
