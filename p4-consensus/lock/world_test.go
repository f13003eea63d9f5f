package lock_test

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p4-consensus/lock"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

// world is three replicas and as many clients as ask of each two sessions at a time.
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

// life is how many commands a session is given.
const life = 16

// next makes a client's commands: one session after the other, each numbered by itself.
func next(client int) func(int, *rand.Rand) machine.Data {
	return func(k int, rng *rand.Rand) machine.Data {
		id := lock.Session(client+1)<<32 | lock.Session(k/life+1)
		seq := uint64(k%life + 1)
		name := string(rune('a' + rng.IntN(2)))
		p := rng.IntN(20)
		switch {
		case seq == 1:
			return lock.Open{Session: id, TTL: second}
		case p < 9:
			return lock.Acquire{Session: id, Seq: seq, Name: name, Wait: rng.IntN(4) > 0}
		case p < 12:
			return lock.Release{Session: id, Seq: seq, Name: name}
		case p < 16:
			return lock.Renew{Session: id}
		case seq == life:
			return lock.Close{Session: id}
		}
		return lock.Query{Session: id, Name: name, Wait: machine.Time(rng.IntN(500)) * ms}
	}
}

// tally counts over all runs, so that nobody praises a judge who saw nothing.
type tally struct{ grants, queued, leases atomic.Int64 }

// judge looks at what clients were told: that no lock was held by two at a time of the log,
// and that tokens grow.
type judge struct {
	tally  *tally
	grants map[uint64]*grant // by token
}

// grant is one of which somebody was told.
type grant struct {
	name   string
	holder lock.Session
	since  machine.Time
	end    machine.Time // it was held at least until then
}

// Step implements sim.Judge.
func (*judge) Step(*sim.Step) error { return nil }

// End implements sim.Judge.
func (j *judge) End(w *sim.World) error {
	j.grants = map[uint64]*grant{}
	byClient := map[int][]*sim.Exchange{}
	for _, x := range w.History() {
		byClient[x.Client] = append(byClient[x.Client], x)
	}
	for _, client := range slices.Sorted(maps.Keys(byClient)) {
		for k, x := range byClient[client] {
			a, ok := x.Answer.(*lock.Answer)
			if !ok || a.At == 0 {
				continue
			}
			if err := j.told(x.Cmd, a, byClient[client][k:]); err != nil {
				return err
			}
		}
	}
	return j.overlaps()
}

// told takes note of what an answer says of a lock. Since the command that it answers, the
// client has asked what follows.
func (j *judge) told(cmd machine.Data, a *lock.Answer, follows []*sim.Exchange) error {
	name, who := subject(cmd)
	l := a.Lock
	if l.Place > 0 {
		j.tally.queued.Add(1)
	}
	if name == "" || l.Holder == 0 {
		return nil
	}
	g := j.grants[l.Token]
	if g == nil {
		g = &grant{name: name, holder: l.Holder, since: l.Since, end: l.Since}
		j.grants[l.Token] = g
	}
	if g.name != name || g.holder != l.Holder || g.since != l.Since {
		return fmt.Errorf("token %d is that of %q for %x since %d, and of %q for %x since %d",
			l.Token, g.name, g.holder, g.since, name, l.Holder, l.Since)
	}
	g.end = max(g.end, min(a.At, l.Until))
	if _, acquired := cmd.(lock.Acquire); acquired && a.Status == lock.OK && l.Holder == who {
		g.end = max(g.end, j.lease(name, who, l.Until, follows))
	}
	return nil
}

// lease returns until when a session may count on a lock that it was told to hold: for as
// long as it has renewed, if it has not begun to give it up.
func (j *judge) lease(name string, who lock.Session, until machine.Time, follows []*sim.Exchange) machine.Time {
	for _, x := range follows {
		switch c := x.Cmd.(type) {
		case lock.Release:
			if c.Session == who && c.Name == name {
				return 0
			}
		case lock.Close:
			if c.Session == who {
				return 0
			}
		case lock.Renew:
			if a, ok := x.Answer.(*lock.Answer); ok && a.Status == lock.OK && c.Session == who {
				until = max(until, a.Until)
			}
		}
	}
	j.tally.leases.Add(1)
	return until
}

// subject is the lock that a command is about, and who asks.
func subject(cmd machine.Data) (string, lock.Session) {
	switch c := cmd.(type) {
	case lock.Acquire:
		return c.Name, c.Session
	case lock.Release:
		return c.Name, c.Session
	case lock.Query:
		return c.Name, c.Session
	}
	return "", 0
}

// overlaps compares the grants in the order of their tokens: they began in that order, and
// each ended before the next of its lock began.
func (j *judge) overlaps() error {
	since := machine.Time(0)
	before := map[string]uint64{} // by lock: the token of the grant before
	for _, token := range slices.Sorted(maps.Keys(j.grants)) {
		g := j.grants[token]
		if g.since < since {
			return fmt.Errorf("token %d was granted at %d, a lesser one at %d", token, g.since, since)
		}
		since = g.since
		if b := j.grants[before[g.name]]; b != nil && b.end > g.since {
			return fmt.Errorf("lock %q was held by %x (token %d) until %d or later, and by %x (token %d) since %d",
				g.name, b.holder, before[g.name], b.end, g.holder, token, g.since)
		}
		before[g.name] = token
		j.tally.grants.Add(1)
	}
	return nil
}

func TestNoTwoHoldALockInAThousandSchedulesUnderAllFaults(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 100
	}
	var seen tally
	sum := sim.Many(t.Context(), world(lock.Language("lock"), &seen), 1, n, nil)
	require.Nil(t, sum.Failed, "seed %d", sum.Seed)
	require.False(t, sum.Stopped)
	t.Logf("%d grants, %d leases, %d answers in a queue, %d in all", seen.grants.Load(), seen.leases.Load(), seen.queued.Load(), sum.Answers)
	require.Greater(t, seen.grants.Load(), int64(n))
	require.Greater(t, seen.leases.Load(), int64(n))
	require.Greater(t, seen.queued.Load(), int64(n))
}

func TestEveryCommandIsAnsweredOnceTheFaultsEnd(t *testing.T) {
	n := 300
	if testing.Short() {
		n = 30
	}
	cfg := world(lock.Language("lock"), &tally{})
	cfg.Liveness = 20 * second
	sum := sim.Many(t.Context(), cfg, 1, n, nil)
	require.Nil(t, sum.Failed, "seed %d", sum.Seed)
}

func TestAQueryThatWaitsIsAnsweredWhenTheLockIsGranted(t *testing.T) {
	cfg := world(lock.Language("lock"), &tally{})
	cfg.Faults, cfg.Clients, cfg.Scheduler = sim.Faults{}, nil, sim.Timed
	d := sim.NewDriver(cfg, 1)
	defer d.Close()
	ask := func(node machine.Node, cmd machine.Data) *lock.Answer {
		a, ok := d.Ask(machine.Addr{Node: node, Role: "lock"}, cmd).(*lock.Answer)
		if !ok {
			a = &lock.Answer{}
		}
		return a
	}
	d.Sleep(2 * second) // a leader is found
	for node := range machine.Node(2) {
		require.Equal(t, lock.OK, ask(node+1, lock.Open{Session: lock.Session(node + 1), TTL: 100 * second}).Status)
	}
	require.Equal(t, lock.OK, ask(1, lock.Acquire{Session: 1, Seq: 1, Name: "x"}).Status)
	require.Equal(t, lock.Waiting, ask(2, lock.Acquire{Session: 2, Seq: 1, Name: "x", Wait: true}).Status)
	began := d.Now()
	var told *lock.Answer
	d.Parallel(2, func(i int) {
		if i == 0 {
			told = ask(2, lock.Query{Session: 2, Name: "x", Wait: 50 * second})
			return
		}
		d.Sleep(second)
		ask(3, lock.Release{Session: 1, Seq: 2, Name: "x"})
	})
	require.EqualValues(t, 2, told.Lock.Holder)
	require.EqualValues(t, 2, told.Lock.Token)
	require.Greater(t, d.Now()-began, second)
	require.Less(t, d.Now()-began, 2*second)
}

// broken is a table with something wrong about it.
type broken struct {
	*lock.Table
	apply func(t *lock.Table, pos uint64, now machine.Time, cmd machine.Data) machine.Data
	load  func(t *lock.Table, pairs iter.Seq2[string, []byte]) error
	told  func(a *lock.Answer) // changes what is answered
	says  string               // what the judge must say
}

// Apply implements app.App.
func (b *broken) Apply(pos uint64, now machine.Time, cmd machine.Data) machine.Data {
	if b.apply != nil {
		return b.apply(b.Table, pos, now, cmd)
	}
	return b.tell(b.Table.Apply(pos, now, cmd))
}

// Read implements paxos.Service.
func (b *broken) Read(now machine.Time, cmd machine.Data) machine.Data {
	return b.tell(b.Table.Read(now, cmd))
}

func (b *broken) tell(answer machine.Data) machine.Data {
	if b.told != nil {
		b.told(answer.(*lock.Answer))
	}
	return answer
}

// Load implements app.App.
func (b *broken) Load(pairs iter.Seq2[string, []byte]) error {
	if b.load != nil {
		return b.load(b.Table, pairs)
	}
	return b.Table.Load(pairs)
}

func TestTheJudgeCatchesABrokenService(t *testing.T) {
	for name, b := range map[string]broken{
		"renewals are answered and forgotten": {says: "was held by", apply: func(t *lock.Table, pos uint64, now machine.Time, cmd machine.Data) machine.Data {
			if _, ok := cmd.(lock.Renew); !ok {
				return t.Apply(pos, now, cmd)
			}
			before := t.View()
			answer := t.Apply(pos, now, cmd)
			if err := t.Load(before.Pairs("")); err != nil {
				panic(err)
			}
			return answer
		}},
		"whoever releases a lock ends its holder": {says: "was held by", apply: func(t *lock.Table, pos uint64, now machine.Time, cmd machine.Data) machine.Data {
			if c, ok := cmd.(lock.Release); ok {
				q := lock.Query{Session: c.Session, Name: c.Name}
				if holder := t.Read(now, q).(*lock.Answer).Lock.Holder; holder != 0 {
					t.Apply(pos, now, lock.Close{Session: holder})
				}
			}
			return t.Apply(pos, now, cmd)
		}},
		"tokens fall": {says: "a lesser one at", told: func(a *lock.Answer) {
			if a.Lock.Holder != 0 {
				a.Lock.Token = 1<<40 - a.Lock.Token
			}
		}},
		"a snapshot does not hold who has which lock": {says: "token ", load: func(t *lock.Table, pairs iter.Seq2[string, []byte]) error {
			return t.Load(func(yield func(string, []byte) bool) {
				for k, v := range pairs {
					if k[0] != 'l' && !yield(k, v) {
						return
					}
				}
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l := lock.Language("lock")
			l.New = func() paxos.Service {
				fresh := b
				fresh.Table = &lock.Table{}
				return &fresh
			}
			failed := firstFailure(world(l, &tally{}), 1000)
			require.NotNil(t, failed)
			require.Equal(t, "*lock_test.judge", failed.Rule)
			require.ErrorContains(t, failed, b.says)
		})
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
