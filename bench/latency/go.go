// How late goroutines wake, on one processor: by a socket (probe.cpp asks), by a timer, by a channel. The argument says what else
// runs meanwhile: idle: nothing; busy: as many goroutines as there are processors compute, and yield every 10 us; hog: they
// compute and never enter the runtime.
package main

import (
	"bench/gobench"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var stop atomic.Bool

func compute(d time.Duration) {
	for start := time.Now(); time.Since(start) < d && !stop.Load(); {
	}
}

func startLoad(mode string, done *sync.WaitGroup) {
	if mode == "idle" {
		return
	}
	for range runtime.GOMAXPROCS(0) {
		done.Add(1)
		go func() {
			defer done.Done()
			for !stop.Load() {
				if mode == "hog" {
					compute(time.Hour)
				} else {
					compute(10 * time.Microsecond)
				}
				runtime.Gosched()
			}
		}()
	}
}

// Until the probe hangs up.
func answer(listener net.Listener) {
	conn, err := listener.Accept()
	gobench.Check(err == nil, "latency")
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if _, err := conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

func timers(count int) []float64 {
	var late []float64
	for range count {
		start := time.Now()
		time.Sleep(time.Millisecond)
		late = append(late, us(time.Since(start)-time.Millisecond))
	}
	return late
}

func channels(count int) []float64 {
	ch := make(chan time.Time)
	go func() {
		for range count {
			time.Sleep(time.Millisecond)
			ch <- time.Now()
		}
		close(ch)
	}()
	var late []float64
	for sent := range ch {
		late = append(late, us(time.Since(sent)))
	}
	return late
}

func main() {
	mode := "idle"
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	gobench.Check(err == nil, "latency")
	fmt.Printf("port %d\n", listener.Addr().(*net.TCPAddr).Port)
	var done sync.WaitGroup
	startLoad(mode, &done)
	answer(listener)
	count := 1000
	if mode == "hog" {
		count = 200
	}
	gobench.ReportPercentiles("latency", "timer", timers(count))
	gobench.ReportPercentiles("latency", "chan", channels(count))
	stop.Store(true)
	done.Wait()
}
