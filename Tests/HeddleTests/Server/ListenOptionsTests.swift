import Testing

@testable import Heddle

extension HeddleTests {
    @Suite struct ListenOptionsTests {
        @Test func `the defaults are valid`() throws {
            try ListenOptions().validate()
        }

        static let wrong: [(name: String, change: @Sendable (inout ListenOptions) -> Void)] = [
            ("backlog", { $0.backlog = 0 }),
            ("backlog", { $0.backlog = -1 }),
            ("maximumConnectionsPerLoop", { $0.maximumConnectionsPerLoop = 0 }),
            ("maximumConnectionsPerLoop", { $0.maximumConnectionsPerLoop = -5 }),
            ("stream limits", { $0.connection.limits.unreadHighWater = 0 }),
            ("keepAlive", { $0.connection.keepAlive = .zero }),
            ("receiveBufferBytes", { $0.connection.receiveBufferBytes = 0 }),
            ("sendBufferBytes", { $0.connection.sendBufferBytes = -1 }),
        ]

        @Test(arguments: wrong.indices)
        func `an option out of bounds is refused by its name`(index: Int) {
            var options = ListenOptions()
            Self.wrong[index].change(&options)
            let error = #expect(throws: IOError.self) { try options.validate() }
            #expect(error?.code == .invalidArgument)
            #expect(error?.operation == "set \(Self.wrong[index].name)")
        }

        @Test func `a server with wrong options opens nothing`() async throws {
            try await withTestRuntime(threads: 1) { runtime in
                for wrong in Self.wrong {
                    var options = ListenOptions()
                    wrong.change(&options)
                    await #expect(throws: IOError.self) {
                        _ = try await runtime.listen(on: .loopback(port: 0), options: options)
                    }
                }
            }
        }

        @Test(arguments: [1, 65_536, Int.max])
        func `a backlog of any size above zero listens`(backlog: Int) async throws {
            try await withTestRuntime(threads: 1) { runtime in
                var options = ListenOptions()
                options.backlog = backlog
                let server = try await runtime.listen(on: .loopback(port: 0), options: options)
                #expect(server.localAddress.port != 0)
                try await server.stop()
            }
        }

        @Test func `the balances are known by the names of the command line`() {
            #expect(
                ListenOptions.Balance.allCases.map(\.rawValue) == [
                    "reuse-port", "least-connections", "round-robin",
                ])
        }
    }
}
