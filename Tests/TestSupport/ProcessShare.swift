public import Testing

/// How a suite shares the process with suites of other test targets, which all run in it at once.
///
/// Descriptors, threads and CPU time belong to the whole process: suites that count them are `.alone`.
/// Every other suite is `.together` with its like, and never beside one that is alone.
public struct ProcessShare: SuiteTrait, TestScoping {
    let isAlone: Bool

    /// Waits for its turn, runs the suite, and gives the turn on.
    public func provideScope(
        for test: Test, testCase: Test.Case?,
        performing body: @concurrent @Sendable () async throws -> Void
    ) async throws {
        await Turns.ofProcess.begin(alone: isAlone)
        do {
            try await body()
        } catch {
            await Turns.ofProcess.end()
            throw error
        }
        await Turns.ofProcess.end()
    }
}

extension Trait where Self == ProcessShare {
    /// Nothing that is marked runs beside this suite.
    public static var alone: Self { ProcessShare(isAlone: true) }

    /// This suite runs beside others that are together, never beside one that is alone.
    public static var together: Self { ProcessShare(isAlone: false) }
}

/// Who has the process now; the others wait in the order they came.
private actor Turns {
    static let ofProcess = Turns()

    private var running = 0
    private var isAlone = false
    private var waiting: [(alone: Bool, go: CheckedContinuation<Void, Never>)] = []

    func begin(alone: Bool) async {
        if waiting.isEmpty, canRun(alone: alone) {
            enter(alone: alone)
        } else {
            await withCheckedContinuation { waiting.append((alone, $0)) }
        }
    }

    func end() {
        running -= 1
        if running == 0 { isAlone = false }
        while let first = waiting.first, canRun(alone: first.alone) {
            waiting.removeFirst()
            enter(alone: first.alone)
            first.go.resume()
        }
    }

    private func canRun(alone: Bool) -> Bool {
        alone ? running == 0 : !isAlone
    }

    private func enter(alone: Bool) {
        running += 1
        isAlone = alone
    }
}
