// Random reads of 4 KiB: by 1, 16 and 256 goroutines past the page cache (O_DIRECT), then by 1 and 16 from it.
package main

import (
	"bench/gobench"
	"encoding/binary"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const page = 4096

func check(ok bool) { gobench.Check(ok, "files") }

func makeFile(pages int) string {
	folder := os.Getenv("BENCH_FILES")
	if folder == "" {
		folder = "/var/tmp"
	}
	made, err := os.CreateTemp(folder, "gossamer_bench")
	check(err == nil)
	const atOnce = 256
	content := make([]byte, atOnce*page)
	for first := 0; first < pages; first += atOnce {
		for i := range atOnce {
			binary.LittleEndian.PutUint64(content[i*page:], uint64(first+i))
		}
		_, err := made.Write(content)
		check(err == nil)
	}
	check(made.Sync() == nil && made.Close() == nil)
	return made.Name()
}

// aligned returns a page that begins at a multiple of its size.
func aligned() []byte {
	twice := make([]byte, 2*page)
	skip := page - int(uintptr(unsafe.Pointer(&twice[0]))%page)
	return twice[skip : skip+page]
}

// readBy reads for the wanted time and reports the time and the processor time of a read.
func readBy(goroutines int, f *os.File, pages uint64, metric string) {
	var over atomic.Bool
	var reads atomic.Int64
	cpu := gobench.CPUSeconds()
	start := time.Now()
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Add(1)
		go func() {
			defer wg.Done()
			buffer := aligned()
			state := uint64(88172645463325252) + uint64(g)*7919
			count := int64(0)
			for ; !over.Load(); count++ {
				state ^= state << 13
				state ^= state >> 7
				state ^= state << 17
				number := state % pages
				got, err := f.ReadAt(buffer, int64(number*page))
				check(err == nil && got == page && binary.LittleEndian.Uint64(buffer) == number)
			}
			reads.Add(count)
		}()
	}
	time.Sleep(gobench.Seconds())
	over.Store(true)
	wg.Wait()
	count := float64(reads.Load())
	gobench.Report("files", metric, float64(time.Since(start).Nanoseconds())/count, "ns")
	gobench.Report("files", metric+"_cpu", (gobench.CPUSeconds()-cpu)*1e9/count, "ns")
}

func main() {
	pages := gobench.Count(1024) * 256
	path := makeFile(pages)
	direct, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECT, 0)
	check(err == nil)
	cached, err := os.Open(path)
	check(err == nil && os.Remove(path) == nil)
	for _, goroutines := range []int{1, 16, 256} {
		readBy(goroutines, direct, uint64(pages), "direct_"+strconv.Itoa(goroutines))
	}
	tasks, err := os.ReadDir("/proc/self/task")
	check(err == nil)
	gobench.Report("files", "threads", float64(len(tasks)), "threads")
	const few = 4096
	_, err = io.ReadFull(cached, make([]byte, few*page))
	check(err == nil)
	readBy(1, cached, few, "cached_1")
	readBy(16, cached, few, "cached_16")
}
