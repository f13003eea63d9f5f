package lock_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/app"
	"dss.example/common/machine"

	"dss.example/p4-consensus/lock"
)

// model is the service told as plainly as can be: lists that are searched.
type model struct {
	now      machine.Time
	token    uint64
	sessions []*alive
	queues   map[string][]place // the first holds the lock
}

type alive struct {
	id            lock.Session
	ttl, deadline machine.Time
	seq           uint64
	status        lock.Status // of seq
}

type place struct {
	id    lock.Session
	token uint64
	since machine.Time
}

func (m *model) find(id lock.Session) *alive {
	for _, s := range m.sessions {
		if s.id == id {
			return s
		}
	}
	return nil
}

// pass lets time pass; sessions end in order of their deadlines, then of their numbers.
func (m *model) pass(now machine.Time) {
	m.now = now
	over := slices.Clone(m.sessions)
	slices.SortFunc(over, func(a, b *alive) int {
		if a.deadline != b.deadline {
			return int(a.deadline - b.deadline)
		}
		return int(a.id) - int(b.id)
	})
	for _, s := range over {
		if s.deadline <= now {
			m.end(s.id)
		}
	}
}

func (m *model) end(id lock.Session) {
	m.sessions = slices.DeleteFunc(m.sessions, func(s *alive) bool { return s.id == id })
	for _, name := range names {
		m.leave(id, name)
	}
}

func (m *model) leave(id lock.Session, name string) bool {
	q := m.queues[name]
	i := slices.IndexFunc(q, func(p place) bool { return p.id == id })
	if i < 0 {
		return false
	}
	m.queues[name] = slices.Delete(q, i, i+1)
	if i == 0 {
		m.grant(name)
	}
	return true
}

// grant gives a lock to the first in its queue.
func (m *model) grant(name string) {
	if q := m.queues[name]; len(q) > 0 {
		m.token++
		q[0].token, q[0].since = m.token, m.now
	}
}

func (m *model) do(cmd machine.Data) lock.Status {
	switch c := cmd.(type) {
	case lock.Open:
		if m.find(c.Session) == nil {
			m.sessions = append(m.sessions, &alive{id: c.Session, ttl: c.TTL})
		}
		return m.renew(c.Session)
	case lock.Renew:
		return m.renew(c.Session)
	case lock.Close:
		if m.find(c.Session) == nil {
			return lock.NoSession
		}
		m.end(c.Session)
		return lock.OK
	case lock.Acquire:
		return m.once(c.Session, c.Seq, func() lock.Status { return m.acquire(c) })
	case lock.Release:
		return m.once(c.Session, c.Seq, func() lock.Status {
			if m.leave(c.Session, c.Name) {
				return lock.OK
			}
			return lock.NotHeld
		})
	}
	return lock.OK
}

func (m *model) renew(id lock.Session) lock.Status {
	s := m.find(id)
	if s == nil {
		return lock.NoSession
	}
	s.deadline = m.now + s.ttl
	return lock.OK
}

func (m *model) once(id lock.Session, seq uint64, do func() lock.Status) lock.Status {
	s := m.find(id)
	switch {
	case s == nil:
		return lock.NoSession
	case seq < s.seq:
		return lock.Stale
	case seq > s.seq:
		s.seq, s.status = seq, do()
	}
	return s.status
}

func (m *model) acquire(c lock.Acquire) lock.Status {
	q := m.queues[c.Name]
	i := slices.IndexFunc(q, func(p place) bool { return p.id == c.Session })
	switch {
	case i == 0:
		return lock.OK
	case i > 0:
		return lock.Waiting
	case len(q) > 0 && !c.Wait:
		return lock.Held
	}
	m.queues[c.Name] = append(q, place{id: c.Session})
	if len(q) > 0 {
		return lock.Waiting
	}
	m.grant(c.Name)
	return lock.OK
}

// lock is what a Query of a session is to tell.
func (m *model) lock(id lock.Session, name string) (l lock.Lock) {
	q := m.queues[name]
	if len(q) == 0 {
		return l
	}
	l = lock.Lock{
		Holder: q[0].id, Token: q[0].token, Since: q[0].since,
		Until: m.find(q[0].id).deadline, Waiters: uint64(len(q) - 1),
	}
	if i := slices.IndexFunc(q, func(p place) bool { return p.id == id }); i > 0 {
		l.Place = uint64(i)
	}
	return l
}

var names = []string{"a", "b", "\xff\xff"}

// random is a command of one of a few sessions. Sequence numbers grow with k, and some come
// again.
func random(rng *rand.Rand, k int) machine.Data {
	id := lock.Session(1 + rng.IntN(6))
	seq := uint64(max(1, k-rng.IntN(4)))
	name := names[rng.IntN(len(names))]
	switch p := rng.IntN(20); {
	case p < 3:
		return lock.Open{Session: id, TTL: machine.Time(id) * 200 * ms}
	case p < 6:
		return lock.Renew{Session: id}
	case p < 7:
		return lock.Close{Session: id}
	case p < 14:
		return lock.Acquire{Session: id, Seq: seq, Name: name, Wait: rng.IntN(4) > 0}
	case p < 18:
		return lock.Release{Session: id, Seq: seq, Name: name}
	}
	return lock.Query{Session: id, Name: name}
}

func TestRandomCommandsDoWhatAListWouldDo(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s, m := start(t), &model{queues: map[string][]place{}}
		for k := range 200 {
			s.now += machine.Time(rng.IntN(40)) * ms
			m.pass(s.now)
			cmd := random(rng, k)
			if want, got := m.do(cmd), s.do(cmd).Status; want != got {
				t.Fatalf("seed %d, command %d: %#v is %v, want %v", seed, k, cmd, got, want)
			}
			if diff := compare(m, s); diff != "" {
				t.Fatalf("seed %d, command %d: after %#v:\n%s", seed, k, cmd, diff)
			}
			if rng.IntN(20) == 0 {
				s.table = reload(t, s.table)
			}
		}
	}
}

// compare asks both about every lock for every session.
func compare(m *model, s *service) string {
	for _, name := range names {
		for id := range lock.Session(7) {
			a := s.table.Read(s.now, lock.Query{Session: id, Name: name}).(*lock.Answer)
			if want := m.lock(id, name); want != a.Lock {
				return cmp.Diff(want, a.Lock)
			}
		}
	}
	return ""
}

// reload returns the table that a snapshot makes.
func reload(t *testing.T, table *lock.Table) *lock.Table {
	t.Helper()
	fresh := &lock.Table{}
	require.NoError(t, fresh.Load(table.View().Pairs("")))
	require.Equal(t, app.Hash(table.View()), app.Hash(fresh.View()))
	return fresh
}
