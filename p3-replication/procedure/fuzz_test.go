package procedure_test

import (
	"errors"
	"runtime"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"dss.example/p3-replication/procedure"
)

// No source, whatever it holds, ends the process or makes it grow by more than a run may; two
// interpreters answer it alike, and every error is one that replicas can keep.
func FuzzProgram(f *testing.F) {
	for n, expr := range growers {
		if n%12 == 0 {
			f.Add(grow(expr))
		}
	}
	for seed := range uint64(20) {
		f.Add(program(seed))
	}
	f.Add(programOfStatements)
	first := procedure.New(procedure.Standard())
	f.Fuzz(func(t *testing.T, src string) {
		before := taken()
		holds, refused := first.Check(src, world, update)
		made, err := first.Merge(src, world, update)
		require.Less(t, taken()-before, int64(2*growthBytes), "two runs")

		second := procedure.New(procedure.Standard())
		again, err2 := second.Merge(src, slow{world}, update)
		require.Equal(t, made, again)
		require.Equal(t, err, err2)
		holds2, refused2 := second.Check(src, slow{world}, update)
		require.Equal(t, holds, holds2)
		require.Equal(t, refused, refused2)
		kept(t, refused)
		kept(t, err)
	})
}

// taken returns the bytes that the process has ever asked of its allocator, and those of its
// stacks: by more than it takes in a run the process cannot grow.
func taken() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.TotalAlloc + m.StackSys)
}

// kept checks that an error is short text of one of the kinds.
func kept(t *testing.T, err error) {
	if err == nil {
		return
	}
	var e *procedure.Error
	require.True(t, errors.As(err, &e))
	require.LessOrEqual(t, len(e.Text), 200)
	require.True(t, utf8.ValidString(e.Text), "%q", e.Text)
	require.NotContains(t, e.Text, "broke")
	require.NotContains(t, e.Text, "0xc0", "an address")
}
