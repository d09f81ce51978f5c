// A million goroutines (or as many as the argument says) sleep once each, 1 to 1000 ms. Lateness is what a goroutine
// measures itself: how much longer than asked its sleep took. None may wake early.
package main

import (
	"bench/gobench"
	"slices"
	"sync"
	"time"
)

func main() {
	count := gobench.Count(1_000_000)
	late := make([]int64, count)
	for i := range late {
		late[i] = -1
	}
	cpu := gobench.CPUSeconds()
	start := time.Now()
	var done sync.WaitGroup
	done.Add(count)
	for i := range count {
		go func() {
			asked := time.Duration(1+(i*7919)%1000) * time.Millisecond
			began := time.Now()
			time.Sleep(asked)
			late[i] = int64(time.Since(began) - asked)
			done.Done()
		}()
	}
	done.Wait()
	wall := time.Since(start).Seconds()
	cpu = gobench.CPUSeconds() - cpu
	slices.Sort(late)
	gobench.Check(late[0] >= 0, "sleepers")
	gobench.Report("sleepers", "wall", wall*1e3, "ms")
	gobench.Report("sleepers", "cpu", cpu*1e3, "ms")
	gobench.Report("sleepers", "late_p50", float64(late[count/2])/1e3, "us")
	gobench.Report("sleepers", "late_p99", float64(late[count/100*99])/1e3, "us")
}
