/// The memory in which the datagram sockets of one loop receive and send, in turn. Owned by the loop, as
/// one of its members, and by its sockets; used on the loop's thread.
///
/// Some 200 KiB while datagrams are short, and 4.2 MiB at most, for a loop with any number of sockets.
final class DatagramMemory: LoopMember {
    private(set) lazy var received = ReceivedMessages()
    let outgoing = OutgoingMessages()

    var isIdle: Bool { true }
    func beginDrain() {}
    func cancelRemaining() {}
    func loopEnded() {}
}

extension LoopCore {
    /// The loop's memory for datagrams, made by its first socket.
    var datagramMemory: DatagramMemory {
        // There is one of the type, so the type is its key.
        let key = ObjectIdentifier(DatagramMemory.self)
        if let memory = members[key] as? DatagramMemory { return memory }
        let memory = DatagramMemory()
        members[key] = memory
        return memory
    }
}
