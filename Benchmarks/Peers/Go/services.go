package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
)

const (
	bufferSize = 16 * 1024
	blockSize  = 64 * 1024
)

func echo(connection net.Conn) {
	buffer := make([]byte, bufferSize)
	for {
		count, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err := connection.Write(buffer[:count]); err != nil {
			return
		}
	}
}

// Answers each line; flushes when no further line has come.
func lines(connection net.Conn) {
	input, output := bufio.NewReader(connection), bufio.NewWriter(connection)
	for {
		line, err := input.ReadSlice('\n')
		if err != nil {
			return
		}
		output.Write(line)
		if input.Buffered() == 0 && output.Flush() != nil {
			return
		}
	}
}

// Byte number k is k modulo 256.
func source(connection net.Conn) {
	block := make([]byte, blockSize)
	for k := range block {
		block[k] = byte(k)
	}
	for {
		if _, err := connection.Write(block); err != nil {
			return
		}
	}
}

func sink(connection net.Conn) {
	buffer, total := make([]byte, blockSize), 0
	for {
		count, err := connection.Read(buffer)
		total += count
		if err != nil {
			fmt.Fprintf(connection, "%d\n", total)
			return
		}
	}
}

// io.Copy between two TCP connections splices: the bytes do not pass through user space.
func proxy(accepted net.Conn) {
	client := accepted.(*net.TCPConn)
	connection, err := net.Dial("tcp4", argument("--to"))
	if err != nil {
		return
	}
	server := connection.(*net.TCPConn)
	defer server.Close()
	go func() {
		io.Copy(client, server)
		client.CloseWrite()
	}()
	io.Copy(server, client)
	server.CloseWrite()
}
