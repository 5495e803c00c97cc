/// What a stream may do next: its two directions and its end. Pure: it holds no bytes, does no input
/// or output, and answers each event with the action to perform.
struct StreamMachine {
    enum ReadSide: UInt8 {
        /// Bytes may come.
        case open
        /// The peer has sent everything.
        case ended
        /// The connection broke, or the stream was closed.
        case failed
    }

    enum WriteSide: UInt8 {
        /// Writes are taken.
        case open
        /// No more writes; what was taken is still being sent.
        case finishing
        /// Half-closed: the peer has been told that no more comes.
        case finished
        case failed
    }

    enum Life: UInt8 {
        case open
        /// No more reads and writes; closes when everything is sent.
        case closingWhenSent
        case closing
        case closed
    }

    enum AfterReceive { case goOn, pause }
    enum AfterConsume { case goOn, resume }
    enum Shutdown { case now, whenSent, nothing }
    enum Close { case now, whenSent, nothing }
    enum AfterSent { case nothing, shutDown, close }

    private(set) var readSide = ReadSide.open
    private(set) var writeSide = WriteSide.open
    private(set) var life = Life.open
    private(set) var isPaused = false

    /// A stream in one direction has the other one failed from the beginning.
    init(reads: Bool = true, writes: Bool = true) {
        if !reads { readSide = .failed }
        if !writes { writeSide = .failed }
    }

    var canWrite: Bool { life == .open && writeSide == .open }
    var mayReceive: Bool { life == .open && readSide == .open }

    // MARK: Reading

    /// Bytes came, and `unread` wait now.
    @inline(__always)
    mutating func received(unread: Int, highWater: Int) -> AfterReceive {
        guard unread >= highWater, !isPaused, life == .open else { return .goOn }
        isPaused = true
        return .pause
    }

    /// Bytes were taken, and `unread` are left.
    @inline(__always)
    mutating func consumed(unread: Int, highWater: Int) -> AfterConsume {
        guard isPaused, unread <= highWater / 2, life == .open, readSide == .open else {
            return .goOn
        }
        isPaused = false
        return .resume
    }

    /// The peer has sent everything.
    mutating func inputEnded() {
        if readSide == .open { readSide = .ended }
    }

    // MARK: Writing

    /// The user wants to send no more. Twice is once.
    mutating func shutdownWrite(unsent: Bool) -> Shutdown {
        guard life == .open, writeSide == .open else { return .nothing }
        writeSide = unsent ? .finishing : .finished
        return unsent ? .whenSent : .now
    }

    /// Everything taken so far has been sent.
    mutating func allSent() -> AfterSent {
        if life == .closingWhenSent {
            life = .closing
            return .close
        }
        if writeSide == .finishing {
            writeSide = .finished
            return .shutDown
        }
        return .nothing
    }

    // MARK: The end

    /// The connection broke: nothing can be sent, and after what is unread nothing comes.
    ///
    /// - Returns: whether a close was waiting for bytes that now cannot be sent.
    mutating func broke() -> Bool {
        if readSide == .open { readSide = .failed }
        writeSide = .failed
        guard life == .closingWhenSent else { return false }
        life = .closing
        return true
    }

    /// The user closes. Twice is once.
    mutating func close(unsent: Bool) -> Close {
        guard life == .open else { return .nothing }
        life = unsent && writeSide != .failed ? .closingWhenSent : .closing
        return life == .closing ? .now : .whenSent
    }

    /// The connection ends at once, whatever is unsent. Whether it had not begun to already.
    mutating func abort() -> Bool {
        guard life == .open || life == .closingWhenSent else { return false }
        life = .closing
        return true
    }

    mutating func closed() {
        life = .closed
        if readSide == .open { readSide = .failed }
        writeSide = .failed
    }
}
