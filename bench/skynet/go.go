// Skynet: a tree of goroutines, ten children each, a million leaves. Every leaf sends its number to its parent over an
// unbuffered channel, every inner node the sum of its ten children.
package main

import "bench/gobench"

func skynet(result chan int64, first, leaves int64) {
	if leaves == 1 {
		result <- first
		return
	}
	children := make(chan int64)
	for i := range int64(10) {
		go skynet(children, first+i*(leaves/10), leaves/10)
	}
	sum := int64(0)
	for range 10 {
		sum += <-children
	}
	result <- sum
}

func main() {
	passed := gobench.Stopwatch()
	result := make(chan int64)
	go skynet(result, 0, 1_000_000)
	sum := <-result
	took := passed()
	gobench.Check(sum == 499_999_500_000, "skynet")
	gobench.Report("skynet", "wall", took.Seconds()*1e3, "ms")
	gobench.Report("skynet", "peak_memory", gobench.PeakMemoryBytes()/1e6, "MB")
}
