#!/usr/bin/python3
"""The uvloop peer: uvloop_peer.py MODE --tcp HOST:PORT, an asyncio Protocol for each connection.

Modes: echo, lines, source, sink, and udpEcho, which takes --udp instead of
--tcp; echo takes --unix PATH, too.
"""

import asyncio
import os
import signal
import sys

import uvloop

BLOCK = bytes(range(256)) * 256


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        # A peer that does not read stops being read.
        self.pause_writing, self.resume_writing = transport.pause_reading, transport.resume_reading

    def data_received(self, data):
        self.transport.write(data)


class Lines(Echo):
    rest = b""

    def data_received(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.transport.write(line + b"\n")


class Source(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.is_paused = transport, False
        self.send()

    def send(self):
        while not self.is_paused and not self.transport.is_closing():
            self.transport.write(BLOCK)

    def pause_writing(self):
        self.is_paused = True

    def resume_writing(self):
        self.is_paused = False
        self.send()


class Sink(asyncio.Protocol):
    count = 0

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.count += len(data)

    def eof_received(self):
        self.transport.write(b"%d\n" % self.count)


class Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, sender):
        self.transport.sendto(data, sender)


def end_signal():
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    return end


async def answer_datagrams(host, port):
    loop, end = asyncio.get_running_loop(), end_signal()
    transport, _ = await loop.create_datagram_endpoint(Datagrams, local_addr=(host, port))
    print("listening on udp {}:{}\nready".format(*transport.get_extra_info("sockname")), flush=True)
    await end.wait()


async def main():
    mode, transport, address = sys.argv[1:4]
    host, _, port = address.rpartition(":")
    if mode == "udpEcho":
        return await answer_datagrams(host, int(port))
    protocol = {"echo": Echo, "lines": Lines, "source": Source, "sink": Sink}[mode]
    loop, end = asyncio.get_running_loop(), end_signal()
    if transport == "--unix":
        await loop.create_unix_server(protocol, address, backlog=4096)
        print(f"listening on unix {address}\nready", flush=True)
    else:
        server = await loop.create_server(protocol, host, int(port), backlog=4096)
        print("listening on tcp {}:{}\nready".format(*server.sockets[0].getsockname()), flush=True)
    await end.wait()
    if transport == "--unix":
        os.unlink(address)


uvloop.install()
asyncio.run(main())
