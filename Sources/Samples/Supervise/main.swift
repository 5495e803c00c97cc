// Runs a program and numbers the lines that it prints. Ends it when it takes longer than a number of seconds, and
// with it what it has started itself.
//
//     Supervise 10 make test
import Glibc
import Heddle

let arguments = CommandLine.arguments
guard arguments.count > 2, let seconds = Int(arguments[1]) else {
    print("usage: Supervise SECONDS PROGRAM ARGUMENT...")
    exit(2)
}
var configuration = ChildProcess.Configuration(
    .name(arguments[2]), arguments: Array(arguments.dropFirst(3)))
configuration.standardOutput = .stream
configuration.standardError = .combinedWithOutput
configuration.createSession = true
configuration.timeout = .seconds(seconds)
configuration.terminationGrace = .seconds(2)
do {
    let supervised = configuration
    let outcome = try await Runtime.run(.init(threads: 1)) { runtime in
        try await ChildProcess.run(supervised, on: runtime.nextLoop) { child in
            var count = 0
            for try await line in child.standardOutput!.inbound.lines {
                count += 1
                print("\(count): \(line)")
            }
            return count
        }
    }
    print("\(outcome.value) lines, \(outcome.terminationStatus)")
} catch {
    print(error)
    exit(1)
}
