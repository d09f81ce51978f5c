// Package gobench is bench.hpp for the Go programs: the same adaptive loop, the same report lines, the same sources of
// memory and processor time. A change in one of the two belongs into the other as well.
package gobench

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// seconds is how long the measured loop of NsPerOp shall take; BENCH_SECONDS overrides it.
func seconds() float64 {
	if s, err := strconv.ParseFloat(os.Getenv("BENCH_SECONDS"), 64); err == nil && s > 0 {
		return s
	}
	return 0.4
}

// Seconds is the same as a time.Duration.
func Seconds() time.Duration { return time.Duration(seconds() * 1e9) }

// Stopwatch returns a function that tells how long ago Stopwatch was called, by the clock of everything that is work and
// not waiting: time passed, or with BENCH_CLOCK=cpu the processor time of this process.
func Stopwatch() func() time.Duration {
	if os.Getenv("BENCH_CLOCK") == "cpu" {
		start := CPUSeconds()
		return func() time.Duration { return time.Duration((CPUSeconds() - start) * 1e9) }
	}
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}

// NsPerOp calls body with growing operation counts until one call takes about a quarter of the wanted time, then once
// more with a count that fills the wanted time, and returns the nanoseconds per operation of that last call. body
// returns how many operations it did, which may be a little more than it was asked for.
func NsPerOp(body func(n int) int) float64 {
	want := seconds()
	n := 1000
	for {
		passed := Stopwatch()
		did := body(n)
		took := passed().Seconds()
		perOp := max(took, 1e-9) / float64(did)
		if took >= want/4 {
			n = int(want / perOp)
			break
		}
		n = min(int(want/2/perOp), n*20) + 1
	}
	passed := Stopwatch()
	did := body(n)
	return float64(passed().Nanoseconds()) / float64(did)
}

// Report prints one measured value in the form that run.py reads.
func Report(workload, metric string, value float64, unit string) {
	fmt.Printf("%s %s %.6g %s\n", workload, metric, value, unit)
}

// ReportPercentiles prints three values: half of the values, 99 % and 99.9 % of them are not above.
func ReportPercentiles(workload, metric string, us []float64) {
	slices.Sort(us)
	at := func(part float64) float64 { return us[int(float64(len(us)-1)*part)] }
	Report(workload, metric+"_p50", at(0.5), "us")
	Report(workload, metric+"_p99", at(0.99), "us")
	Report(workload, metric+"_p999", at(0.999), "us")
}

// Check ends the program with exit status 1 when a result is wrong.
func Check(ok bool, workload string) {
	if !ok {
		fmt.Fprintf(os.Stderr, "%s: wrong result\n", workload)
		os.Exit(1)
	}
}

// Count is the program's first argument, or fallback when there is none.
func Count(fallback int) int {
	if len(os.Args) > 1 {
		if n, err := strconv.Atoi(os.Args[1]); err == nil && n > 0 {
			return n
		}
		fmt.Fprintln(os.Stderr, "the argument must be a positive count")
		os.Exit(2)
	}
	return fallback
}

// MemoryBytes is the resident memory of this process plus its page tables.
func MemoryBytes() float64 {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer file.Close()
	total := 0.0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && (fields[0] == "VmRSS:" || fields[0] == "VmPTE:") {
			kib, _ := strconv.ParseFloat(fields[1], 64)
			total += kib * 1024
		}
	}
	return total
}

// PeakMemoryBytes is the largest resident memory this process has had.
func PeakMemoryBytes() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Maxrss) * 1024
}

// CPUSeconds is the user and system time this process has used.
func CPUSeconds() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}
