internal import Glibc

/// Bytes of an open file that are to be sent. A value; whoever has it keeps the descriptor open.
struct FilePart: Sendable {
    /// Most bytes that are sent before other work has the thread.
    static let pieceBytes = 1 << 20
    /// Most bytes of one file, so that no offset behind them overflows.
    static let maximumBytes = Int64.max >> 1

    /// What one turn on a thread of the pool came to.
    struct Step: Sendable {
        var sent: Int64 = 0
        /// The socket takes no more now.
        var isFull = false
        /// The file has no more.
        var isAtEnd = false
    }

    /// Why nothing more can be sent.
    enum Failure: Error {
        case ofFile(IOError)
        case ofConnection(IOError)
    }

    static let operation = "send"

    let descriptor: Int32
    let path: String
    let offset: Int64
    /// How many bytes; nil for all up to the end of the file.
    let count: Int64?

    /// - Throws: ``IOError/Code/invalidArgument`` for what is out of bounds.
    init(descriptor: Int32, path: String, offset: Int64, count: Int64?) throws {
        self.descriptor = descriptor
        self.path = path
        self.offset = offset
        self.count = count
        guard (0...Self.maximumBytes).contains(offset), (0...Self.maximumBytes).contains(count ?? 0)
        else {
            let part = count.map { "\($0) bytes" } ?? "what is there"
            throw IOError(
                .invalidArgument, Self.operation, on: path,
                reason: "\(part) from \(offset) on are not within bounds")
        }
    }

    /// Sends some more, without waiting for the peer, though perhaps for the disk. On a thread of the pool.
    ///
    /// - Parameters:
    ///   - done: how many bytes have been sent.
    ///   - socket: one that does not block.
    ///   - subject: what to what, for errors.
    func send(after done: Int64, to socket: Int32, _ subject: String) throws(Failure) -> Step {
        if done == 0 { try checkKind() }
        var step = Step()
        while step.sent < Self.pieceBytes {
            let start = done + step.sent
            let left = min(Int64(Self.pieceBytes) - step.sent, (count ?? .max) - start)
            guard left > 0 else { return step }
            let result = LinuxCalls.send(
                descriptor, from: offset + start, count: Int(left), to: socket)
            switch (result, errno) {
            case (1..., _): step.sent += Int64(result)
            case (0, _):
                step.isAtEnd = true
                return step
            case (_, EAGAIN):
                step.isFull = true
                return step
            case (_, EINTR): continue
            case (_, let number):
                let error = IOError(errno: number, Self.operation, on: subject)
                throw Self.areOfConnection.contains(number) ? .ofConnection(error) : .ofFile(error)
            }
        }
        return step
    }

    private static let areOfConnection: Set<Int32> = [
        EPIPE, ECONNRESET, ECONNABORTED, ENOTCONN, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ENETDOWN,
        ESHUTDOWN,
    ]

    /// The system would call a folder an invalid argument.
    private func checkKind() throws(Failure) {
        var status = stat()
        // The system writes into the local during the call only.
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw .ofFile(IOError(errno: errno, Self.operation, on: path))
        }
        let kind = status.st_mode & S_IFMT
        guard kind == S_IFREG || kind == S_IFBLK else {
            throw .ofFile(
                IOError(
                    .wrongFileType, Self.operation, on: path, reason: "neither a file nor a disk"))
        }
    }
}
