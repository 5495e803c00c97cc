// The Go peer: go-peer MODE --tcp HOST:PORT [--to HOST:PORT], a goroutine for each connection.
//
// Modes: echo, lines, source, sink, proxy, and udpEcho, which takes --udp instead of --tcp.
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
)

func argument(name string) string {
	for i, word := range os.Args[:len(os.Args)-1] {
		if word == name {
			return os.Args[i+1]
		}
	}
	return ""
}

func exitOnSignal() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	go func() {
		<-end
		if path := argument("--unix"); path != "" {
			os.Remove(path)
		}
		os.Exit(0)
	}()
}

func main() {
	services := map[string]func(net.Conn){
		"echo": echo, "lines": lines, "source": source, "sink": sink, "proxy": proxy,
	}
	if len(os.Args) == 4 {
		switch os.Args[1] {
		case "file-reads-1":
			readFile(1)
			return
		case "file-reads-64":
			readFile(64)
			return
		}
	}
	if len(os.Args) == 4 && os.Args[1] == "udpEcho" {
		echoDatagrams(argument("--udp"))
	}
	if len(os.Args) < 4 || services[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: go-peer MODE --tcp HOST:PORT [--to HOST:PORT]")
		os.Exit(2)
	}
	serve := services[os.Args[1]]
	network, address := "tcp4", argument("--tcp")
	if path := argument("--unix"); path != "" {
		network, address = "unix", path
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	exitOnSignal()
	fmt.Printf("listening on %s %s\nready\n", listener.Addr().Network(), listener.Addr())
	for {
		connection, err := listener.Accept()
		if err != nil {
			continue
		}
		go func() {
			defer connection.Close()
			serve(connection) // TCP_NODELAY is Go's default
		}()
	}
}
