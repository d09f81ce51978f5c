// Starts of /bin/true, each waited for: one after the other, then by 16 goroutines. Descriptors and zombies must not be left.
package main

import (
	"bench/gobench"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

func check(ok bool) { gobench.Check(ok, "processes") }

func descriptors() int {
	all, err := os.ReadDir("/proc/self/fd")
	check(err == nil)
	return len(all)
}

func start(times int) {
	for range times {
		check(exec.Command("/bin/true").Run() == nil)
	}
}

func measure(metric string, times int, body func()) {
	cpu := gobench.CPUSeconds()
	began := time.Now()
	body()
	gobench.Report("processes", metric, time.Since(began).Seconds()*1e6/float64(times), "us")
	gobench.Report("processes", metric+"_cpu", (gobench.CPUSeconds()-cpu)*1e6/float64(times), "us")
}

func main() {
	times := gobench.Count(10_000)
	const starters = 16
	check(exec.Command("/bin/sleep", "0.01").Run() == nil)
	before := descriptors()
	measure("in_a_row", times, func() { start(times) })
	measure("by_16", times/starters*starters, func() {
		var all sync.WaitGroup
		for range starters {
			all.Add(1)
			go func() {
				defer all.Done()
				start(times / starters)
			}()
		}
		all.Wait()
	})
	check(descriptors() <= before)
	_, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
	check(err == syscall.ECHILD)
}
