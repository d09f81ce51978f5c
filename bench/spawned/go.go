// Goroutines that are spawned and have not run yet, on one processor: what each costs in memory. Spawning goes on until the
// scheduler interrupts who spawns, after some 10 ms, or until there are a million (or as many as the argument says); what
// counts is the last reading before the first of them ran.
package main

import (
	"bench/gobench"
	"sync"
)

func main() {
	const step = 1000
	count := gobench.Count(1_000_000)
	ran, spawned, unrun := 0, 0, 0 // one processor: nobody runs at the same time
	bytes := 0.0
	var done sync.WaitGroup
	before := gobench.MemoryBytes()
	for spawned < count && ran == 0 {
		for range step {
			done.Add(1)
			go func() {
				ran++
				done.Done()
			}()
		}
		spawned += step
		now := gobench.MemoryBytes()
		if ran == 0 {
			bytes, unrun = now-before, spawned
		}
	}
	done.Wait()
	gobench.Check(ran == spawned && unrun >= step, "spawned")
	gobench.Report("spawned", "memory", bytes/float64(unrun), "B")
	gobench.Report("spawned", "unrun", float64(unrun), "goroutines")
}
