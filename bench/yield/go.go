// Eight goroutines yield to each other. Each counts its own turns; the sum must come out.
package main

import (
	"bench/gobench"
	"runtime"
	"sync"
)

func main() {
	const goroutines = 8
	ns := gobench.NsPerOp(func(n int) int {
		each := n/goroutines + 1
		var turns [goroutines]int
		var wg sync.WaitGroup
		wg.Add(goroutines)
		for g := range goroutines {
			go func() {
				mine := 0
				for range each {
					runtime.Gosched()
					mine++
				}
				turns[g] = mine
				wg.Done()
			}()
		}
		wg.Wait()
		sum := 0
		for _, mine := range turns {
			sum += mine
		}
		gobench.Check(sum == each*goroutines, "yield")
		return sum
	})
	gobench.Report("yield", "switch", ns, "ns")
}
