// A million indices, each a few nanoseconds of arithmetic, in eight blocks for each processor: the results' sum is checked.
package main

import (
	"bench/gobench"
	"runtime"
	"sync"
)

const indices = 1 << 20

func value(index int) uint64 {
	x := uint64(index)
	for range 4 {
		x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9
	}
	return x & 0xff
}

func main() {
	out := make([]uint64, indices)
	expected := uint64(0)
	for i := range indices {
		expected += value(i)
	}
	blocks := 8 * runtime.GOMAXPROCS(0)
	ns := gobench.NsPerOp(func(n int) int {
		did := 0
		for ; did < n; did += indices {
			var done sync.WaitGroup
			done.Add(blocks)
			for b := range blocks {
				go func() {
					for i := b * indices / blocks; i < (b+1)*indices/blocks; i++ {
						out[i] = value(i)
					}
					done.Done()
				}()
			}
			done.Wait()
			sum := uint64(0)
			for _, v := range out {
				sum += v
			}
			gobench.Check(sum == expected, "parallel_for")
		}
		return did
	})
	gobench.Report("parallel_for", "index", ns, "ns")
}
