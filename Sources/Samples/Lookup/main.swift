// Looks up the addresses of names, and the names of addresses, all at once.
import Glibc
import Heddle

/// A line on what a text stands for; a text that is an address is looked up backwards.
func answer(for text: String, on loop: EventLoop) async -> String {
    do {
        if let address = try? SocketAddress(ip: text, port: 0) {
            return "\(text): \(try await loop.name(of: address, timeout: .seconds(10)))"
        }
        let addresses = try await loop.addresses(of: text, timeout: .seconds(10))
        return "\(text): \(addresses.map(\.ip).joined(separator: " "))"
    } catch {
        // It names what was looked up.
        return "\(error)"
    }
}

let texts = CommandLine.arguments.dropFirst()
if texts.isEmpty {
    print("usage: Lookup NAME-OR-ADDRESS...")
    exit(2)
}
try await Runtime.run(.init(threads: 1)) { runtime in
    let loop = runtime.nextLoop
    await withTaskGroup(of: String.self) { group in
        for text in texts { group.addTask { await answer(for: text, on: loop) } }
        for await line in group { print(line) }
    }
}
