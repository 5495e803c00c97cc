package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const fileBlock = 4096

func cpuTime() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// Reads blocks of a file, `depth` goroutines at a time: go-peer file-reads-DEPTH AMOUNT FILE.
func readFile(depth int) {
	amount, err := strconv.Atoi(os.Args[2])
	if err != nil || amount <= 0 {
		fmt.Fprintln(os.Stderr, "usage: go-peer file-reads-DEPTH AMOUNT FILE")
		os.Exit(2)
	}
	file, err := os.Open(os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	wall, cpu := time.Now(), cpuTime()
	var all sync.WaitGroup
	for lane := 0; lane < depth; lane++ {
		left := amount / depth
		if lane < amount%depth {
			left++
		}
		all.Add(1)
		go func(state uint64) {
			defer all.Done()
			readBlocks(file, state, left)
		}(uint64(lane))
	}
	all.Wait()
	fmt.Printf("{\"operations\": %d, \"wall_ns\": %d, \"cpu_ns\": %d}\n",
		amount, time.Since(wall).Nanoseconds(), cpuTime()-cpu)
}

// The blocks that Peers/Micro reads; each begins with its number.
func readBlocks(file *os.File, state uint64, left int) {
	buffer := make([]byte, fileBlock)
	for ; left > 0; left-- {
		state = state*6364136223846793005 + 1442695040888963407
		block := state >> 52
		_, err := file.ReadAt(buffer, int64(block)*fileBlock)
		if err != nil || binary.LittleEndian.Uint64(buffer) != block {
			fmt.Fprintln(os.Stderr, "a wrong block:", err)
			os.Exit(1)
		}
	}
}
