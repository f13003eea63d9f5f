package logs_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/loglet"
	"dss.example/common/machine"

	"dss.example/p4-consensus/logs"
)

// service is a table, and the log that drives it.
type service struct {
	t     *testing.T
	table *logs.Table
	pos   uint64
}

func start(t *testing.T) *service { return &service{t: t, table: &logs.Table{}} }

func (s *service) do(cmd machine.Data) *logs.Answer {
	s.pos++
	return s.table.Apply(s.pos, machine.Time(s.pos), cmd).(*logs.Answer)
}

func (s *service) wants(status logs.Status, cmd machine.Data) *logs.Answer {
	s.t.Helper()
	a := s.do(cmd)
	require.Equal(s.t, status.String(), a.Status.String(), "%T: %s", cmd, a.Text)
	return a
}

func bytesOf(texts ...string) (bodies [][]byte) {
	for _, text := range texts {
		bodies = append(bodies, []byte(text))
	}
	return bodies
}

func (s *service) append(texts ...string) loglet.Pos {
	s.t.Helper()
	return s.wants(logs.OK, logs.Append{Bodies: bytesOf(texts...)}).First
}

// fill appends the largest entries until the log is full, and returns how many. They share
// their memory.
func (s *service) fill() (n int) {
	s.t.Helper()
	large := logs.Append{Bodies: [][]byte{make([]byte, loglet.MaxBytes)}}
	for ; ; n++ {
		a := s.do(large)
		if a.Status != logs.OK {
			require.Equal(s.t, logs.Full, a.Status)
			require.Contains(s.t, a.Text, fmt.Sprintf("at most %d: trim it", logs.MaxHeld))
			return n
		}
	}
}

func TestALogThatIsFullTakesNothingMoreUntilItIsTrimmed(t *testing.T) {
	s := start(t)
	n := s.fill()
	require.Equal(t, logs.MaxHeld/(loglet.MaxBytes+1024), n)
	full := s.do(logs.Tail{}).Bounds
	s.wants(logs.Full, logs.Append{Bodies: [][]byte{make([]byte, loglet.MaxBytes)}})
	require.Equal(t, full, s.do(logs.Tail{}).Bounds, "what is refused changes nothing")
	s.wants(logs.OK, logs.Trim{Before: 3})
	require.Equal(t, 2, s.fill())
	s.wants(logs.OK, logs.Seal{})
	s.wants(logs.Sealed, logs.Append{Bodies: bytesOf("late")})
}

func TestEmptyEntriesFillALogToo(t *testing.T) {
	s := start(t)
	batch := logs.Append{Bodies: make([][]byte, loglet.MaxBatch)}
	n := 0
	for s.do(batch).Status == logs.OK {
		n++
	}
	require.Less(t, n, logs.MaxHeld/(24*loglet.MaxBatch), "their bodies alone would take as much")
	require.Equal(t, loglet.Pos(n*loglet.MaxBatch+1), s.do(logs.Tail{}).Bounds.Tail)
}

func TestABatchIsLetGoWhenAllOfItIsTrimmed(t *testing.T) {
	s := start(t)
	half := make([]byte, loglet.MaxBytes/2)
	s.wants(logs.OK, logs.Append{Bodies: [][]byte{half, half}})
	s.fill()
	s.wants(logs.OK, logs.Trim{Before: 2})
	require.Zero(t, s.fill(), "the half of it is held with the other")
	s.wants(logs.Trimmed, logs.Read{From: 1, To: 2})
	a := s.wants(logs.OK, logs.Read{From: 2, To: 3})
	require.Equal(t, []loglet.Entry{{Pos: 2, Body: half}}, a.Page.Entries)
	s.wants(logs.OK, logs.Trim{Before: 3})
	require.Equal(t, 1, s.fill())
}

func TestABatchThatIsTrimmedInPartIsToldInPart(t *testing.T) {
	s := start(t)
	s.wants(logs.OK, logs.Append{Streams: []loglet.Stream{7}, Bodies: bytesOf("a", "b", "c")})
	s.wants(logs.OK, logs.Append{Streams: []loglet.Stream{7}, Bodies: bytesOf("d")})
	s.wants(logs.OK, logs.Trim{Before: 3})
	require.Equal(t, []loglet.Pos{4, 3}, s.do(logs.Back{Stream: 7, Before: 5, Max: 9}).Positions)
	require.Empty(t, s.do(logs.Back{Stream: 7, Before: 3, Max: 9}).Positions)
	s.wants(logs.OK, logs.Trim{Before: 5})
	require.Empty(t, s.do(logs.Back{Stream: 7, Before: 5, Max: 9}).Positions)
}

func TestAnAnswerTellsOfTheStateThatHasGivenIt(t *testing.T) {
	s := start(t)
	require.Equal(t, loglet.Bounds{Head: 1, Tail: 1}, s.do(logs.Tail{}).Bounds)
	require.Equal(t, loglet.Pos(1), s.append("a", "b"))
	require.Equal(t, loglet.Pos(3), s.append("c"))
	s.wants(logs.OK, logs.Trim{Before: 2})
	a := s.wants(logs.OK, logs.Read{From: 2, To: 9})
	require.Empty(t, cmp.Diff(&logs.Answer{
		Status: logs.OK, Bounds: loglet.Bounds{Head: 2, Tail: 4},
		Page: loglet.Page{Entries: []loglet.Entry{{Pos: 2, Body: []byte("b")}, {Pos: 3, Body: []byte("c")}}, Next: 4},
	}, a))
	for text, cmd := range map[string]machine.Data{
		"1, the head is 2":         logs.Read{From: 1, To: 2},
		"4, the tail is 4":         logs.Read{From: 4, To: 5},
		"trim to 5, the tail is 4": logs.Trim{Before: 5},
		"5, the tail is 4":         logs.Back{Stream: 1, Before: 5, Max: 1},
	} {
		require.Equal(t, text, s.do(cmd).Text)
	}
	require.Equal(t, loglet.Bounds{Head: 2, Tail: 4, Sealed: true}, s.wants(logs.OK, logs.Seal{}).Bounds)
}

func TestWhatChangesTheLogIsNoRead(t *testing.T) {
	s := start(t)
	for _, cmd := range []machine.Data{logs.Append{Bodies: bytesOf("a")}, logs.Trim{}, logs.Seal{}, &logs.Answer{}} {
		a := s.table.Read(1, cmd).(*logs.Answer)
		require.Equal(t, logs.Invalid, a.Status)
		require.Contains(t, a.Text, fmt.Sprintf("%T", cmd))
	}
	require.Equal(t, logs.Invalid, s.do(&logs.Answer{}).Status)
	require.Equal(t, loglet.Bounds{Head: 1, Tail: 1}, s.do(logs.Tail{}).Bounds)
	_, _, due := s.table.Due()
	require.False(t, due)
}
