/// All peers, in the order of the tables.
enum Catalogue {
    static let peers: [Peer] = [
        Peer(
            id: Peer.reference, title: "C on libuv, tuned", recipe: c,
            commands: [
                .echo: [Tools.built("echo_uv")], .lines: [Tools.built("lines_uv")],
                .source: [Tools.built("source_uv")], .sink: [Tools.built("sink_uv")],
                .proxy: [Tools.built("proxy_uv")],
            ]),
        Peer(
            id: "c-epoll", title: "C on epoll", recipe: c,
            commands: [.echo: [Tools.built("echo_epoll")]]),
        Peer(
            id: "c-libuv-textbook", title: "C on libuv, textbook", recipe: c,
            commands: [.echo: [Tools.built("echo_uv_textbook")]]),
        heddle("heddle-async", "Heddle async", "async", [], [.lines, .source, .sink, .proxy]),
        heddle(
            "heddle-handler", "Heddle handler", "handler", ["--handler"],
            [.lines, .source, .sink]),
        nio("nio-handlers", "SwiftNIO handlers", "handlers", [.echo, .lines, .source, .sink, .proxy]),
        nio("nio-async", "NIOAsyncChannel", "async", [.echo, .lines, .source, .sink]),
        nio(
            "nio-executor", "NIOAsyncChannel, loop as executor", "executor",
            [.echo, .lines, .source, .sink]),
    ]

    private static let c = Recipe.make(
        folder: "C", tools: ["gcc", "make"], files: ["/usr/include/uv.h"],
        package: "gcc make libuv1-dev")

    private static func heddle(
        _ id: String, _ title: String, _ style: String, _ echoFlags: [String], _ roles: [Role]
    ) -> Peer {
        var commands: [Role: [String]] = [
            .echo: [Tools.product("heddle"), "echo", "--threads", "1"] + echoFlags
        ]
        for role in roles { commands[role] = [Tools.product("heddle-peer"), role.rawValue, style] }
        return Peer(id: id, title: title, recipe: .package, commands: commands)
    }

    private static func nio(_ id: String, _ title: String, _ style: String, _ roles: [Role]) -> Peer {
        var commands: [Role: [String]] = [:]
        for role in roles { commands[role] = [Tools.product("nio-peer"), role.rawValue, style] }
        return Peer(id: id, title: title, recipe: .package, commands: commands)
    }
}
