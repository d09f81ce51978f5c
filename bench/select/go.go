// Four senders, one channel each; one receiver selects over the four, first with unbuffered channels, then with room for
// 128. The sum of what arrives must come out.
package main

import "bench/gobench"

func receive(n, capacity int) int {
	each := n/4 + 1
	var ch [4]chan int64
	for c := range ch {
		ch[c] = make(chan int64, capacity)
		go func() {
			for i := range each {
				ch[c] <- int64(c*each + i)
			}
		}()
	}
	c0, c1, c2, c3 := ch[0], ch[1], ch[2], ch[3]
	items := 4 * each
	sum := int64(0)
	for range items {
		select {
		case v := <-c0:
			sum += v
		case v := <-c1:
			sum += v
		case v := <-c2:
			sum += v
		case v := <-c3:
			sum += v
		}
	}
	gobench.Check(sum == int64(items)*int64(items-1)/2, "select")
	return items
}

func main() {
	gobench.Report("select", "unbuffered", gobench.NsPerOp(func(n int) int { return receive(n, 0) }), "ns")
	gobench.Report("select", "buffered", gobench.NsPerOp(func(n int) int { return receive(n, 128) }), "ns")
}
