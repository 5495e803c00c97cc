import Glibc
import NIOCore
import NIOPosix

/// The SwiftNIO peer: `nio-peer MODE STYLE --tcp HOST:PORT [--to HOST:PORT] [--threads N]`.
///
/// Modes: echo, lines, source, sink, proxy, and udpEcho, which takes `--udp` instead of `--tcp`. With handlers,
/// echo takes `--unix PATH`, too. Styles: `handlers` (a ChannelHandler), `async`
/// (NIOAsyncChannel), `executor` (NIOAsyncChannel with the loop as task executor).
@main
struct NIOPeer {
    static func main() throws {
        let arguments = try Arguments(CommandLine.arguments)
        // Waited for below; the threads of the group inherit the mask.
        var ends = sigset_t()
        sigemptyset(&ends)
        sigaddset(&ends, SIGTERM)
        sigaddset(&ends, SIGINT)
        pthread_sigmask(SIG_BLOCK, &ends, nil)
        signal(SIGPIPE, SIG_IGN)

        let group = MultiThreadedEventLoopGroup(numberOfThreads: arguments.threads)
        if arguments.mode == .udpEcho {
            announce(try DatagramServer(group: group, arguments: arguments).bind().wait(), "udp")
        } else if arguments.style == .handlers {
            let server = HandlerServer(group: group, arguments: arguments)
            announce(try server.bind().wait(), arguments.path == nil ? "tcp" : "unix")
        } else {
            let server = AsyncServer(group: group, arguments: arguments)
            // Not on the main thread, which waits below.
            Task.detached { try await server.run { announce($0, "tcp") } }
        }
        var number: Int32 = 0
        sigwait(&ends, &number)
        if let path = arguments.path { unlink(path) }
        exit(0)
    }

    @Sendable static func announce(_ channel: any Channel, _ kind: String) {
        let address = channel.localAddress!
        let place = address.pathname ?? "\(address.ipAddress!):\(address.port!)"
        print("listening on \(kind) \(place)\nready")
        fflush(nil)
    }
}

/// What the command line asks for.
struct Arguments: Sendable {
    enum Mode: String { case echo, lines, source, sink, proxy, udpEcho }
    enum Style: String { case handlers, async, executor }
    struct Wrong: Error {}

    let mode: Mode
    let style: Style
    var address = (host: "", port: 0)
    var backend = (host: "", port: 0)
    /// Where a Unix-domain socket is to be, instead of an address.
    var path: String?
    var threads = 1

    init(_ words: [String]) throws {
        guard words.count >= 5, let mode = Mode(rawValue: words[1]),
            let style = Style(rawValue: words[2])
        else { throw Wrong() }
        self.mode = mode
        self.style = style
        for (name, value) in zip(words.dropFirst(3), words.dropFirst(4)) {
            switch name {
            case "--tcp", "--udp": address = try Self.endpoint(value)
            case "--unix": path = value
            case "--to": backend = try Self.endpoint(value)
            case "--threads": threads = Int(value) ?? 1
            default: break
            }
        }
    }

    private static func endpoint(_ text: String) throws -> (host: String, port: Int) {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let port = Int(parts[1]) else { throw Wrong() }
        return (String(parts[0]), port)
    }
}
