import Testing

@testable import Heddle

/// Expects that `body` throws an error of Heddle with this code; gives it back to look at more of it.
@discardableResult
func expectError(
    _ code: IOError.Code, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Void
) async -> IOError? {
    let error = await #expect(throws: IOError.self, sourceLocation: sourceLocation) {
        try await body()
    }
    #expect(error?.code == code, sourceLocation: sourceLocation)
    return error
}
