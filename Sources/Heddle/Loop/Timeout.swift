/// Runs `body` and cancels it when `limit` has passed.
///
/// The deadline is kept by the clock of the loop the task is on, otherwise by Swift's continuous clock.
/// `body` runs as a child task, on the same loop. When it ends first, the deadline leaves nothing behind.
///
/// - Parameters:
///   - limit: how long `body` may take; zero or less is refused.
///   - name: what is being limited, for the error: `upload timed out after 2 s`.
///   - body: what to run; it is cancelled, not broken off.
/// - Returns: what `body` returns. A result that it returns in spite of its cancellation is kept.
/// - Throws: ``IOError`` with ``IOError/Code/timedOut`` that says which limit passed, if `body` then
///   ended as cancelled; else what `body` throws; ``IOError/Code/invalidArgument`` for a limit of zero
///   or less.
public func withTimeout<T: Sendable>(
    _ limit: Duration, _ name: String = "operation",
    _ body: @escaping @Sendable () async throws -> T
) async throws -> T {
    guard limit > .zero else {
        throw IOError(
            .invalidArgument, "set a timeout", on: name,
            reason: "\(limit.text) is not more than zero")
    }
    return try await withDeadline(
        in: limit, words: "after \(limit.text)", name, body)
}

/// Runs `body` and cancels it at `deadline` of a loop's clock; otherwise as ``withTimeout(_:_:_:)``.
///
/// A deadline that has passed already cancels `body` from its start.
public func withDeadline<T: Sendable>(
    _ deadline: LoopClock.Instant, _ name: String = "operation",
    _ body: @escaping @Sendable () async throws -> T
) async throws -> T {
    let limit = LoopClock.Instant(nanoseconds: UVLoop.hrtimeNanoseconds).duration(to: deadline)
    return try await withDeadline(in: limit, words: "at its deadline", name, body)
}

/// What one of the two tasks under a deadline came to.
private enum Race<T: Sendable> {
    case ended(T)
    case deadlinePassed
    /// The deadline was called off: by the caller's cancellation or the loop's stop.
    case deadlineGone
}

private func withDeadline<T: Sendable>(
    in limit: Duration, words: String, _ name: String,
    _ body: @escaping @Sendable () async throws -> T
) async throws -> T {
    let loop = EventLoop.current
    return try await withThrowingTaskGroup(of: Race<T>.self) { group in
        group.addTask { .ended(try await body()) }
        group.addTask {
            do {
                if let loop {
                    try await loop.clock.sleep(for: max(limit, Duration.zero))
                } else {
                    try await Task.sleep(for: max(limit, Duration.zero), clock: .continuous)
                }
                return .deadlinePassed
            } catch {
                // Not for this to end the body, nor to take the place of what the body returns.
                return .deadlineGone
            }
        }
        defer { group.cancelAll() }
        var hasPassed = false
        do {
            while let outcome = try await group.next() {
                if case .ended(let value) = outcome { return value }
                guard case .deadlinePassed = outcome else { continue }
                // Cancel the body, and still take what it returns.
                hasPassed = true
                group.cancelAll()
            }
        } catch let error where !(hasPassed && error is CancellationError) {
            throw error
        } catch {
            // What cancelling was meant to bring about.
        }
        throw IOError(.timedOut, name, reason: "timed out \(words)")
    }
}
