// A web server for the files of a folder (HTTP/1.0, RFC 1945): GET and HEAD, and nothing else.
import Heddle
import SystemPackage

/// The path of a file in `folder` for what was asked for; nil if that could lead elsewhere.
func path(for target: Substring, in folder: FilePath) -> FilePath? {
    let text = target.prefix { $0 != "?" }.drop { $0 == "/" }
    let name = text.isEmpty ? "index.html" : String(text)
    guard let asked = try? FilePath(validating: name), asked.isRelative,
        !asked.components.contains(where: { $0.kind != .regular || $0.string.hasPrefix(".") })
    else { return nil }
    return folder.pushing(asked)
}

/// Answers one request; the end of the connection is the end of the answer.
func answer(_ connection: TCPConnection, from folder: FilePath) async throws {
    var lines = connection.inbound.lines(maximumBytes: 8_192).makeAsyncIterator()
    let words = try await lines.next()?.split(separator: " ") ?? []
    // The headers, of which none matters here.
    while let line = try await lines.next(), !line.isEmpty {}
    guard words.count >= 2, ["GET", "HEAD"].contains(words[0]), let loop = connection.loop,
        let path = path(for: words[1], in: folder)
    else { return try await connection.write("HTTP/1.0 400 Bad Request\r\n\r\n") }
    do {
        let file = try await File.open(path, on: loop)
        let status = try await file.status()
        guard status.type == .regular else { return try await answerMissing(connection) }
        let size = Int64(status.size)
        try await connection.write("HTTP/1.0 200 OK\r\nContent-Length: \(size)\r\n\r\n")
        if words[0] == "GET" { try await connection.sendFile(file, count: size) }
        try await file.close()
    } catch let error as IOError where error.code == .notFound || error.code == .wrongFileType {
        try await answerMissing(connection)
    }
}

func answerMissing(_ connection: TCPConnection) async throws {
    try await connection.write("HTTP/1.0 404 Not Found\r\n\r\n")
}

let arguments = CommandLine.arguments
let folder = try FilePath(validating: arguments.count > 1 ? arguments[1] : ".")
let endpoint = try Endpoint(arguments.count > 2 ? arguments[2] : "127.0.0.1:8080")
try await Runtime.run { runtime in
    let server = try await runtime.listen(on: endpoint)
    print("listening on \(server.localAddress)")
    try await server.serve(onError: { error, _ in print(error) }) { connection in
        try await withTimeout(.seconds(60)) { try await answer(connection, from: folder) }
    }
}
