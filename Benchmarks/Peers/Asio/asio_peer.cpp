// The Asio peer: asio-peer MODE --tcp HOST:PORT, a C++20 coroutine for each connection, one thread.
//
// Modes: echo, lines, source, sink.

#include <asio.hpp>
#include <iostream>
#include <string>
#include <vector>

using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;

constexpr std::size_t buffer_size = 16 * 1024, block_size = 64 * 1024;

awaitable<void> echo(tcp::socket socket) {
    char buffer[buffer_size];
    for (;;) {
        auto count = co_await socket.async_read_some(asio::buffer(buffer), use_awaitable);
        co_await asio::async_write(socket, asio::buffer(buffer, count), use_awaitable);
    }
}

// Answers each line; what one read brought is answered by one write.
awaitable<void> lines(tcp::socket socket) {
    std::string input, output;
    for (;;) {
        co_await asio::async_read_until(socket, asio::dynamic_buffer(input), '\n', use_awaitable);
        std::size_t start = 0, end;
        while ((end = input.find('\n', start)) != std::string::npos) {
            output.append(input, start, end + 1 - start);
            start = end + 1;
        }
        input.erase(0, start);
        co_await asio::async_write(socket, asio::buffer(output), use_awaitable);
        output.clear();
    }
}

// Byte number k is k modulo 256.
awaitable<void> source(tcp::socket socket) {
    std::vector<char> block(block_size);
    for (std::size_t k = 0; k < block.size(); k++)
        block[k] = static_cast<char>(k);
    for (;;)
        co_await asio::async_write(socket, asio::buffer(block), use_awaitable);
}

awaitable<void> sink(tcp::socket socket) {
    std::vector<char> buffer(block_size);
    std::size_t total = 0;
    for (asio::error_code error; !error;)
        total += co_await socket.async_read_some(
            asio::buffer(buffer), asio::redirect_error(use_awaitable, error));
    co_await asio::async_write(socket, asio::buffer(std::to_string(total) + "\n"), use_awaitable);
}

using service = awaitable<void> (*)(tcp::socket);

awaitable<void> accept(tcp::acceptor &acceptor, service serve) {
    for (;;) {
        auto socket = co_await acceptor.async_accept(use_awaitable);
        socket.set_option(tcp::no_delay(true));
        // Errors end their own connection.
        asio::co_spawn(acceptor.get_executor(), serve(std::move(socket)), [](std::exception_ptr) {});
    }
}

int main(int argc, char **argv) {
    const std::string mode = argc > 1 ? argv[1] : "", address = argc > 3 ? argv[3] : "";
    const auto colon = address.rfind(':');
    const service serve = mode == "echo" ? echo : mode == "lines" ? lines : mode == "source" ? source
                        : mode == "sink" ? sink : nullptr;
    if (serve == nullptr || colon == std::string::npos) {
        std::cerr << "usage: asio-peer MODE --tcp HOST:PORT\n";
        return 2;
    }
    asio::io_context context(1);
    const auto port = static_cast<unsigned short>(std::stoi(address.substr(colon + 1)));
    tcp::acceptor acceptor(context, {asio::ip::make_address(address.substr(0, colon)), port});
    asio::signal_set signals(context, SIGINT, SIGTERM);
    signals.async_wait([&](auto, int) { context.stop(); });
    asio::co_spawn(context, accept(acceptor, serve), asio::detached);
    std::cout << "listening on tcp " << acceptor.local_endpoint() << "\nready" << std::endl;
    context.run();
}
