import Heddle

/// The bytes that sources send: byte number k is k modulo 256.
let block = Bytes((0..<64 * 1024).map { UInt8(truncatingIfNeeded: $0) })

/// What is done with a connection, as async code.
extension Arguments {
    var asyncService: TCPServer.Handler {
        switch mode {
        case .lines: style == .strings ? answerStrings : answerLines
        case .source: { while true { try await $0.write(block) } }
        case .sink: count
        case .proxy: { [backend] in try await proxy($0, to: backend) }
        }
    }
}

@concurrent private func answerLines(_ connection: TCPConnection) async throws {
    for try await line in connection.inbound.frames(.lines) {
        try await connection.write(frame: line, as: .lines)
    }
}

@concurrent private func answerStrings(_ connection: TCPConnection) async throws {
    for try await line in connection.inbound.lines {
        try await connection.write(line + "\n")
    }
}

@concurrent private func count(_ connection: TCPConnection) async throws {
    var count = 0
    for try await bytes in connection.inbound { count += bytes.count }
    try await connection.write("\(count)\n")
}

private func proxy(_ client: TCPConnection, to endpoint: Endpoint) async throws {
    guard let loop = client.loop else { return }
    let backend = try await TCPConnection.connect(to: endpoint, on: loop)
    try await client.exchange(with: backend)
}
