// Spawn and wait, in batches of 1000. Every goroutine leaves its mark, so that none can be skipped.
package main

import (
	"bench/gobench"
	"sync"
)

func main() {
	const batch = 1000
	var marks [batch]int64
	round := int64(0)
	ns := gobench.NsPerOp(func(n int) int {
		did := 0
		for ; did < n; did += batch {
			round++
			var wg sync.WaitGroup
			wg.Add(batch)
			for i := range batch {
				go func() {
					marks[i] = round
					wg.Done()
				}()
			}
			wg.Wait()
			for i := range marks {
				gobench.Check(marks[i] == round, "spawn")
			}
		}
		return did
	})
	gobench.Report("spawn", "goroutine", ns, "ns")
}
