import TestSupport
import Testing

/// Laws of the architecture that can be seen in the text of the sources.
@Suite(.alone)
struct LawTests {
    private func expectNone(
        of pattern: some RegexComponent, in files: [SourceFile], _ reason: String
    ) {
        for file in files {
            for line in file.lines(matching: pattern) {
                Issue.record("\(file.place(line)): \(reason)")
            }
        }
    }

    @Test func `nothing in Heddle uses Foundation's or Dispatch's threads`() throws {
        expectNone(
            of: /\b(Thread|DispatchQueue|DispatchSemaphore|DispatchGroup|OperationQueue)\b/,
            in: try Repository.swiftFiles(under: "Sources/Heddle"),
            "a thread or queue of another library")
    }

    /// ThreadSanitizer cannot see into it and reports races that are not there: Heddle has `Lock`, the rest of
    /// the package `Locked`.
    @Test func `nothing locks in a way that ThreadSanitizer cannot see`() throws {
        expectNone(
            of: /\bMutex\s*[<(.]/,
            in: try Repository.swiftFiles(under: "Sources")
                + Repository.swiftFiles(under: "Tests"),
            "a lock of Synchronization")
    }

    @Test func `no test starts programs with Foundation, which closes descriptors seconds later`()
        throws
    {
        expectNone(
            of: /\b(Process|Pipe)\(\)/, in: try Repository.swiftFiles(under: "Tests"),
            "a process of Foundation")
    }

    @Test func `one file makes threads`() throws {
        let files = try Repository.swiftFiles(under: "Sources")
            .filter { !$0.lines(matching: /\bpthread_create\b/).isEmpty }
        #expect(files.map(\.path) == ["Sources/Heddle/Loop/LoopThread.swift"])
    }

    @Test func `Heddle has no mutable state outside objects`() throws {
        for file in try Repository.swiftFiles(under: "Sources/Heddle") {
            let depths = file.depths
            for line in file.lines(matching: /\b(static|class)\s+var\b|^(\w+\s+)*var\b/) {
                let isStatic = file.code[line].firstMatch(of: /\b(static|class)\s+var\b/) != nil
                // A computed property opens its brace without an initial value before it.
                let isComputed = file.code[line].firstMatch(of: /\bvar\s+[^=]*\{/) != nil
                guard isStatic || depths[line] == 0, !isComputed else { continue }
                Issue.record("\(file.place(line)): static or global mutable state")
            }
        }
    }

    @Test func `Heddle has no thread-local or task-local storage`() throws {
        expectNone(
            of: /\b(pthread_(key_create|[gs]etspecific)|TaskLocal)\b/,
            in: try Repository.swiftFiles(under: "Sources/Heddle"), "storage of a thread or task")
    }

    @Test func `nothing uses libuv's default loop or hooks the Swift runtime`() throws {
        expectNone(
            of: /\b(uv_default_loop|swift_task_enqueue\w*_hook|_swift_task_enqueue\w*)\b/,
            in: try Repository.swiftFiles(under: "Sources"), "a process-wide loop or hook")
    }

    /// Sleeping on a loop's clock is what some tests are about; a sleep that bounds a wait, or makes the system
    /// set something up, says so.
    @Test func `no test sleeps to wait for something`() throws {
        for file in try Repository.swiftFiles(under: "Tests") {
            for line in file.lines(matching: /\b(Task|Thread)\.sleep\b|\b[un]?(nano)?sleep\(/) {
                let isLoopClock =
                    file.code[line..<min(line + 2, file.code.count)].joined()
                    .firstMatch(of: /clock\.sleep\(|clock: \w*\.?clock/) != nil
                let isExplained = file.commentAbove(line).contains("// Sleeps: ")
                #expect(
                    isLoopClock || isExplained,
                    "\(file.place(line)): sleeps, without '// Sleeps: …' above")
            }
        }
    }
}
