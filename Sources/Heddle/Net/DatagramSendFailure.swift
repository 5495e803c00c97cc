/// One datagram of many that could not be sent.
public struct DatagramSendFailure: Error, Sendable {
    /// Its place among those that were to be sent.
    public let index: Int
    /// Why; it names the destination.
    public let error: IOError
}
