import Glibc
import Heddle

/// Heddle's own servers beside `heddle echo`:
/// `heddle-peer MODE STYLE --tcp HOST:PORT [--to HOST:PORT] [--threads N]`.
///
/// Modes: lines, source, sink, proxy. Styles: async, handler, strings (lines only).
@main
struct HeddlePeer {
    static func main() throws {
        let arguments = try Arguments(CommandLine.arguments)
        // The end of a measurement: what counted it (an exit handler of a preloaded library) must run.
        signal(SIGTERM) { _ in exit(0) }
        try Runtime.runBlocking(.init(threads: arguments.threads)) { runtime in
            let server = try await runtime.listen(on: arguments.address)
            print("listening on tcp \(server.localAddress)\nready")
            fflush(nil)
            switch arguments.style {
            case .async, .strings: try await server.serve(arguments.asyncService)
            case .handler: try await server.serve(handler: arguments.handlerService)
            }
        }
    }
}

/// What the command line asks for.
struct Arguments: Sendable {
    enum Mode: String { case lines, source, sink, proxy }
    enum Style: String { case async, handler, strings }
    struct Wrong: Error {}

    let mode: Mode
    let style: Style
    var address: Endpoint = "127.0.0.1:0"
    var backend: Endpoint = "127.0.0.1:0"
    var threads = 1

    init(_ words: [String]) throws {
        guard words.count >= 5, let mode = Mode(rawValue: words[1]),
            let style = Style(rawValue: words[2]), (mode, style) != (.proxy, .handler),
            style != .strings || mode == .lines
        else { throw Wrong() }
        self.mode = mode
        self.style = style
        for (name, value) in zip(words.dropFirst(3), words.dropFirst(4)) {
            switch name {
            case "--tcp": address = try Endpoint(value)
            case "--to": backend = try Endpoint(value)
            case "--threads": threads = Int(value) ?? 1
            default: break
            }
        }
    }
}
