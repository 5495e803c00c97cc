/// The inside of a datagram socket of one family: what it has of its own, around what all have in common.
/// Receiving and sending are written once, in the files named `DatagramCarrier+…`.
///
/// The types are known where they are used, so that each family gets code of its own.
protocol DatagramCarrier: DatagramCore {
    associatedtype Message: DatagramMessage

    /// Received and not yet taken by anybody.
    var unread: DatagramQueue<Message> { get set }
    /// Where the socket is connected to; nil if it is not, or to one without a name.
    var remote: Message.Address? { get }
    /// Whether it sends to one peer alone.
    var isConnected: Bool { get }
    /// The bytes of control data that may come with a datagram.
    var controlBytes: Int { get }
    /// Most datagrams to take in now; 0 while too much waits to be taken.
    var room: Int { get }
    /// Whether so much was taken that a socket that rests is read again.
    var hasMuchRoom: Bool { get }

    /// Makes a datagram of what came, and marks its place as free.
    func takeMessage(_ index: Int, of messages: ReceivedMessages) -> Message

    /// Waits until a datagram may be sent for which there was no room; a turn of the loop at least.
    ///
    /// - Parameters:
    ///   - address: where it goes; nil on a connected socket.
    ///   - attempt: how often it was refused so far.
    func waitForRoom(to address: Message.Address?, attempt: Int) async throws
}
