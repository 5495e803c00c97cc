package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
)

// Sends every datagram back. With netip addresses nothing is allocated for one.
func echoDatagrams(address string) {
	local, err := netip.ParseAddrPort(address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	socket, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(local))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	exitOnSignal()
	fmt.Printf("listening on udp %s\nready\n", socket.LocalAddr())
	buffer := make([]byte, blockSize)
	for {
		count, sender, err := socket.ReadFromUDPAddrPort(buffer)
		if err == nil {
			socket.WriteToUDPAddrPort(buffer[:count], sender)
		}
	}
}
