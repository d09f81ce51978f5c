// Eight goroutines add to one counter under one mutex.
package main

import (
	"bench/gobench"
	"sync"
)

func main() {
	const goroutines = 8
	ns := gobench.NsPerOp(func(n int) int {
		each := n/goroutines + 1
		var mu sync.Mutex
		counter := 0
		var wg sync.WaitGroup
		wg.Add(goroutines)
		for range goroutines {
			go func() {
				for range each {
					mu.Lock()
					counter++
					mu.Unlock()
				}
				wg.Done()
			}()
		}
		wg.Wait()
		gobench.Check(counter == each*goroutines, "mutex")
		return counter
	})
	gobench.Report("mutex", "lock_unlock", ns, "ns")
}
