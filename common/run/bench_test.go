package run_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/stable"
)

// parrot answers every command with itself, and saves it first if it is to.
type parrot struct{ saves bool }

func (p parrot) Step(in machine.In, out *machine.Out) {
	if e, ok := in.Event.(machine.Ask); ok {
		if p.saves {
			out.Save = append(out.Save, e.Cmd)
		}
		out.Answer(e.ID, e.Cmd)
	}
}

// nullLog is durable at once and keeps nothing. With a file, a sync is one write
// and one fsync, however much was appended.
type nullLog struct {
	stable.Log
	file    *os.File
	pending []byte
}

func (n *nullLog) Replay(func(uint64, []byte, bool) error) error { return nil }
func (n *nullLog) Next() uint64                                  { return 1 }

func (n *nullLog) Append(b []byte) (uint64, error) {
	n.pending = append(n.pending, b...)
	return 1, nil
}

func (n *nullLog) Sync() error {
	defer func() { n.pending = n.pending[:0] }()
	if n.file == nil {
		return nil
	}
	if _, err := n.file.Write(n.pending); err != nil {
		return err
	}
	return n.file.Sync()
}

// drive asks with the given number of callers.
func drive(b *testing.B, o run.Owner, callers int) {
	defer func() { _ = o.Stop(context.Background()) }()
	ctx, cmd := b.Context(), machine.Data(word("0123456789"))
	b.ReportAllocs()
	b.SetParallelism(max(1, callers/2)) // of 2 cores
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := o.Ask(ctx, cmd); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkLockAskAlone(b *testing.B) {
	l, err := run.NewLock(run.Config{Self: self, Machine: parrot{}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cmd := b.Context(), machine.Data(word("0123456789"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Ask(ctx, cmd); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLockAskTwo(b *testing.B) {
	l, err := run.NewLock(run.Config{Self: self, Machine: parrot{}})
	if err != nil {
		b.Fatal(err)
	}
	drive(b, l, 2)
}

func BenchmarkLoopAskNullLog(b *testing.B) {
	for _, callers := range []int{2, 16, 64, 256} {
		b.Run(strconv.Itoa(callers), func(b *testing.B) { driveLoop(b, &nullLog{}, callers) })
	}
}

// With an fsync a round, more callers cost no more syncs: group commit.
func BenchmarkLoopGroupCommit(b *testing.B) {
	for _, callers := range []int{2, 16, 64, 256} {
		b.Run(strconv.Itoa(callers), func(b *testing.B) {
			file, err := os.Create(filepath.Join(b.TempDir(), "log"))
			if err != nil {
				b.Fatal(err)
			}
			defer file.Close()
			driveLoop(b, &nullLog{file: file}, callers)
		})
	}
}

func driveLoop(b *testing.B, log *nullLog, callers int) {
	l, err := run.Start(run.Config{Self: self, Machine: parrot{saves: true}, Log: log})
	if err != nil {
		b.Fatal(err)
	}
	drive(b, l, callers)
	c := l.Counts()
	b.ReportMetric(float64(c.Replies)/float64(c.Syncs), "asks/sync")
}
