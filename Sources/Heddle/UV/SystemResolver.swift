internal import CLibuv
internal import Glibc

/// The system's resolver, which blocks the calling thread until it has an answer or has given up.
// Unsafe: the request and the list of addresses live until the end of the function that makes them.
enum SystemResolver {
    /// The socket addresses of `host` in the resolver's order, each as the bytes of a `sockaddr`.
    static func addresses(of host: String) throws(UVError) -> [[UInt8]] {
        // libuv counts each request on a loop, so it must be one that no other thread uses.
        let loop = try UVLoop()
        // Nothing was registered with it, so closing it cannot fail.
        defer { try? loop.close() }
        let request = UnsafeMutablePointer<uv_getaddrinfo_t>.allocate(capacity: 1)
        defer { unsafe request.deallocate() }
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        // Without a callback the look-up is done when this returns (uv_getaddrinfo in libuv's manual).
        try unsafe UVError.check(uv_getaddrinfo(loop.raw, request, nil, host, nil, &hints))
        defer { unsafe uv_freeaddrinfo(request.pointee.addrinfo) }
        var found: [[UInt8]] = []
        var next = unsafe request.pointee.addrinfo
        // Each entry says how long its address is.
        while let entry = unsafe next {
            let bytes = unsafe UnsafeRawBufferPointer(
                start: entry.pointee.ai_addr, count: Int(entry.pointee.ai_addrlen))
            unsafe found.append(Array(bytes))
            unsafe next = entry.pointee.ai_next
        }
        return found
    }
}
