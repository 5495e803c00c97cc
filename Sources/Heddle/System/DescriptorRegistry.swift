internal import Glibc

/// The descriptors that one loop watches for other code, to tell of a second watch on the same. Owned by the
/// loop, as a member that never keeps it from ending; used on the loop's thread.
final class DescriptorRegistry: LoopMember {
    private var watched: [Int32: DescriptorIdentity] = [:]

    let isIdle = true

    /// The loop's registry, made when it is first asked for. A loop has few members.
    static func of(_ loop: LoopCore) -> DescriptorRegistry {
        for case let registry as DescriptorRegistry in loop.members.values { return registry }
        let registry = DescriptorRegistry()
        loop.addMember(registry)
        return registry
    }

    /// Notes a watch; false if there is one. A number whose descriptor was closed and that leads elsewhere now
    /// is free again, though its watch may still be open.
    func add(_ number: Int32, _ identity: DescriptorIdentity) -> Bool {
        guard watched[number] != identity else { return false }
        watched[number] = identity
        return true
    }

    /// Forgets a watch, unless a later one has taken its number.
    func remove(_ number: Int32, _ identity: DescriptorIdentity) {
        if watched[number] == identity { watched[number] = nil }
    }

    func beginDrain() {}
    func cancelRemaining() {}
    func loopEnded() {}
}

/// What a descriptor leads to: two of the same file or socket are equal (fstat(2)).
struct DescriptorIdentity: Equatable {
    private let device: dev_t
    private let inode: ino_t

    init(of descriptor: Int32) {
        var status = stat()
        // The system writes into the local during the call only.
        unsafe _ = fstat(descriptor, &status)
        device = status.st_dev
        inode = status.st_ino
    }
}
