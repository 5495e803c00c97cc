/// Listening and serving over all loops of a runtime.
extension Runtime {
    /// Listens on an address, over all loops. Clients wait until the server is served.
    ///
    /// - Throws: ``IOError`` that names the address: ``IOError/Code/addressInUse``,
    ///   ``IOError/Code/permissionDenied``, ``IOError/Code/addressNotAvailable``;
    ///   ``IOError/Code/invalidArgument`` for options out of bounds; ``IOError/Code/loopStopped``.
    public func listen(
        on address: SocketAddress, options: ListenOptions = ListenOptions()
    ) async throws -> TCPServer {
        try await TCPServer(on: address, loops: loops, options: options)
    }

    /// Listens on a host's first address; as ``listen(on:options:)-(SocketAddress,_)``.
    public func listen(
        on endpoint: Endpoint, options: ListenOptions = ListenOptions()
    ) async throws -> TCPServer {
        let core = nextLoop.core
        let address = try await core.hop {
            guard !core.isRefusingWork else {
                throw core.stoppedError("listen on", on: "\(endpoint)")
            }
            let limit = UVLoop.hrtimeNanoseconds + 30_000_000_000
            return try await NameLookup.addresses(of: endpoint, on: core, deadline: limit)[0]
        }
        return try await listen(on: address, options: options)
    }

    /// Listens and serves connections with one task each, until the runtime stops or the calling task is
    /// cancelled: ``listen(on:options:)-(Endpoint,_)`` and ``TCPServer/serve(onError:_:)`` in one.
    public func serve(
        _ endpoint: Endpoint, options: ListenOptions = ListenOptions(),
        onError: TCPServer.ErrorHook? = nil, _ handler: @escaping TCPServer.Handler
    ) async throws {
        try await listen(on: endpoint, options: options).serve(onError: onError, handler)
    }

    /// Listens and serves connections with a handler object each.
    public func serve(
        _ endpoint: Endpoint, options: ListenOptions = ListenOptions(),
        onError: TCPServer.ErrorHook? = nil, handler makeHandler: @escaping TCPServer.HandlerFactory
    ) async throws {
        try await listen(on: endpoint, options: options).serve(
            onError: onError, handler: makeHandler)
    }
}
