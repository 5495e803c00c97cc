internal import SystemPackage

/// The bytes of a file from an offset to its end, in chunks that are read ahead. Made by
/// ``File/chunks(ofBytes:from:readAhead:)``.
public struct FileChunks: AsyncSequence, Sendable {
    /// The bytes of one chunk.
    public typealias Element = Bytes
    let file: File
    let chunkBytes: Int
    let offset: Int64
    let readAhead: Int

    /// Begins a pass; nothing is read before its first ``Iterator/next()``.
    public func makeAsyncIterator() -> Iterator {
        Iterator(file: file, reader: ChunkReader(self))
    }

    /// One pass over the file.
    public struct Iterator: AsyncIteratorProtocol, Sendable {
        /// Keeps the file open.
        let file: File
        let reader: ChunkReader

        /// The next chunk: as long as all others, except the last. Nil at the end, which is where the file ends
        /// when the pass comes to it.
        ///
        /// - Throws: as ``File``. Cancelling loses no byte: the next call goes on where this one stood.
        public func next() async throws -> Bytes? {
            try await reader.next()
        }
    }
}

extension File {
    /// The bytes from `offset` to the end, in chunks. While one is used, the next are being read.
    ///
    /// - Parameters:
    ///   - bytes: the length of a chunk, from 1 byte to 16 MiB.
    ///   - offset: where to begin, in bytes from the start of the file.
    ///   - readAhead: how many chunks more are read before they are asked for, up to 16. With the one that is
    ///     used, they are what a pass holds in memory.
    public func chunks(
        ofBytes bytes: Int = 128 * 1024, from offset: Int64 = 0, readAhead: Int = 2
    ) -> FileChunks {
        precondition(bytes >= 1 && bytes <= 16 << 20, "chunks have from 1 byte to 16 MiB")
        precondition(offset >= 0, "an offset is not negative")
        precondition(readAhead >= 0 && readAhead <= 16, "read ahead up to 16 chunks")
        return FileChunks(file: self, chunkBytes: bytes, offset: offset, readAhead: readAhead)
    }
}

/// The reads under way for one pass over a file. Owned by the pass; used on the file's loop.
// Sendable: references cross threads, but every use is on the loop's thread.
final class ChunkReader: @unchecked Sendable {
    private let core: FileCore
    private let chunkBytes: Int
    private let readAhead: Int
    /// Where the next chunk to be handed out begins.
    private var position: Int64
    /// Reads from `position` on, in order.
    private var jobs: [PoolJob<Bytes>] = []
    private var isOver = false
    private var isInUse = false

    init(_ chunks: FileChunks) {
        core = chunks.file.core
        chunkBytes = chunks.chunkBytes
        readAhead = chunks.readAhead
        position = chunks.offset
    }

    func next() async throws -> Bytes? {
        guard core.loop.isCurrent else { return try await core.loop.hop { try await self.next() } }
        guard !isInUse else {
            throw IOError(
                .busy, "read from", on: core.file.path.string, reason: "another task is reading")
        }
        if isOver { return nil }
        isInUse = true
        defer { isInUse = false }
        do {
            return try await readNext()
        } catch {
            // Read again from here, if anybody asks.
            dropJobs()
            throw error
        }
    }

    private func readNext() async throws -> Bytes? {
        let pool = core.loop.poolShare
        if jobs.isEmpty {
            let body = read(at: position)
            let job = try await pool.begin(
                "read from", on: core.file.path.string,
                begun: { try core.operationBegins("read from") },
                ended: { self.core.operationEnded() }
            ) { try body() }
            jobs.append(job)
        }
        try beginAhead()
        let bytes = try await pool.result(of: jobs[0], "read from", on: core.file.path.string)
        jobs.removeFirst()
        position += Int64(bytes.count)
        if bytes.count < chunkBytes {
            isOver = true
            dropJobs()
        } else {
            try beginAhead()
        }
        return bytes.isEmpty ? nil : bytes
    }

    /// Begins the reads behind those under way, as far as the pool has places.
    private func beginAhead() throws {
        while jobs.count < readAhead + 1 {
            let body = read(at: position + Int64(jobs.count * chunkBytes))
            let job = try core.loop.poolShare.beginIfFree(
                begun: { try core.operationBegins("read from") },
                ended: { self.core.operationEnded() }
            ) { try body() }
            guard let job else { return }
            jobs.append(job)
        }
    }

    private func read(at offset: Int64) -> @Sendable () throws -> Bytes {
        let file = core.file
        let count = chunkBytes
        return { try file.read(upTo: count, at: offset) }
    }

    private func dropJobs() {
        for job in jobs { job.abandon() }
        jobs = []
    }
}
