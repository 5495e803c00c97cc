import Heddle

/// What is done with a connection, as a handler object.
extension Arguments {
    var handlerService: TCPServer.HandlerFactory {
        switch mode {
        case .lines: { LineHandler() }
        case .source: { SourceHandler() }
        case .sink: { SinkHandler() }
        case .proxy: { fatalError("refused by init") }
        }
    }
}

/// Answers each line with the same line.
final class LineHandler: StreamHandler {
    private var decoder = FrameDecoder(.lines)

    func received(_ bytes: RawSpan, on stream: SynchronousStream) throws {
        try decoder.decode(bytes) { line in try stream.write(frame: line, as: .lines) }
    }
}

/// Sends blocks for as long as the stream takes them.
final class SourceHandler: StreamHandler {
    func opened(_ stream: SynchronousStream) { send(stream) }
    func received(_ bytes: RawSpan, on stream: SynchronousStream) {}
    func drained(_ stream: SynchronousStream) { send(stream) }

    private func send(_ stream: SynchronousStream) {
        while stream.isWritable { stream.write(block) }
    }
}

/// Counts the input; at its end answers with the count and closes.
final class SinkHandler: StreamHandler {
    private var count = 0

    func received(_ bytes: RawSpan, on stream: SynchronousStream) {
        count += bytes.byteCount
    }

    func inputEnded(on stream: SynchronousStream) {
        stream.write("\(count)\n")
        stream.close()
    }
}
