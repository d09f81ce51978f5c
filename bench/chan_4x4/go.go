// Four producers, four consumers, one channel with room for 128. The sum of what arrives must come out.
package main

import (
	"bench/gobench"
	"sync"
)

func main() {
	const pairs = 4
	ns := gobench.NsPerOp(func(n int) int {
		each := n/pairs + 1
		ch := make(chan int64, 128)
		var sums [pairs]int64
		var producers, consumers sync.WaitGroup
		producers.Add(pairs)
		consumers.Add(pairs)
		for p := range pairs {
			go func() {
				for i := range each {
					ch <- int64(p*each + i)
				}
				producers.Done()
			}()
			go func() {
				sum := int64(0)
				for v := range ch {
					sum += v
				}
				sums[p] = sum
				consumers.Done()
			}()
		}
		producers.Wait()
		close(ch)
		consumers.Wait()
		sum := int64(0)
		for _, part := range sums {
			sum += part
		}
		items := int64(pairs * each)
		gobench.Check(sum == items*(items-1)/2, "chan_4x4")
		return int(items)
	})
	gobench.Report("chan_4x4", "item", ns, "ns")
}
