public import SystemPackage

/// Passing open files, sockets and whatever else has a descriptor to the other process; see SCM_RIGHTS in unix(7).
///
/// A connection takes descriptors if its options have a ``UnixOptions/maximumUnclaimedDescriptors``.
extension UnixConnection {
    /// Most descriptors that go with one ``send(descriptors:with:)``.
    public static let maximumDescriptorsPerMessage = UVStream.maximumDescriptorsPerMessage

    /// Bytes, and the descriptors that came with them.
    public struct Message: Sendable {
        /// At least one byte.
        public let bytes: Bytes
        /// Duplicates of the peer's, closed on exec. They are the receiver's to close.
        public let descriptors: [FileDescriptor]
    }

    /// Sends descriptors along with the first of `bytes`, behind everything written so far. The peer gets
    /// duplicates; the originals stay the caller's, who may close them once this has returned.
    ///
    /// Waits until the kernel has taken the descriptors.
    ///
    /// - Parameters:
    ///   - descriptors: from 1 to ``maximumDescriptorsPerMessage``.
    ///   - bytes: at least one: descriptors do not travel alone.
    /// - Throws: as ``ByteStream/write(_:)-(Bytes)``, and then nothing was sent;
    ///   ``IOError/Code/invalidArgument`` for too few or too many descriptors, no bytes, or a descriptor that is
    ///   not open; ``IOError/Code/resourcesExhausted`` if too many are under way (RLIMIT_NOFILE for each user).
    public func send(descriptors: [FileDescriptor], with bytes: Bytes) async throws {
        let most = Self.maximumDescriptorsPerMessage
        guard 1...most ~= descriptors.count, bytes.count > 0 else {
            throw IOError(
                .invalidArgument, "send descriptors to", on: core.subject,
                reason:
                    "\(descriptors.count) descriptors with \(bytes.count) bytes: from 1 to \(most) go with at least one byte"
            )
        }
        let numbers = descriptors.map(\.rawValue)
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.stream.send(numbers, with: bytes) }
        }
        try await stream.send(numbers, with: bytes)
    }

    /// The next bytes, and the descriptors that came with them; nil at the end of the input.
    ///
    /// - Throws: as ``ByteStream/read()`` and ``takeDescriptors()``. What that throws costs no bytes: the next call
    ///   gets them.
    public func receive() async throws -> Message? {
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.receive() }
        }
        guard let bytes = try await core.read(upTo: .max) else { return nil }
        do {
            return Message(bytes: bytes, descriptors: try claimed())
        } catch {
            core.putBack([bytes])
            throw error
        }
    }

    /// The descriptors that came with bytes that were read and that nobody has taken, in their order; none if
    /// there are none. Does not wait. They are the caller's to close.
    ///
    /// Those that nobody takes are closed with the connection.
    ///
    /// - Throws: ``IOError/Code/resourcesExhausted`` if the process had no room for descriptors of a message: that
    ///   one's are lost, and the connection goes on; ``IOError/Code/invalidArgument`` if the connection's options
    ///   take none; ``IOError/Code/closed`` after a close on this side.
    public func takeDescriptors() async throws -> [FileDescriptor] {
        guard core.loop.isCurrent else {
            return try await core.loop.hop { try await self.takeDescriptors() }
        }
        return try claimed()
    }

    private func claimed() throws -> [FileDescriptor] {
        try stream.takeDescriptors().map { FileDescriptor(rawValue: $0) }
    }
}
