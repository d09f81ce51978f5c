// Two goroutines pass a number to and fro over two unbuffered channels; each adds one.
package main

import "bench/gobench"

func main() {
	ns := gobench.NsPerOp(func(n int) int {
		ping := make(chan int64)
		pong := make(chan int64)
		go func() {
			for v := range ping {
				pong <- v + 1
			}
			close(pong)
		}()
		v := int64(0)
		for range n {
			ping <- v + 1
			v = <-pong
		}
		close(ping)
		_, open := <-pong
		gobench.Check(v == 2*int64(n) && !open, "pingpong")
		return n
	})
	gobench.Report("pingpong", "round_trip", ns, "ns")
}
