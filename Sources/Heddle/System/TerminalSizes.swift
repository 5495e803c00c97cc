/// The sizes of a terminal: the one it has now, and those it changes to. Made by ``Terminal/sizes(on:)``.
///
/// Iterate once: several iterations at a time take the changes from one another.
public struct TerminalSizes: AsyncSequence, Sendable {
    /// A size that differs from the one before.
    public typealias Element = Terminal.Size
    let terminal: Terminal
    let watch: SignalWatch

    /// Begins a pass, with the size that the terminal has by then.
    public func makeAsyncIterator() -> Iterator {
        Iterator(terminal: terminal, watch: watch)
    }

    /// One pass over the sizes.
    public struct Iterator: AsyncIteratorProtocol {
        let terminal: Terminal
        let watch: SignalWatch
        var last: Terminal.Size?

        init(terminal: Terminal, watch: SignalWatch) {
            self.terminal = terminal
            self.watch = watch
        }

        /// The size now, the first time; then the next one that differs; nil when the task is cancelled, and then
        /// no change is lost, or the loop stops.
        ///
        /// - Throws: as ``Terminal/size``.
        public mutating func next() async throws -> Terminal.Size? {
            // Between a look and the next signal nothing is missed: the watch was there before the first look.
            while true {
                if last != nil, await watch.next() == nil { return nil }
                let size = try terminal.size
                guard size != last else { continue }
                last = size
                return size
            }
        }

        /// What a `for await` loop calls: as ``next()``, in the caller's isolation.
        public nonisolated(nonsending) mutating func next(
            isolation actor: (any Actor)?
        ) async throws(any Error) -> Terminal.Size? {
            try await next()
        }
    }
}

extension Terminal {
    /// The size of the terminal now, and each one that it changes to from here on, as a sequence. Of several changes
    /// at once the last counts.
    ///
    /// The system tells of the terminal that controls the process, while the process is in front (SIGWINCH,
    /// signal(7)). Any number of loops may ask: all hear of each change. Watching ends when the sequence goes.
    ///
    /// - Throws: as ``SignalWatch/start(_:on:)``.
    public func sizes(on loop: EventLoop) async throws -> TerminalSizes {
        TerminalSizes(
            terminal: self, watch: try await SignalWatch.start([.windowSizeChange], on: loop))
    }
}
