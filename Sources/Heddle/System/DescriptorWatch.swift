/// The readiness of a descriptor that other code owns, for example a socket of a C library: tasks wait
/// until it can be read or written, and leave reading and writing to that code.
///
/// ```swift
/// let watch = try await DescriptorWatch.start(descriptor, on: loop)
/// try await watch.readable()
/// ```
///
/// The watch belongs to one loop; its methods may be called from any task on any thread. It never closes
/// the descriptor, and keeps a duplicate of its own (dup(2)), so other code may close the descriptor at
/// any time: the watch then goes on about what that led to, and a socket is closed for its peer once the watch
/// is closed too. The duplicate shares its flags with the original: both become non-blocking.
///
/// Dropping the last reference closes the watch, a moment later.
public final class DescriptorWatch: Sendable {
    /// What a descriptor can be waited for.
    public struct Events: OptionSet, Sendable, Hashable {
        /// The bits, whose values mean nothing outside a process.
        public let rawValue: Int

        /// The events whose bits are set.
        public init(rawValue: Int) {
            self.rawValue = rawValue
        }

        /// Bytes, a connection or the end of the input can be read without waiting.
        public static let readable = Events(rawValue: 1)
        /// Something can be written without waiting, or a connection attempt has ended.
        public static let writable = Events(rawValue: 2)
        /// Urgent data has come (`POLLPRI` in poll(2)).
        public static let priority = Events(rawValue: 4)
        /// The peer will send no more (`POLLRDHUP` in poll(2)).
        public static let disconnected = Events(rawValue: 8)

        /// All of them.
        static let all: Events = [.readable, .writable, .priority, .disconnected]
        static let each: [Events] = [.readable, .writable, .priority, .disconnected]
    }

    /// The number the descriptor had when the watch was started.
    public let descriptor: Int32
    private let core: DescriptorCore

    private init(_ core: DescriptorCore, of descriptor: Int32) {
        self.core = core
        self.descriptor = descriptor
    }

    deinit {
        core.loop.drop(core)
    }

    /// Starts to watch `descriptor` on `loop`. Nothing is asked of the system before somebody waits.
    ///
    /// - Throws: ``IOError/Code/invalidArgument`` if the descriptor is not open, or leads to a regular file
    ///   or folder, which are always ready; ``IOError/Code/busy`` if the loop watches it already;
    ///   ``IOError/Code/resourcesExhausted`` if there is no descriptor left for the duplicate;
    ///   ``IOError/Code/loopStopped``.
    public static func start(
        _ descriptor: Int32, on loop: EventLoop
    ) async throws -> DescriptorWatch {
        let core = loop.core
        return try await core.hop {
            DescriptorWatch(
                try DescriptorCore.watching(descriptor, on: core), of: descriptor)
        }
    }

    /// Waits until the descriptor can be read, has failed, or its peer has gone: reading tells which.
    ///
    /// - Throws: as ``wait(for:)``.
    public func readable() async throws {
        _ = try await wait(for: .readable)
    }

    /// Waits until the descriptor can be written, or has failed: writing tells which.
    ///
    /// - Throws: as ``wait(for:)``.
    public func writable() async throws {
        _ = try await wait(for: .writable)
    }

    /// Waits until the descriptor is ready for one of `events`; returns at once if it is already. One task at a
    /// time waits for each kind of event.
    ///
    /// - Returns: what it is ready for, of `events`; all of them if it has failed or was hung up, so that
    ///   whatever is tried next reports that.
    /// - Throws: ``IOError/Code/busy`` if another task waits for one of `events`;
    ///   ``IOError/Code/invalidArgument`` if `events` names none; `CancellationError` when the task is
    ///   cancelled, and the watch is as before; ``IOError/Code/closed`` when the watch is closed on this side;
    ///   ``IOError/Code/loopStopped``.
    public func wait(for events: Events) async throws -> Events {
        let core = core
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await core.wait(for: events) }
        }
        return try await core.wait(for: events)
    }

    /// Stops watching, and leaves the descriptor as it is. Whoever waits gets ``IOError/Code/closed``. Returns
    /// when the duplicate is closed; again does nothing. Does not end early when the task is cancelled.
    public func close() async {
        let core = core
        guard core.loop.isCurrent else {
            // Hopping throws only what its body does, and that throws nothing.
            try? await core.loop.hop { await core.closeAndWait() }
            return
        }
        await core.closeAndWait()
    }
}

extension DescriptorWatch: CustomStringConvertible {
    /// `DescriptorWatch(` and the descriptor's number `)`.
    public var description: String { "DescriptorWatch(\(descriptor))" }
}
