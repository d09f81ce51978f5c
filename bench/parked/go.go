// A million goroutines (or as many as the argument says), all parked at one gate at the same time: what each costs in
// memory, how long it takes until all are parked, and how long until all have gone through the opened gate.
package main

import (
	"bench/gobench"
	"sync"
	"sync/atomic"
)

func main() {
	count := gobench.Count(1_000_000)
	before := gobench.MemoryBytes()
	gate := make(chan struct{})
	var arrived, left sync.WaitGroup
	var woken atomic.Int64
	arrived.Add(count)
	left.Add(count)
	passed := gobench.Stopwatch()
	for range count {
		go func() {
			arrived.Done()
			<-gate
			woken.Add(1)
			left.Done()
		}()
	}
	arrived.Wait()
	created := passed()
	bytes := gobench.MemoryBytes() - before
	passed = gobench.Stopwatch()
	close(gate)
	left.Wait()
	released := passed()
	gobench.Check(woken.Load() == int64(count), "parked")
	n := float64(count)
	gobench.Report("parked", "memory", bytes/n, "B")
	gobench.Report("parked", "create", float64(created.Nanoseconds())/n, "ns")
	gobench.Report("parked", "release", float64(released.Nanoseconds())/n, "ns")
}
