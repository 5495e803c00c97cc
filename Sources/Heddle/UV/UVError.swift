internal import CLibuv

/// A libuv status: its number, its symbolic name and the system's words for it.
struct UVError: Error, Equatable {
    /// The negative number libuv reports, `-errno` on Linux for system errors.
    let status: Int32

    init(status: Int32) {
        self.status = status
    }

    /// The symbolic name, for example `ECONNREFUSED`.
    var name: String {
        unsafe Self.text(of: status, by: uv_err_name_r)
    }

    /// The system's words, for example `connection refused`.
    var message: String {
        unsafe Self.text(of: status, by: uv_strerror_r)
    }

    /// Throws unless a libuv call succeeded (a status of 0 or more).
    static func check(_ status: Int32) throws(UVError) {
        guard status >= 0 else { throw UVError(status: status) }
    }

    /// libuv writes into a buffer of ours: its other form leaks for unknown codes.
    private static func text(
        of status: Int32,
        by render: (Int32, UnsafeMutablePointer<CChar>?, Int) -> UnsafeMutablePointer<CChar>?
    ) -> String {
        // The longest message of libuv 1.44 has 60 characters.
        var buffer = [CChar](repeating: 0, count: 128)
        // The pointer lives for the call only, and the length passed is the buffer's.
        unsafe buffer.withUnsafeMutableBufferPointer {
            unsafe _ = render(status, $0.baseAddress, $0.count)
        }
        return String(
            decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// The libuv status codes the runtime tells apart.
enum UVStatus {
    static let endOfFile = Int32(UV_EOF.rawValue)
    static let again = Int32(UV_EAGAIN.rawValue)
    static let noBuffers = Int32(UV_ENOBUFS.rawValue)
    static let busy = Int32(UV_EBUSY.rawValue)
}
