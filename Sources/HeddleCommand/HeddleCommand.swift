import ArgumentParser

/// The program `heddle`: what it is called, says of itself and can do.
struct HeddleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "heddle",
        abstract: "Heddle gives every thread its own event loop.",
        discussion: """
            Serve bytes and measure how fast, on the async I/O runtime for Swift on libuv. Start with \
            'heddle demo'.

            Errors are one line on standard error that names what was tried; the exit status is then 1.
            """,
        version: "heddle 0.1.0",
        subcommands: [EchoCommand.self, LoadCommand.self, DemoCommand.self])
}

/// Where the program begins, and where every error ends as one line.
@main
enum Main {
    static func main() {
        do {
            var command = try HeddleCommand.parseAsRoot()
            try command.run()
        } catch {
            end(with: error)
        }
    }

    /// Help and the version are not errors, though they come as such.
    private static func end(with error: any Error) -> Never {
        if HeddleCommand.exitCode(for: error) == .success {
            Console.print(HeddleCommand.fullMessage(for: error))
            Console.exit(0)
        }
        Console.printError("heddle: \(oneLine(HeddleCommand.message(for: error)))")
        Console.exit(1)
    }

    private static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
