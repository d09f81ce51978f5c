// Producers and as many consumers on one channel with room for 128: one of each, then four. The sum of what arrives must
// come out.
package main

import (
	"bench/gobench"
	"sync"
)

func pass(n, pairs int) int {
	each := n/pairs + 1
	ch := make(chan int64, 128)
	sums := make([]int64, pairs)
	var producers, consumers sync.WaitGroup
	producers.Add(pairs)
	consumers.Add(pairs)
	for p := range pairs {
		go func() {
			for i := range each {
				ch <- int64(p*each + i)
			}
			producers.Done()
		}()
		go func() {
			sum := int64(0)
			for v := range ch {
				sum += v
			}
			sums[p] = sum
			consumers.Done()
		}()
	}
	producers.Wait()
	close(ch)
	consumers.Wait()
	sum := int64(0)
	for _, part := range sums {
		sum += part
	}
	items := int64(pairs * each)
	gobench.Check(sum == items*(items-1)/2, "chan")
	return int(items)
}

func main() {
	gobench.Report("chan", "1x1", gobench.NsPerOp(func(n int) int { return pass(n, 1) }), "ns")
	gobench.Report("chan", "4x4", gobench.NsPerOp(func(n int) int { return pass(n, 4) }), "ns")
}
