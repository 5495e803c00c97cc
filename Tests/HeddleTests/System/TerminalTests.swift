import Glibc
import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct TerminalTests {
        private struct Stop: Error {}

        /// Runs `body` with a terminal whose mode is looked at before and after.
        private static func withTerminal(
            _ body: @escaping @Sendable (PseudoTerminal, Terminal, EventLoop) async throws -> Void
        ) async throws {
            try await withTestLoop { loop in
                let pseudo = try PseudoTerminal()
                let before = try await pseudo.mode(on: loop)
                try await body(pseudo, try Terminal(descriptor: pseudo.inner), loop)
                #expect(try await pseudo.mode(on: loop) == before)
            }
        }

        static func action(of signal: Int32) -> UInt {
            var action = sigaction()
            sigaction(signal, nil, &action)
            return unsafeBitCast(action.__sigaction_handler.sa_handler, to: UInt.self)
        }

        // MARK: The scope

        @Test func `raw mode ends with its scope, also by an error`() async throws {
            try await Self.withTerminal { pseudo, terminal, loop in
                let before = try await pseudo.mode(on: loop)
                let inside = try await terminal.withRawMode { try await pseudo.mode(on: loop) }
                #expect(inside != before)
                try await pseudo.stty("raw", "-echo", on: loop)
                // As far as stty(1) knows: its own raw mode leaves some flags alone that cfmakeraw(3) clears.
                try await pseudo.stty("sane", on: loop)
                let sane = try await pseudo.mode(on: loop)
                await #expect(throws: Stop.self) {
                    try await terminal.withRawMode { throw Stop() }
                }
                #expect(try await pseudo.mode(on: loop) == sane)
                try await pseudo.stty(before.filter { $0 != "\n" }, on: loop)
            }
        }

        @Test func `in raw mode keys come one by one, and are not shown`() async throws {
            try await Self.withTerminal { pseudo, terminal, loop in
                let input = try await StandardInput.open(.input.of(pseudo.inner), on: loop)
                try await terminal.withRawMode {
                    // Control-C and Control-D are keys as others.
                    for key in ["a", "\u{3}", "\u{4}", "\r"] {
                        pseudo.type(key)
                        let read = try await input.read()
                        #expect(read == Bytes(key))
                    }
                    write(pseudo.inner, "shown\n", 6)
                    pseudo.expectShown("shown\n")
                }
                try await input.close()
            }
        }

        @Test func `normal mode is back for a while amid raw mode`() async throws {
            try await Self.withTerminal { pseudo, terminal, loop in
                let before = try await pseudo.mode(on: loop)
                try await terminal.withRawMode {
                    let raw = try await pseudo.mode(on: loop)
                    let amid = try await terminal.withNormalMode {
                        try await pseudo.mode(on: loop)
                    }
                    #expect(amid == before)
                    #expect(try await pseudo.mode(on: loop) == raw)
                    await #expect(throws: Stop.self) {
                        try await terminal.withNormalMode { throw Stop() }
                    }
                    #expect(try await pseudo.mode(on: loop) == raw)
                    // Within itself, and of another terminal, it changes nothing.
                    try await terminal.withNormalMode {
                        try await terminal.withNormalMode {}
                        #expect(try await pseudo.mode(on: loop) == before)
                    }
                    let other = try PseudoTerminal()
                    let amidOther = try await Terminal(descriptor: other.inner).withNormalMode {
                        try await pseudo.mode(on: loop)
                    }
                    #expect(amidOther == raw)
                }
                // Outside of raw mode there is nothing to do.
                let outside = try await terminal.withNormalMode { 7 }
                #expect(outside == 7)
            }
        }

        @Test func `a second raw mode in the process is refused, and the first goes on`()
            async throws
        {
            try await Self.withTerminal { pseudo, terminal, loop in
                let other = try PseudoTerminal()
                let before = try await other.mode(on: loop)
                try await terminal.withRawMode {
                    let raw = try await pseudo.mode(on: loop)
                    for second in [terminal, try Terminal(descriptor: other.inner)] {
                        let error = await expectError(.busy) { try await second.withRawMode {} }
                        #expect(error?.subject?.hasSuffix("\(second.descriptor)") == true)
                    }
                    #expect(try await pseudo.mode(on: loop) == raw)
                    #expect(try await other.mode(on: loop) == before)
                }
                try await Terminal(descriptor: other.inner).withRawMode {}
            }
        }

        @Test func `handlers of signals are there as long as raw mode, and no longer`() async throws
        {
            try await Self.withTerminal { _, terminal, _ in
                let signals = [
                    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGCONT, SIGABRT, SIGSEGV, SIGBUS,
                    SIGILL, SIGFPE, SIGTRAP,
                ]
                let before = signals.map(Self.action)
                try await terminal.withRawMode {
                    for (signal, action) in zip(signals, before) {
                        // Those that somebody handles already are theirs.
                        if action == 0 { #expect(Self.action(of: signal) != 0, "\(signal)") }
                    }
                }
                #expect(signals.map(Self.action) == before)
            }
        }

        @Test func `signals that are handled or ignored stay so`() async throws {
            try await Self.withTerminal { _, terminal, loop in
                let watch = try await SignalWatch.start([.terminalClosed], on: loop)
                let watched = Self.action(of: SIGHUP)
                signal(SIGQUIT, SIG_IGN)
                defer { signal(SIGQUIT, SIG_DFL) }
                let ignored = Self.action(of: SIGQUIT)
                try await terminal.withRawMode {
                    #expect(Self.action(of: SIGHUP) == watched)
                    #expect(Self.action(of: SIGQUIT) == ignored)
                }
                await watch.close()
            }
        }

        @Test func `a watch that starts amid raw mode is not taken away by its end`() async throws {
            try await Self.withTerminal { _, terminal, loop in
                let watch = try await terminal.withRawMode {
                    try await SignalWatch.start([.terminalClosed], on: loop)
                }
                #expect(Self.action(of: SIGHUP) != 0)
                await watch.close()
                #expect(Self.action(of: SIGHUP) == 0)
            }
        }

        @Test func `a descriptor closed amid raw mode does not keep the terminal raw`() async throws
        {
            try await withTestLoop { loop in
                let pseudo = try PseudoTerminal()
                let before = try await pseudo.mode(on: loop)
                let own = dup(pseudo.inner)
                try await Terminal(descriptor: own).withRawMode { _ = close(own) }
                #expect(try await pseudo.mode(on: loop) == before)
            }
        }

        // MARK: The size

        @Test func `the size is what was set, and changes come as a sequence`() async throws {
            try await Self.withTerminal { pseudo, terminal, loop in
                try await pseudo.stty("cols", "80", "rows", "24", on: loop)
                #expect(try terminal.size == Terminal.Size(columns: 80, rows: 24))
                let sequence = try await terminal.sizes(on: loop)
                var sizes = sequence.makeAsyncIterator()
                #expect(try await sizes.next() == Terminal.Size(columns: 80, rows: 24))
                // The same is no change.
                kill(getpid(), SIGWINCH)
                try await pseudo.stty("cols", "100", on: loop)
                try await pseudo.stty("cols", "132", "rows", "50", on: loop)
                kill(getpid(), SIGWINCH)
                #expect(try await sizes.next() == Terminal.Size(columns: 132, rows: 50))
                let next = loop.task { () -> Terminal.Size? in
                    var sizes = sequence.makeAsyncIterator()
                    sizes.last = Terminal.Size(columns: 132, rows: 50)
                    return try await sizes.next()
                }
                next.cancel()
                #expect(try await next.value == nil)
                await sequence.watch.close()
                #expect(try await sizes.next() == nil)
            }
        }

        @Test func `every loop hears of a size, and one that stops hears the end`() async throws {
            let pseudo = try PseudoTerminal()
            defer { pseudo.close() }
            try await withTestRuntime(threads: 2) { runtime in
                let terminal = try Terminal(descriptor: pseudo.inner)
                var passes: [TerminalSizes.Iterator] = []
                for loop in runtime.loops {
                    passes.append(try await terminal.sizes(on: loop).makeAsyncIterator())
                }
                for index in passes.indices { _ = try await passes[index].next() }
                try await pseudo.stty("cols", "77", on: runtime.loops[0])
                kill(getpid(), SIGWINCH)
                for index in passes.indices {
                    #expect(try await passes[index].next()?.columns == 77)
                }
                let last = passes[0]
                let waiting = runtime.loops[0].task {
                    var last = last
                    return try await last.next()
                }
                try await runtime.stop(within: .zero)
                #expect(try await waiting.value == nil)
            }
        }

        // MARK: What people get wrong

        @Test func `what is no terminal is refused`() async throws {
            try await withTestLoop { loop in
                let file = open("/dev/null", O_RDWR)
                let (near, far) = try PipeStreamTests.rawPipe()
                defer { for descriptor in [file, near, far] { close(descriptor) } }
                for descriptor in [file, near] {
                    #expect(!Terminal.isTerminal(descriptor))
                    let error = await expectError(.wrongFileType) {
                        _ = try Terminal(descriptor: descriptor)
                    }
                    #expect(error?.systemName == "ENOTTY")
                }
                await expectError(.invalidArgument) { _ = try Terminal(descriptor: 1 << 20) }
                let other = try PseudoTerminal()
                let own = dup(other.inner)
                let terminal = try Terminal(descriptor: own)
                close(own)
                await expectError(.invalidArgument) { _ = try terminal.size }
                await expectError(.invalidArgument) { try await terminal.withRawMode {} }
                // Nothing of it is left: another may be raw.
                try await Terminal(descriptor: other.inner).withRawMode {}
            }
        }
    }
}
