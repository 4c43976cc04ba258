package store

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
)

// benchStore has 10,000 documents of 1 KiB in 100 groups.
func benchStore(b *testing.B) *Store {
	b.Helper()
	path := filepath.Join(b.TempDir(), "store.db")
	s := &snapshot{revision: 1}
	for i := range 100 {
		for j := range 100 {
			d := &document{Entry: Entry{Key: fmt.Sprintf("group/%02d/%02d", i, j), Value: bytes.Repeat([]byte{'x'}, 1024), Created: 1, Revision: 1}}
			d.sum = checksum(&d.Entry)
			s.docs = append(s.docs, d)
			s.digest += uint64(d.sum)
		}
	}
	if err := writeNew(path, s, 1); err != nil {
		b.Fatal(err)
	}
	return mustOpen(b, path)
}

func BenchmarkCommit(b *testing.B) {
	for _, callers := range []int{1, 16} { // for each core
		b.Run(fmt.Sprint("callers=", callers*runtime.GOMAXPROCS(0)), func(b *testing.B) {
			s := benchStore(b)
			var next atomic.Int64
			b.ReportAllocs()
			b.SetParallelism(callers)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					txn := put(fmt.Sprintf("group/%02d/%02d", next.Add(1)%100, next.Load()%97), "value")
					if _, err := s.Commit(context.Background(), txn); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func BenchmarkList(b *testing.B) {
	s := benchStore(b)
	b.Run("documents=10000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if all, _ := s.List(""); len(all) != 10_000 {
				b.Fatal(len(all))
			}
		}
	})
	b.Run("documents=100", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if all, _ := s.List("group/42/"); len(all) != 100 {
				b.Fatal(len(all))
			}
		}
	})
}

func BenchmarkGet(b *testing.B) {
	s := benchStore(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := s.Get("group/42/42"); !ok {
			b.Fatal("it is not there")
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	made := benchStore(b)
	if err := made.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(made.path, Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkWatch publishes a batch to waiting watchers, and waits until each has it.
func BenchmarkWatch(b *testing.B) {
	for _, watchers := range []int{1, 100, WatchersMax} {
		b.Run(fmt.Sprint("watchers=", watchers), func(b *testing.B) {
			h := newHistory(0)
			got := make(chan struct{}, watchers)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			for range watchers {
				w := &Watcher{history: h}
				go func() {
					for {
						if _, err := w.Next(ctx); err != nil {
							return
						}
						got <- struct{}{}
					}
				}()
			}
			r := Revision(0)
			b.ReportAllocs()
			for b.Loop() {
				r++
				h.add([]Batch{{Revision: r, Changes: []Change{{Entry: Entry{Key: "k"}}}}}, func() {})
				for range watchers {
					<-got
				}
			}
		})
	}
}
