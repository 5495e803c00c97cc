import TestSupport
import Testing

/// What runs on a loop because its caller hopped there.
@Suite(.alone)
struct HopTests {
    /// Swift 6.3 leaves the switch out where a function value that is `nonisolated(nonsending)` is handed to `hop`,
    /// or is all that the closure calls: the code then runs where the caller is. Functions are called as they should.
    @Test func `who hops to a loop calls functions there, not function values`() throws {
        let files = try Repository.swiftFiles(under: "Sources/Heddle")
        let functions = Set(
            files.flatMap { file in
                file.code.flatMap { $0.matches(of: /\bfunc\s+(\w+)/).map { String($0.1) } }
            })
        #expect(HopScan.calls(in: "try await hop { try await body() }") == ["body"])
        #expect(HopScan.calls(in: "core.hop { await self.core.close(now) }") == ["close"])
        #expect(HopScan.calls(in: "core.hop { let a = 1\n return body(a) }") == ["body"])
        #expect(HopScan.calls(in: "loop.hop(body)") == ["body"])
        #expect(HopScan.calls(in: "loop.hop { self.core.counts }") == [])
        var count = 0
        for file in files {
            for call in HopScan.calls(in: file.code.joined(separator: "\n")) {
                count += 1
                #expect(functions.contains(call), "\(file.path): hop calls \(call), no function")
            }
        }
        #expect(count > 20)
    }
}
