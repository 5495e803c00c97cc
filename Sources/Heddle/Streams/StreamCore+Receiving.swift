/// Where reads happen. Few bytes are taken in while the poll's events are gone through: one kind of system
/// call after the other keeps the kernel's code in the cache. Many are left in the kernel until the stream has
/// its turn, which reads and answers them while they are in the cache themselves: 13 % of a 64 KiB echo.
extension StreamCore {
    /// A read of this many bytes or more makes a stream a bulk one.
    static let bulkBytes = 8 * 1024
    /// Reads that one turn makes at most: then the loop's other streams have theirs.
    static let readsPerTurn: UInt8 = 16

    /// Reads what made the socket readable; nil if nothing is left of it.
    @inline(__always)
    final func receive(upTo limit: Int) -> Bytes? {
        let count = unsafe receive(within: pool.lend())
        guard count > 0 else { return nil }
        let bytes = pool.take(count)
        if count <= limit { return bytes }
        unread.append(bytes)
        return take(upTo: limit)
    }

    /// Reads into `memory`; how many bytes, 0 if none were left or the input has ended.
    @inline(__always)
    final func receive(within memory: UnsafeMutableRawBufferPointer) -> Int {
        let count = unsafe receive(into: memory)
        // A read that is short has emptied the socket.
        readCredit = count == memory.count ? readCredit &- 1 : 0
        if count < Self.bulkBytes { isBulk = false }
        if count <= 0 { return didReceiveNothing(status: count) }
        return count
    }

    @inline(never)
    private final func didReceiveNothing(status: Int) -> Int {
        if status != Int(UVStatus.again) {
            stopReading()
            let status = status == 0 ? UVStatus.endOfFile : Int32(truncatingIfNeeded: status)
            endReading(status: endOfInput(status))
        }
        return 0
    }

    /// Memory for a read in libuv's callback, when it does not go to the stage; none if the turn is to read.
    @inline(never)
    final func memoryForRead() -> UnsafeMutableRawBufferPointer {
        let none = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
        guard machine.mayReceive else { return unsafe pool.lend() }
        guard let handling else {
            return unsafe isBulk && reader != nil && unread.isEmpty ? none : pool.lend()
        }
        // Held by the stream.
        return unsafe handling._withUnsafeGuaranteedRef { handling in
            unsafe handling.isHeld ? pool.lend() : none
        }
    }

    /// Keeps what came for the handler's turn. One piece waits at a time: the turn reads what follows.
    @inline(__always)
    final func stageForHandler(_ count: Int) {
        stagesNextRead = false
        // Held by the stream.
        unsafe handling.unsafelyUnwrapped._withUnsafeGuaranteedRef {
            $0.stage(count, on: loop.stage)
        }
        queues.giveTurn(to: self)
    }

    final func endReading(status: Int32) {
        if status == UVStatus.endOfFile {
            machine.inputEnded()
        } else if phase == .open {
            broke(IOError(nil, "read from", on: subject, UVError(status: status)))
        }
    }
}
