package lock_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/machine"

	"dss.example/p4-consensus/lock"
)

const (
	ms     = machine.Millisecond
	second = machine.Second
)

// service is a table, and the log that drives it.
type service struct {
	t     *testing.T
	table *lock.Table
	pos   uint64
	now   machine.Time
}

func start(t *testing.T) *service { return &service{t: t, table: &lock.Table{}} }

func (s *service) do(cmd machine.Data) *lock.Answer {
	s.pos++
	return s.table.Apply(s.pos, s.now, cmd).(*lock.Answer)
}

func (s *service) wants(status lock.Status, cmd machine.Data) *lock.Answer {
	s.t.Helper()
	a := s.do(cmd)
	require.Equal(s.t, status.String(), a.Status.String(), "%T", cmd)
	return a
}

// open opens sessions that live for two seconds.
func (s *service) open(sessions ...lock.Session) {
	s.t.Helper()
	for _, id := range sessions {
		s.wants(lock.OK, lock.Open{Session: id, TTL: 2 * second})
	}
}

func (s *service) lock(name string) lock.Lock {
	return s.table.Read(s.now, lock.Query{Name: name}).(*lock.Answer).Lock
}

func TestALockIsHeldByOneSession(t *testing.T) {
	s := start(t)
	s.open(1, 2)
	a := s.wants(lock.OK, lock.Acquire{Session: 1, Seq: 1, Name: "x"})
	require.Empty(t, cmp.Diff(lock.Lock{Holder: 1, Token: 1, Until: 2 * second}, a.Lock))
	s.wants(lock.Held, lock.Acquire{Session: 2, Seq: 1, Name: "x"})
	s.wants(lock.OK, lock.Acquire{Session: 2, Seq: 2, Name: "another"})
	s.wants(lock.NotHeld, lock.Release{Session: 2, Seq: 3, Name: "x"})
	require.EqualValues(t, 1, s.lock("x").Holder)
	s.wants(lock.OK, lock.Release{Session: 1, Seq: 2, Name: "x"})
	require.Zero(t, s.lock("x"))
	s.wants(lock.OK, lock.Acquire{Session: 2, Seq: 4, Name: "x"})
}

func TestALockGoesToThoseWhoWaitInTheirTurn(t *testing.T) {
	s := start(t)
	s.open(1, 2, 3, 4)
	s.wants(lock.OK, lock.Acquire{Session: 1, Seq: 1, Name: "x", Wait: true})
	for i, id := range []lock.Session{3, 2, 4} {
		a := s.wants(lock.Waiting, lock.Acquire{Session: id, Seq: 1, Name: "x", Wait: true})
		require.EqualValues(t, i+1, a.Lock.Place)
	}
	s.wants(lock.Waiting, lock.Acquire{Session: 2, Seq: 2, Name: "x"}) // it keeps its place
	s.wants(lock.OK, lock.Release{Session: 2, Seq: 3, Name: "x"})      // and leaves it
	s.now += second
	s.wants(lock.OK, lock.Release{Session: 1, Seq: 2, Name: "x"})
	require.Empty(t, cmp.Diff(lock.Lock{Holder: 3, Token: 2, Since: second, Until: 2 * second, Waiters: 1}, s.lock("x")))
	s.wants(lock.OK, lock.Close{Session: 3})
	require.EqualValues(t, 4, s.lock("x").Holder)
	s.wants(lock.NoSession, lock.Acquire{Session: 3, Seq: 9, Name: "x"})
}

func TestALeaseEndsByTheTimeOfTheLogUnlessItIsRenewed(t *testing.T) {
	s := start(t)
	s.open(1, 2)
	s.wants(lock.OK, lock.Acquire{Session: 1, Seq: 1, Name: "x"})
	s.now = second
	require.Equal(t, 3*second, s.wants(lock.OK, lock.Renew{Session: 2}).Until)
	s.wants(lock.Waiting, lock.Acquire{Session: 2, Seq: 1, Name: "x", Wait: true})
	at, cmd, ok := s.table.Due()
	require.True(t, ok)
	require.Equal(t, 2*second, at)

	s.now = 2*second - 1
	require.EqualValues(t, 1, s.lock("x").Holder)
	s.now = 2 * second
	expire, err := lock.DecodeCommand(cmd)
	require.NoError(t, err)
	s.wants(lock.OK, expire)
	require.Empty(t, cmp.Diff(lock.Lock{Holder: 2, Token: 2, Since: 2 * second, Until: 3 * second}, s.lock("x")))
	s.wants(lock.NoSession, lock.Renew{Session: 1})

	s.now = 3 * second // no command need come for it
	s.wants(lock.NoSession, lock.Release{Session: 2, Seq: 2, Name: "x"})
	require.Zero(t, s.lock("x"))
	_, _, ok = s.table.Due()
	require.False(t, ok)
}

func TestAWaiterWhoseLeaseEndsWithTheHoldersIsPassedOver(t *testing.T) {
	s := start(t)
	s.open(1, 2)
	s.now = second
	s.open(3)
	s.wants(lock.OK, lock.Acquire{Session: 1, Seq: 1, Name: "x"})
	s.wants(lock.Waiting, lock.Acquire{Session: 2, Seq: 1, Name: "x", Wait: true})
	s.wants(lock.Waiting, lock.Acquire{Session: 3, Seq: 1, Name: "x", Wait: true})
	s.now = 2 * second
	s.wants(lock.OK, lock.Renew{Session: 3})
	require.EqualValues(t, 3, s.lock("x").Holder)
}

func TestTokensGrowOverAllLocks(t *testing.T) {
	s := start(t)
	s.open(1, 2)
	last := uint64(0)
	for i := range uint64(10) {
		name := fmt.Sprint("lock ", i%3)
		a := s.wants(lock.OK, lock.Acquire{Session: lock.Session(1 + i%2), Seq: 2*i + 1, Name: name})
		require.Greater(t, a.Lock.Token, last)
		last = a.Lock.Token
		again := s.wants(lock.OK, lock.Acquire{Session: lock.Session(1 + i%2), Seq: 2*i + 2, Name: name})
		require.Equal(t, last, again.Lock.Token, "who holds a lock is granted nothing new")
		s.wants(lock.OK, lock.Release{Session: lock.Session(1 + i%2), Seq: 2*i + 3, Name: name})
	}
}

func TestACommandThatComesAgainIsDoneOnce(t *testing.T) {
	s := start(t)
	s.open(1, 2)
	acquire := lock.Acquire{Session: 1, Seq: 1, Name: "x"}
	release := lock.Release{Session: 1, Seq: 2, Name: "x"}
	first := s.wants(lock.OK, acquire)
	s.now += ms
	require.Empty(t, cmp.Diff(first, s.wants(lock.OK, acquire)), "the answer is that of the first")
	s.wants(lock.OK, release)
	s.wants(lock.Stale, acquire)
	s.wants(lock.OK, release)
	require.Zero(t, s.lock("x"))

	s.wants(lock.OK, lock.Acquire{Session: 1, Seq: 3, Name: "x"})
	s.wants(lock.Stale, release)
	require.EqualValues(t, 1, s.lock("x").Holder, "a release that comes late ends no later hold")
}

func TestASessionIsOpenedOnce(t *testing.T) {
	s := start(t)
	s.open(1)
	s.wants(lock.OK, lock.Acquire{Session: 1, Seq: 1, Name: "x"})
	s.now = second
	require.Equal(t, 3*second, s.wants(lock.OK, lock.Open{Session: 1, TTL: 2 * second}).Until)
	require.EqualValues(t, 1, s.lock("x").Holder)
	require.Contains(t, s.wants(lock.Invalid, lock.Open{Session: 1, TTL: second}).Text, "2000000000 ns")
}

func TestWhatIsFullChangesNothing(t *testing.T) {
	s := start(t)
	s.open(1)
	for i := range uint64(lock.MaxLocks) {
		s.wants(lock.OK, lock.Acquire{Session: 1, Seq: i + 1, Name: fmt.Sprint(i)})
	}
	s.wants(lock.Full, lock.Acquire{Session: 1, Seq: 1000, Name: "x"})
	require.Zero(t, s.lock("x"))
	s.wants(lock.OK, lock.Release{Session: 1, Seq: 1001, Name: "0"})
	s.wants(lock.OK, lock.Acquire{Session: 1, Seq: 1002, Name: "x"})

	for i := range lock.Session(lock.MaxWaiters) {
		s.open(2 + i)
		s.wants(lock.Waiting, lock.Acquire{Session: 2 + i, Seq: 1, Name: "x", Wait: true})
	}
	s.open(1000)
	a := s.wants(lock.Full, lock.Acquire{Session: 1000, Seq: 1, Name: "x", Wait: true})
	require.EqualValues(t, lock.MaxWaiters, a.Lock.Waiters)
	require.Zero(t, a.Lock.Place)

	for i := range lock.Session(lock.MaxSessions - lock.MaxWaiters - 2) {
		s.open(2000 + i)
	}
	s.wants(lock.Full, lock.Open{Session: 1001, TTL: second})
	s.wants(lock.NoSession, lock.Renew{Session: 1001})
}

// stranger is a command of another service.
type stranger struct{}

func (stranger) AppendTo(b []byte) []byte { return b }

func TestWhatIsNoCommandIsInvalid(t *testing.T) {
	s := start(t)
	require.Contains(t, s.wants(lock.Invalid, stranger{}).Text, "stranger is no command")
	a := s.table.Read(0, lock.Renew{Session: 1}).(*lock.Answer)
	require.Equal(t, lock.Invalid, a.Status)
	require.Contains(t, a.Text, "Renew changes the state")
}

func TestAQueryTellsTheTimeOfTheLog(t *testing.T) {
	s := start(t)
	s.open(1)
	s.wants(lock.OK, lock.Acquire{Session: 1, Seq: 1, Name: "x"})
	a := s.table.Read(5*second, lock.Query{Session: 1, Name: "x"}).(*lock.Answer)
	require.Equal(t, 5*second, a.At)
	require.Equal(t, 2*second, a.Lock.Until, "the lease is over, though no command has ended it yet")
	require.Zero(t, s.do(lock.Query{Session: 1, Name: "x"}).At)
}
