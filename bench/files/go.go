// Random reads of 4 KiB: by 1, 16 and 256 goroutines past the page cache (O_DIRECT), then by one from it.
package main

import (
	"bench/gobench"
	"encoding/binary"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"
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

func readBy(goroutines int, f *os.File, pages uint64) float64 {
	return gobench.NsPerOp(func(n int) int {
		each := n/goroutines + 1
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Add(1)
			go func() {
				defer wg.Done()
				buffer := aligned()
				state := uint64(88172645463325252) + uint64(g)*7919
				for range each {
					state ^= state << 13
					state ^= state >> 7
					state ^= state << 17
					number := state % pages
					got, err := f.ReadAt(buffer, int64(number*page))
					check(err == nil && got == page && binary.LittleEndian.Uint64(buffer) == number)
				}
			}()
		}
		wg.Wait()
		return each * goroutines
	})
}

func main() {
	pages := gobench.Count(1024) * 256
	path := makeFile(pages)
	direct, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECT, 0)
	check(err == nil)
	cached, err := os.Open(path)
	check(err == nil && os.Remove(path) == nil)
	for _, goroutines := range []int{1, 16, 256} {
		gobench.Report("files", "direct_"+strconv.Itoa(goroutines), readBy(goroutines, direct, uint64(pages)), "ns")
	}
	tasks, err := os.ReadDir("/proc/self/task")
	check(err == nil)
	gobench.Report("files", "threads", float64(len(tasks)), "threads")
	const few = 4096
	_, err = io.ReadFull(cached, make([]byte, few*page))
	check(err == nil)
	gobench.Report("files", "cached_1", readBy(1, cached, few), "ns")
	gobench.Report("files", "cached_16", readBy(16, cached, few), "ns")
}
