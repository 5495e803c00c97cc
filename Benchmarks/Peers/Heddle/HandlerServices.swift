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
    /// A line whose end has not come.
    private var begun: [UInt8] = []

    func received(_ bytes: RawSpan, on stream: SynchronousStream) {
        var start = 0
        for index in 0..<bytes.byteCount
        where bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self) == UInt8(ascii: "\n") {
            answer(bytes.extracting(start..<index + 1), on: stream)
            start = index + 1
        }
        for index in start..<bytes.byteCount {
            begun.append(bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self))
        }
    }

    private func answer(_ line: RawSpan, on stream: SynchronousStream) {
        if !begun.isEmpty {
            stream.write(begun.span.bytes)
            begun.removeAll(keepingCapacity: true)
        }
        stream.write(line)
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
