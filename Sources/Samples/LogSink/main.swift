// Takes what programs log by datagrams, as syslog(3) does, and prints each line behind the process that sent it.
// SIGTERM or Control-C ends it, and its path is gone then.
//
//     LogSink /tmp/log.sock &
//     logger --socket /tmp/log.sock "hello"
import Heddle
import SystemPackage

let arguments = CommandLine.arguments
let address = try UnixAddress(arguments.count > 1 ? arguments[1] : "/tmp/heddle-log.sock")
try await Runtime.run(.init(threads: 1), stoppingOn: [.interrupt, .terminate]) { runtime in
    var options = UnixDatagramOptions()
    // Whoever is on this machine may log; the kernel vouches for who does.
    options.permissions = FilePermissions(rawValue: 0o666)
    options.receivesCredentials = true
    let socket = try await UnixDatagramSocket.bind(
        to: address, on: runtime.nextLoop, options: options)
    print("listening on \(address)")
    do {
        for try await datagram in socket.datagrams {
            let sender = datagram.credentials.map { "user \($0.userID)" } ?? "somebody"
            print("\(sender): \(String(datagram.bytes))\(datagram.isTruncated ? " …" : "")")
        }
    } catch is CancellationError {
        await socket.close()
    }
}
print("stopped in order")
