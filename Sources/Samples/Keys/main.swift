// Shows which bytes each key sends, and each size the window changes to; until q.
import Glibc
import Heddle

do {
    let terminal = try Terminal()
    try await Runtime.run(.init(threads: 1)) { runtime in
        let loop = runtime.nextLoop
        try await loop.task {
            let input = try await StandardInput.open(on: loop)
            let output = try await StandardOutput.open(on: loop)
            let sizes = try await terminal.sizes(on: loop)
            try await terminal.withRawMode {
                let watch = loop.task {
                    for try await size in sizes {
                        try await output.write("\(size.columns) x \(size.rows)\r\n")
                    }
                }
                defer { watch.cancel() }
                while let keys = try await input.read(), keys != "q" {
                    let bytes = keys.map { String($0, radix: 16) }.joined(separator: " ")
                    try await output.write("key \(bytes)\r\n")
                }
                try await output.flush()
            }
            try await output.close()
        }.value
    }
} catch {
    let text = "\(error)\n"
    write(STDERR_FILENO, text, text.utf8.count)
    exit(1)
}
