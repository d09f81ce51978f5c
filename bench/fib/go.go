// fib(27), computed the foolish way with a goroutine for one of the two calls: 317 810 goroutines that each hand one
// number to their parent.
package main

import "bench/gobench"

func fib(n int) int64 {
	if n < 2 {
		return int64(n)
	}
	left := make(chan int64, 1)
	go func() { left <- fib(n - 1) }()
	right := fib(n - 2)
	return <-left + right
}

func main() {
	passed := gobench.Stopwatch()
	result := fib(27)
	took := passed()
	gobench.Check(result == 196_418, "fib")
	gobench.Report("fib", "wall", took.Seconds()*1e3, "ms")
}
