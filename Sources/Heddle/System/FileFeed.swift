internal import Glibc
internal import SystemPackage

/// Feeds a file, which nobody can wait for, into a pipe, which a stream reads from. Runs as a task on the loop until
/// the file ends or nobody reads any more.
enum FileFeed {
    /// Bytes read at once.
    private static let chunkBytes = 64 * 1024

    /// The reading end of a pipe that is fed from `source`, which this closes, also when it throws.
    static func start(
        _ source: PipeDescriptor, on loop: EventLoop, limits: StreamLimits
    ) throws(IOError) -> PipeCore {
        var ends: [Int32] = [-1, -1]
        // The system writes into the local during the call only.
        guard unsafe LinuxCalls.makePipe(&ends) == 0 else {
            let error = IOError(errno: errno, "open", on: source.name)
            source.abandon()
            throw error
        }
        let file: File
        let reading: PipeCore
        do throws(IOError) {
            // Gives back the rest of the source on failure.
            reading = try PipeCore.opening(
                source.replacing(ends[0]), on: loop.core, limits: limits)
        } catch {
            Glibc.close(source.descriptor)
            Glibc.close(ends[1])
            throw error
        }
        // From here on the pool's users see to the descriptor's end: a read may be under way then.
        let open = OpenFile(descriptor: source.descriptor, path: FilePath(source.name))
        file = File(core: FileCore(open, on: loop.core))
        do throws(IOError) {
            let writing = try PipeCore.opening(
                PipeDescriptor(descriptor: ends[1], name: source.name, directions: .writing),
                on: loop.core, limits: limits)
            let feed = PipeStream(pipe: writing)
            loop.task { await run(file, into: feed, for: reading) }
            return reading
        } catch {
            reading.close()
            throw error
        }
    }

    private static func run(_ file: File, into feed: PipeStream, for reading: PipeCore) async {
        do {
            while true {
                let bytes = try await file.core.perform("read from") {
                    try $0.read(upTo: chunkBytes, at: nil)
                }
                if bytes.isEmpty { break }
                do {
                    try await feed.write(bytes)
                } catch {
                    // Nobody reads any more.
                    return feed.reset()
                }
            }
            try? await feed.close()
        } catch {
            if let reason = error as? IOError, reading.phase == .open { reading.broke(reason) }
            feed.reset()
        }
    }
}
