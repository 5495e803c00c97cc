internal import CLibuv
internal import Glibc

/// The system's resolver, which blocks the calling thread until it has an answer or has given up. Not libuv's
/// calls to it: each wants a loop, and does the same.
// Unsafe: the system reads what it is passed during the call, and its list of addresses lives until it is given back.
enum SystemResolver {
    /// The socket addresses of `host` in the resolver's order, each as the bytes of a `sockaddr`. A name that is not
    /// ASCII is looked up as RFC 3492 writes it.
    static func addresses(of host: String) throws(UVError) -> [[UInt8]] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        guard let name = Punycode.name(host) else {
            throw UVError(status: Int32(UV_EINVAL.rawValue))
        }
        var list: UnsafeMutablePointer<addrinfo>?
        try check(unsafe getaddrinfo(name, nil, &hints, &list))
        defer { unsafe freeaddrinfo(list) }
        var found: [[UInt8]] = []
        var next = unsafe list
        // Each entry says how long its address is.
        while let entry = unsafe next {
            let bytes = unsafe UnsafeRawBufferPointer(
                start: entry.pointee.ai_addr, count: Int(entry.pointee.ai_addrlen))
            unsafe found.append(Array(bytes))
            unsafe next = entry.pointee.ai_next
        }
        return found
    }

    /// The name of a socket address, given as the bytes of a `sockaddr`, in UTF-8.
    ///
    /// - Throws: `EAI_NONAME` if it has none.
    static func name(of address: [UInt8]) throws(UVError) -> [UInt8] {
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let status = unsafe address.withUnsafeBytes { bytes in
            // The system reads it by its family, no further than it is long.
            let head = unsafe bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return unsafe getnameinfo(
                head, socklen_t(bytes.count), &host, socklen_t(host.count), nil, 0,
                Int32(NI_NAMEREQD))
        }
        try check(status)
        return host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    }

    /// Throws what the resolver says, by libuv's numbers, which have names and words of their own.
    private static func check(_ status: Int32) throws(UVError) {
        // What no socket address is, or the error of another call: nothing may come before this looks at it.
        let number = errno
        guard status != 0 else { return }
        if status == systemError { throw UVError(status: number == 0 ? fallback : -number) }
        throw UVError(status: codes[status] ?? fallback)
    }

    private static let fallback = Int32(UV_EAI_FAIL.rawValue)
    private static let systemError = Int32(EAI_SYSTEM)

    private static let codes: [Int32: Int32] = [
        Int32(EAI_AGAIN): Int32(UV_EAI_AGAIN.rawValue),
        Int32(EAI_BADFLAGS): Int32(UV_EAI_BADFLAGS.rawValue),
        Int32(EAI_FAIL): Int32(UV_EAI_FAIL.rawValue),
        Int32(EAI_FAMILY): Int32(UV_EAI_FAMILY.rawValue),
        Int32(EAI_MEMORY): Int32(UV_EAI_MEMORY.rawValue),
        Int32(EAI_NONAME): Int32(UV_EAI_NONAME.rawValue),
        Int32(EAI_OVERFLOW): Int32(UV_EAI_OVERFLOW.rawValue),
        Int32(EAI_SERVICE): Int32(UV_EAI_SERVICE.rawValue),
        Int32(EAI_SOCKTYPE): Int32(UV_EAI_SOCKTYPE.rawValue),
        // GNU's own: EAI_NODATA and EAI_ADDRFAMILY, a name without an address (of that family).
        -5: Int32(UV_EAI_NODATA.rawValue),
        -9: Int32(UV_EAI_ADDRFAMILY.rawValue),
    ]
}
