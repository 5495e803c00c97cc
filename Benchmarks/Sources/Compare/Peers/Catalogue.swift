/// All peers, in the order of the tables.
enum Catalogue {
    static let peers: [Peer] = c + heddle + nio + others

    private static let micro: [Role] = [.timers, .ticks, .posts, .hop, .lifecycle, .fileReads]

    private static let c: [Peer] = {
        let recipe = Recipe.make(
            folder: "C", tools: ["gcc", "make"], files: ["/usr/include/uv.h"],
            package: "gcc make libuv1-dev")
        var commands: [Role: [String]] = [:]
        for role in [Role.echo, .lines, .source, .sink, .proxy] {
            commands[role] = [Tools.built("\(role)_uv")]
        }
        commands[.udpEcho] = [Tools.built("udp_uv")]
        commands[.unixEcho] = commands[.echo]
        for role in micro { commands[role] = [Tools.built("micro_uv")] }
        return [
            Peer(
                id: Peer.reference, title: "C on libuv, tuned", recipe: recipe, commands: commands),
            Peer(
                id: "c-epoll", title: "C on epoll", recipe: recipe,
                commands: [
                    .echo: [Tools.built("echo_epoll")], .udpEcho: [Tools.built("udp_epoll")],
                    .unixEcho: [Tools.built("echo_epoll")],
                ]),
            Peer(
                id: "c-libuv-textbook", title: "C on libuv, textbook", recipe: recipe,
                commands: [.echo: [Tools.built("echo_uv_textbook")]]),
        ]
    }()

    private static let heddle: [Peer] =
        heddleStyles + [
            Peer(
                id: "heddle-strings", title: "Heddle async, as strings", recipe: .package,
                commands: [.lines: [Tools.product("heddle-peer"), Role.lines.rawValue, "strings"]])
        ]

    private static let heddleStyles: [Peer] = [
        ("heddle-async", "Heddle async", "async", [], [Role.lines, .source, .sink, .proxy]),
        (
            "heddle-handler", "Heddle handler", "handler", ["--handler"],
            [.lines, .source, .sink]
        ),
    ].map { (id: String, title: String, style: String, flags: [String], roles: [Role]) in
        let echo = [Tools.product("heddle"), "echo"] + flags
        var commands: [Role: [String]] = [
            .echo: echo + ["--threads", "1"], .echoOnTwoLoops: echo + ["--threads", "2"],
            .unixEcho: echo + ["--threads", "1"],
        ]
        for role in roles { commands[role] = [Tools.product("heddle-peer"), role.rawValue, style] }
        if style == "async" {
            commands[.udpEcho] = echo + ["--threads", "1"]
            for role in micro + [.tasks] { commands[role] = [Tools.product("micro"), "heddle"] }
        }
        return Peer(id: id, title: title, recipe: .package, commands: commands)
    }

    private static let nio: [Peer] = [
        ("nio-handlers", "SwiftNIO handlers", "handlers"),
        ("nio-async", "NIOAsyncChannel", "async"),
        ("nio-executor", "NIOAsyncChannel, loop as executor", "executor"),
    ].map { id, title, style in
        let program = Tools.product("nio-peer")
        var commands: [Role: [String]] = [
            .echoOnTwoLoops: [program, "echo", style, "--threads", "2"]
        ]
        for role in [Role.echo, .lines, .source, .sink] {
            commands[role] = [program, role.rawValue, style]
        }
        if style == "handlers" {
            commands[.unixEcho] = commands[.echo]
            for role in [Role.proxy, .udpEcho] {
                commands[role] = [program, role.rawValue, style]
            }
            for role in micro { commands[role] = [Tools.product("micro"), "nio"] }
        }
        if style == "async" { commands[.tasks] = [Tools.product("micro"), "nio"] }
        return Peer(id: id, title: title, recipe: .package, commands: commands)
    }

    private static let others: [Peer] = [
        Peer(
            id: "flyingfox", title: "FlyingFox sockets", recipe: .package,
            commands: [.echo: [Tools.product("flyingfox-peer"), "echo"]]),
        peer(
            "tokio", "tokio, current_thread", program: [Tools.built("tokio-peer")],
            .make(
                folder: "Rust", tools: ["cargo"],
                files: ["/usr/share/cargo/registry/tokio-1.24.2"],
                package: "cargo librust-tokio-dev"),
            [.echo, .lines, .source, .sink, .proxy, .udpEcho, .unixEcho]),
        peer(
            "go", "Go", program: [Tools.built("go-peer")],
            .make(folder: "Go", tools: ["go"], package: "golang-go"),
            [.echo, .lines, .source, .sink, .proxy, .udpEcho, .unixEcho, .fileReads]),
        peer(
            "asio", "Asio coroutines", program: [Tools.built("asio-peer")],
            .make(
                folder: "Asio", tools: ["g++"], files: ["/usr/include/asio.hpp"],
                package: "g++ libasio-dev"),
            [.echo, .lines, .source, .sink]),
        peer(
            "uvloop", "uvloop protocols",
            program: ["/usr/bin/python3", Tools.source("Peers/Python/uvloop_peer.py")],
            .script(
                tools: [], files: ["/usr/bin/python3", "/usr/lib/python3/dist-packages/uvloop"],
                package: "python3-uvloop"),
            [.echo, .lines, .source, .sink, .udpEcho, .unixEcho]),
        peer(
            "node", "Node", program: ["node", Tools.source("Peers/Node/node_peer.js")],
            .script(tools: ["node"], package: "nodejs"),
            [.echo, .lines, .source, .sink, .proxy, .udpEcho, .unixEcho]),
    ]

    private static func peer(
        _ id: String, _ title: String, program: [String], _ recipe: Recipe, _ roles: [Role]
    ) -> Peer {
        var commands: [Role: [String]] = [:]
        for role in roles {
            // The workload's own name follows.
            switch role {
            case .fileReads: commands[role] = program
            case .unixEcho: commands[role] = program + [Role.echo.rawValue]
            default: commands[role] = program + [role.rawValue]
            }
        }
        return Peer(id: id, title: title, recipe: recipe, commands: commands)
    }
}
