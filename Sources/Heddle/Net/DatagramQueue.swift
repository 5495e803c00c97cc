/// Datagrams in the order they came, waiting to be taken one by one or all at once.
struct DatagramQueue<Message: DatagramMessage> {
    /// What a datagram counts besides its bytes, so that empty ones fill a queue too.
    static var overheadBytes: Int { 64 }

    private var items: [Message] = []
    private var first = 0
    /// The bytes of all datagrams and their overhead.
    private(set) var byteCount = 0
    /// The file descriptors of all datagrams.
    private(set) var descriptorCount = 0

    var isEmpty: Bool { first == items.count }

    var count: Int { items.count - first }

    /// Room for as many more, made at once.
    mutating func reserve(_ more: Int) {
        if items.isEmpty { items.reserveCapacity(more) }
    }

    @inline(__always)
    mutating func append(_ datagram: Message) {
        items.append(datagram)
        byteCount += datagram.bytes.count + Self.overheadBytes
        if Message.mayHaveDescriptors { descriptorCount += datagram.descriptorCount }
    }

    /// The first one, removed. The queue must not be empty.
    mutating func removeFirst() -> Message {
        let datagram = items[first]
        byteCount -= datagram.bytes.count + Self.overheadBytes
        if Message.mayHaveDescriptors { descriptorCount -= datagram.descriptorCount }
        if first + 1 == items.count {
            items.removeAll(keepingCapacity: items.count <= ReceivedMessages.capacity)
            first = 0
        } else {
            // Let go of the bytes now: they hold a whole block of memory.
            items[first].bytes = Bytes()
            first += 1
        }
        return datagram
    }

    /// All of them, removed.
    mutating func removeAll() -> [Message] {
        var all: [Message] = []
        swap(&all, &items)
        if first > 0 { all.removeFirst(first) }
        first = 0
        byteCount = 0
        descriptorCount = 0
        return all
    }
}
