// A filter for pipelines: numbers the lines of its standard input, as `cat -n` does.
import Glibc
import Heddle

do {
    try await Runtime.run(.init(threads: 1)) { runtime in
        let loop = runtime.nextLoop
        try await loop.task {
            let input = try await StandardInput.open(on: loop)
            let output = try await StandardOutput.open(on: loop)
            var number = 0
            for try await line in input.lines(maximumBytes: 1 << 20) {
                number += 1
                try await output.write("\(number)\t\(line)\n")
            }
            try await output.close()
        }.value
    }
} catch let error as IOError where error.code == .broken {
    // Whoever reads has seen enough, as `head` does.
} catch {
    let text = "\(error)\n"
    write(STDERR_FILENO, text, text.utf8.count)
    exit(1)
}
