package logs_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"dss.example/common/app"
	"dss.example/common/loglet"

	"dss.example/p4-consensus/logs"
)

// reload makes another table of what a table's view says.
func reload(t *testing.T, table *logs.Table) *logs.Table {
	t.Helper()
	other := &logs.Table{}
	v := table.View()
	require.NoError(t, other.Load(v.Pairs("")))
	require.Equal(t, app.Hash(v), app.Hash(other.View()))
	return other
}

// compare makes one call of a log in memory and of the table.
func (s *service) compare(m *loglet.Memory, rng *rand.Rand, k int) {
	ctx := s.t.Context()
	b, err := m.Tail(ctx)
	require.NoError(s.t, err)
	some := func() loglet.Pos { return loglet.Pos(1 + rng.IntN(int(b.Tail)+2)) }
	switch p := rng.IntN(100); {
	case p < 35:
		c := logs.Append{Bodies: bytesOf(fmt.Sprint("entry ", k), "", fmt.Sprint("more ", k))[:1+rng.IntN(3)]}
		for stream := range loglet.Stream(3) {
			if rng.IntN(3) == 0 {
				c.Streams = append(c.Streams, stream+1)
			}
		}
		s.compareAppend(m, c)
	case p < 60:
		from := some()
		to := from + loglet.Pos(1+rng.IntN(12))
		page, err := m.Read(ctx, from, to)
		a := s.same(err, s.do(logs.Read{From: from, To: to}))
		require.Empty(s.t, cmp.Diff(page, a.Page, cmpopts.EquateEmpty()), "from %d to %d", from, to)
	case p < 80:
		c := logs.Back{Stream: loglet.Stream(1 + rng.IntN(4)), Before: some(), Max: uint64(1 + rng.IntN(9))}
		positions, err := m.Back(ctx, c.Stream, c.Before, int(c.Max))
		a := s.same(err, s.do(c))
		require.Empty(s.t, cmp.Diff(positions, a.Positions, cmpopts.EquateEmpty()), "%+v", c)
	case p < 90:
		to := b.Head + loglet.Pos(rng.IntN(12)) - 1
		s.same(m.Trim(ctx, to), s.do(logs.Trim{Before: to}))
	case p < 97:
		require.Equal(s.t, b, s.do(logs.Tail{}).Bounds)
	case p < 99:
		s.table = reload(s.t, s.table)
	case rng.IntN(3) == 0:
		s.same(m.Seal(ctx), s.do(logs.Seal{}))
	}
}

func (s *service) compareAppend(m *loglet.Memory, c logs.Append) {
	var positions []loglet.Pos
	var err error
	if len(c.Streams) > 0 {
		positions, err = m.AppendTo(s.t.Context(), c.Streams, c.Bodies)
	} else {
		positions, err = m.Append(s.t.Context(), c.Bodies)
	}
	a := s.same(err, s.do(c))
	if err == nil {
		require.Equal(s.t, positions[0], a.First)
		require.Equal(s.t, positions[len(positions)-1], a.Bounds.Tail-1)
	}
}

// same demands that a call has ended as a command has.
func (s *service) same(err error, a *logs.Answer) *logs.Answer {
	s.t.Helper()
	want := logs.OK
	for sentinel, status := range map[error]logs.Status{
		loglet.ErrSealed: logs.Sealed, loglet.ErrTrimmed: logs.Trimmed, loglet.ErrUnwritten: logs.Unwritten,
	} {
		if errors.Is(err, sentinel) {
			want = status
		}
	}
	require.Equal(s.t, want.String(), a.Status.String(), "%v; %s", err, a.Text)
	return a
}

func TestTheTableDoesWhatALogInMemoryDoes(t *testing.T) {
	seeds := 40
	if testing.Short() {
		seeds = 5
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			s, m, rng := start(t), loglet.NewMemory(0), rand.New(rand.NewPCG(seed, 1))
			for k := range 300 {
				s.compare(m, rng, k)
			}
		})
	}
}
