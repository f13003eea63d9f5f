package logs_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/loglet"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p4-consensus/logs"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

const (
	ms     = machine.Millisecond
	second = machine.Second
)

// world is three replicas, and a client of each.
func world(l *paxos.Language, t *tally) *sim.Config {
	c := paxos.Config{
		Heartbeat: 50 * ms, Election: 300 * ms, Lease: 200 * ms,
		Alpha: 4, Batch: 200, Snapshot: 600, Retain: 2,
	}
	for i := range 3 {
		c.Peers = append(c.Peers, proto.Member{Voter: proto.Voter{Node: machine.Node(i + 1)}})
	}
	cfg := &sim.Config{
		Faults: sim.AllFaults(),
		Judges: func() []sim.Judge { return []sim.Judge{&judge{tally: t}} },
	}
	cfg.Faults.Down = 1
	for i := range 3 {
		id := machine.Node(i + 1)
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: id, Roles: []sim.Role{
			{Name: l.Name, Protocol: l.Protocol(), Config: c.AppendTo(nil)},
		}})
		cfg.Clients = append(cfg.Clients, sim.Client{
			At: machine.Addr{Node: id, Role: l.Name}, Next: next(i), Patience: 5 * second, Think: 30 * ms,
		})
	}
	return cfg
}

// next makes a client's commands. Each has a stream of its own.
func next(client int) func(int, *rand.Rand) machine.Data {
	return func(k int, rng *rand.Rand) machine.Data {
		stream := loglet.Stream(client + 1)
		some := loglet.Pos(1 + rng.IntN(3+3*k))
		switch p := rng.IntN(100); {
		case p < 40:
			return logs.Append{Streams: []loglet.Stream{stream}, Bodies: bytesOf(texts(100*client+k, 1+rng.IntN(3))...)}
		case p < 65:
			return logs.Read{From: some, To: some + 20}
		case p < 80:
			return logs.Tail{}
		case p < 90:
			return logs.Back{Stream: stream, Before: some, Max: 5}
		case p < 99:
			return logs.Trim{Before: some / 2}
		}
		return logs.Seal{}
	}
}

// tally counts over all runs, so that nobody praises a judge who saw nothing.
type tally struct{ appended, read, trimmed, sealed, unknown atomic.Int64 }

// judge looks at what clients were told.
type judge struct {
	tally *tally
	at    map[loglet.Pos]string // what stands there, as somebody was told
	where map[string]loglet.Pos
	never map[string]bool          // refused for good
	owner map[string]loglet.Stream // of all that was asked for
}

// Step implements sim.Judge.
func (*judge) Step(*sim.Step) error { return nil }

// End implements sim.Judge.
func (j *judge) End(w *sim.World) error {
	j.at, j.where = map[loglet.Pos]string{}, map[string]loglet.Pos{}
	j.never, j.owner = map[string]bool{}, map[string]loglet.Stream{}
	var told []*sim.Exchange
	for _, x := range w.History() {
		a, _ := x.Answer.(*logs.Answer)
		if c, ok := x.Cmd.(logs.Append); ok {
			j.asked(c, a)
		}
		if a != nil && a.Bounds.Tail > 0 {
			told = append(told, x)
		}
	}
	for _, x := range told {
		if err := j.told(x.Cmd, x.Answer.(*logs.Answer)); err != nil {
			return err
		}
	}
	return j.inTime(told)
}

// asked takes note of an Append and of how it ended.
func (j *judge) asked(c logs.Append, a *logs.Answer) {
	for _, body := range c.Bodies {
		j.owner[string(body)] = c.Streams[0]
		j.never[string(body)] = a != nil && a.Status != logs.OK && a.Status != logs.Unknown
	}
	if a == nil || a.Status == logs.Unknown {
		j.tally.unknown.Add(1)
	}
}

// told compares what an answer says with all that others have said.
func (j *judge) told(cmd machine.Data, a *logs.Answer) error {
	switch c := cmd.(type) {
	case logs.Append:
		return j.appended(c, a)
	case logs.Read:
		return j.read(c, a)
	case logs.Back:
		for _, pos := range a.Positions {
			if body, known := j.at[pos]; known && j.owner[body] != c.Stream {
				return fmt.Errorf("position %d, of stream %d, holds %q of stream %d", pos, c.Stream, body, j.owner[body])
			}
		}
	case logs.Trim:
		j.tally.trimmed.Add(1)
		if a.Status == logs.OK && a.Bounds.Head < c.Before {
			return fmt.Errorf("the head is %d after a trim to %d", a.Bounds.Head, c.Before)
		}
	case logs.Seal:
		j.tally.sealed.Add(1)
		if !a.Bounds.Sealed {
			return fmt.Errorf("a log is not sealed after a seal")
		}
	}
	return nil
}

func (j *judge) appended(c logs.Append, a *logs.Answer) error {
	if a.Status != logs.OK {
		return nil
	}
	for i, body := range c.Bodies {
		if err := j.stands(a.First+loglet.Pos(i), string(body)); err != nil {
			return err
		}
	}
	j.tally.appended.Add(1)
	return nil
}

// read demands of a page that it leaves nothing out.
func (j *judge) read(c logs.Read, a *logs.Answer) error {
	if a.Status != logs.OK {
		return nil
	}
	if a.Page.Next != min(c.To, a.Bounds.Tail) || len(a.Page.Entries) != int(a.Page.Next-c.From) {
		return fmt.Errorf("a read from %d to %d has %d entries and goes on from %d", c.From, c.To, len(a.Page.Entries), a.Page.Next)
	}
	for i, e := range a.Page.Entries {
		if e.Pos != c.From+loglet.Pos(i) {
			return fmt.Errorf("entry %d of a read from %d stands at %d", i, c.From, e.Pos)
		}
		if err := j.stands(e.Pos, string(e.Body)); err != nil {
			return err
		}
		j.tally.read.Add(1)
	}
	return nil
}

// stands takes note of an entry.
func (j *judge) stands(pos loglet.Pos, body string) error {
	before, told := j.at[pos]
	first, twice := j.where[body]
	switch {
	case j.owner[body] == 0:
		return fmt.Errorf("position %d holds %q, which nobody appended", pos, body)
	case j.never[body]:
		return fmt.Errorf("position %d holds %q, which was refused", pos, body)
	case told && before != body:
		return fmt.Errorf("position %d holds %q and %q", pos, before, body)
	case twice && first != pos:
		return fmt.Errorf("%q stands at %d and at %d", body, first, pos)
	}
	j.at[pos], j.where[body] = body, pos
	return nil
}

// inTime compares each answer with those that had come when its command was asked.
func (j *judge) inTime(told []*sim.Exchange) error {
	slices.SortStableFunc(told, func(x, y *sim.Exchange) int { return int(x.Ended - y.Ended) })
	seen := make([]loglet.Bounds, len(told)) // the most of all that ended up to then
	for i, x := range told {
		a := x.Answer.(*logs.Answer)
		before := loglet.Bounds{Head: 1, Tail: 1}
		n, _ := slices.BinarySearchFunc(told, x.Asked, func(y *sim.Exchange, asked machine.Time) int { return int(y.Ended - asked) })
		if n > 0 {
			before = seen[n-1]
		}
		b := a.Bounds
		if b.Head < before.Head || b.Tail < before.Tail || before.Sealed && (!b.Sealed || b.Tail != before.Tail) {
			return fmt.Errorf("%T at %d: the log spans %+v, where somebody had been told %+v", x.Cmd, x.Asked, b, before)
		}
		if _, appends := x.Cmd.(logs.Append); appends && a.Status == logs.OK && a.First < before.Tail {
			return fmt.Errorf("an append at %d, where somebody had been told the tail %d", a.First, before.Tail)
		}
		seen[i] = b
		if i > 0 {
			seen[i].Head, seen[i].Tail = max(b.Head, seen[i-1].Head), max(b.Tail, seen[i-1].Tail)
			seen[i].Sealed = b.Sealed || seen[i-1].Sealed
		}
	}
	return nil
}

func TestClientsAreToldOneLogInAThousandSchedulesUnderAllFaults(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 100
	}
	var seen tally
	sum := sim.Many(t.Context(), world(logs.Language("log"), &seen), 1, n, nil)
	require.Nil(t, sum.Failed, "seed %d: %v", sum.Seed, sum.Failed)
	require.False(t, sum.Stopped)
	t.Logf("%d appends, %d of unknown outcome, %d entries read, %d trims, %d seals, %d answers in all",
		seen.appended.Load(), seen.unknown.Load(), seen.read.Load(), seen.trimmed.Load(), seen.sealed.Load(), sum.Answers)
	require.Greater(t, seen.appended.Load(), int64(3*n))
	require.Greater(t, seen.read.Load(), int64(5*n))
	require.Greater(t, seen.unknown.Load(), int64(n/4))
	require.Greater(t, seen.trimmed.Load(), int64(n/2))
	require.Greater(t, seen.sealed.Load(), int64(n/20))
}

func TestEveryCommandIsAnsweredOnceTheFaultsEnd(t *testing.T) {
	n := 300
	if testing.Short() {
		n = 30
	}
	cfg := world(logs.Language("log"), &tally{})
	cfg.Liveness = 20 * second
	sum := sim.Many(t.Context(), cfg, 1, n, nil)
	require.Nil(t, sum.Failed, "seed %d", sum.Seed)
}

// broken is a table with something wrong about it.
type broken struct {
	*logs.Table
	apply func(t *logs.Table, pos uint64, now machine.Time, cmd machine.Data) machine.Data
	load  func(t *logs.Table, pairs iter.Seq2[string, []byte]) error
	sort  paxos.Sort // of reads
	says  string     // what the judge must say
}

// Apply implements app.App.
func (b *broken) Apply(pos uint64, now machine.Time, cmd machine.Data) machine.Data {
	if b.apply != nil {
		return b.apply(b.Table, pos, now, cmd)
	}
	return b.Table.Apply(pos, now, cmd)
}

// Load implements app.App.
func (b *broken) Load(pairs iter.Seq2[string, []byte]) error {
	if b.load != nil {
		return b.load(b.Table, pairs)
	}
	return b.Table.Load(pairs)
}

func TestTheJudgeCatchesABrokenService(t *testing.T) {
	right := (*logs.Table).Apply
	for name, b := range map[string]broken{
		"an append is done twice": {says: "stands at", apply: func(t *logs.Table, pos uint64, now machine.Time, cmd machine.Data) machine.Data {
			if _, ok := cmd.(logs.Append); ok {
				right(t, pos, now, cmd)
			}
			return right(t, pos, now, cmd)
		}},
		"an append is refused and done": {says: "which was refused", apply: func(t *logs.Table, pos uint64, now machine.Time, cmd machine.Data) machine.Data {
			answer := right(t, pos, now, cmd)
			if _, ok := cmd.(logs.Append); ok && pos%7 == 0 {
				return &logs.Answer{Status: logs.Full}
			}
			return answer
		}},
		"a read is that of any replica": {says: "somebody had been told", sort: paxos.ReadLocal},
		"a sealed log is opened again by a trim": {says: "somebody had been told", apply: func(t *logs.Table, pos uint64, now machine.Time, cmd machine.Data) machine.Data {
			answer := right(t, pos, now, cmd)
			if _, ok := cmd.(logs.Trim); ok {
				unseal(t)
			}
			return answer
		}},
		"a snapshot does not tell that a log is sealed": {says: "somebody had been told", load: func(t *logs.Table, pairs iter.Seq2[string, []byte]) error {
			err := t.Load(pairs)
			unseal(t)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l := logs.Language("log")
			l.New = func() paxos.Service {
				fresh := b
				fresh.Table = &logs.Table{}
				return &fresh
			}
			if right := l.Sort; b.sort != paxos.Write {
				l.Sort = func(cmd machine.Data) paxos.Sort {
					if right(cmd) == paxos.Write {
						return paxos.Write
					}
					return b.sort
				}
			}
			failed := firstFailure(world(l, &tally{}), 1000)
			require.NotNil(t, failed)
			require.Equal(t, "*logs_test.judge", failed.Rule)
			require.ErrorContains(t, failed, b.says)
		})
	}
}

// unseal opens a table again: the last pair of its view ends in whether it is sealed.
func unseal(t *logs.Table) {
	all := pairs(t.View(), "")
	meta := all[len(all)-1].Value
	meta[len(meta)-1] = 0xf4
	if err := t.Load(each(all)); err != nil {
		panic(err)
	}
}

// firstFailure runs up to n seeds, one after the other, so that it is always the same.
func firstFailure(cfg *sim.Config, n uint64) *sim.Failure {
	for seed := range n {
		w := sim.NewWorld(cfg, seed)
		failed := w.Run()
		w.Close()
		if failed != nil {
			return failed
		}
	}
	return nil
}
