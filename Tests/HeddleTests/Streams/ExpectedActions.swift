import Testing

/// `#expect(found == expected)` for a call that mutates, which the macro does not take.
func expect<T: Equatable>(
    _ found: T, _ expected: T, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(found == expected, sourceLocation: sourceLocation)
}
