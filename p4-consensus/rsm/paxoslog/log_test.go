package paxoslog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/daemon"
	"dss.example/common/loglet"
	"dss.example/common/machine"
	"dss.example/common/run"

	"dss.example/p4-consensus/logs"
	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/rsm/paxoslog"
)

// log is the log as one replica has it.
func (c *cluster) log(i int) *paxoslog.Log { return paxoslog.New(c.node(i)) }

func appendOne(ctx context.Context, l *paxoslog.Log, body string) error {
	_, err := l.Append(ctx, [][]byte{[]byte(body)})
	return err
}

// read returns the whole log through a replica.
func (c *cluster) read(i int) (all []string) {
	l := c.log(i)
	b, err := l.Tail(c.t.Context())
	require.NoError(c.t, err)
	for next := b.Head; next < b.Tail; {
		p, err := l.Read(c.t.Context(), next, b.Tail)
		require.NoError(c.t, err)
		for _, e := range p.Entries {
			all = append(all, string(e.Body))
		}
		next = p.Next
	}
	return all
}

func TestEveryAppendThatIsAnsweredStandsOnceThoughLeadersAreKilled(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		const writers, each = 6, 40
		var mu sync.Mutex // guards the maps
		done, doubted := map[string]bool{}, map[string]bool{}
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for k := range each {
					body := fmt.Sprintf("writer %d, append %d", w, k)
					err := run.ErrStopped
					if n := c.node(w % replicas); n != nil {
						err = appendOne(t.Context(), paxoslog.New(n), body)
					}
					mu.Lock()
					done[body], doubted[body] = err == nil, errors.Is(err, loglet.ErrMaybe)
					mu.Unlock()
					<-time.After(5 * time.Millisecond)
				}
			})
		}
		for range 5 {
			leader := c.leader()
			c.crash(leader)
			<-time.After(20 * time.Millisecond)
			c.start(leader)
		}
		all.Wait()
		stands := map[string]int{}
		for _, body := range c.read(c.leader()) {
			stands[body]++
			require.True(t, done[body] || doubted[body], "%q was refused, and stands", body)
			require.Equal(t, 1, stands[body], "%q", body)
		}
		count := 0
		for body, ok := range done {
			if ok {
				count++
				require.Equal(t, 1, stands[body], "%q was answered", body)
			}
		}
		require.Greater(t, count, writers*each/2)
	})
}

func TestAppendsOfManyCallersShareSlots(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		l := c.log(c.leader())
		commits := func() uint64 {
			<-time.After(time.Second) // a replica looks at each heartbeat
			return c.node(c.leader()).Report().Commit
		}
		require.NoError(t, appendOne(t.Context(), l, "first"))
		before := commits()
		var all sync.WaitGroup
		for i := range 64 {
			all.Go(func() {
				for k := range 10 {
					if err := appendOne(t.Context(), l, fmt.Sprint(i, k)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		require.Less(t, commits()-before, uint64(640/4))
	})
}

func TestAReplicaThatWasAwayIsBroughtTheLogByASnapshot(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		c.crash((c.leader() + 1) % replicas)
		l := c.log(c.leader())
		var want []string
		for k := range 40 {
			want = append(want, fmt.Sprintf("%d %s", k, make([]byte, 8<<10)))
			require.NoError(t, appendOne(t.Context(), l, want[k]))
		}
		require.NoError(t, l.Trim(t.Context(), 11))
		for i := range replicas {
			c.crash(i) // with it goes what has waited for the one that was away
		}
		c.restart()
		for i := range replicas {
			require.Empty(t, cmp.Diff(want[10:], c.read(i)))
		}
		installs := 0
		for i := range replicas {
			for _, counter := range c.node(i).Counters() {
				if counter.Name == "kvd_paxos_installs_total" {
					installs += int(counter.Value())
				}
			}
		}
		require.Positive(t, installs, daemon.FormatCounters(c.node(0).Counters()))
	})
}

// What one disk has lost is no damaged entry: a quorum has it.
func TestRecordsThatOneDiskHasLostDamageNoEntry(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		var want []string
		for k := range 9 {
			want = append(want, fmt.Sprint("entry ", k))
			require.NoError(t, appendOne(t.Context(), c.log(k%replicas), want[k]))
		}
		i := c.leader()
		c.crash(i)
		damaged := 0
		for seq := uint64(2); seq < c.disks[i].Next(); seq += 2 {
			if c.disks[i].Damage(seq) {
				damaged++
			}
		}
		require.Greater(t, damaged, 4)
		c.start(i)
		require.Empty(t, cmp.Diff(want, c.read(i)))
		_, err := c.node(i).Await(t.Context(), func(proto.Report) bool { return c.node(i).Ready() == nil })
		require.NoError(t, err, "the group takes it up under another name")
		require.NoError(t, appendOne(t.Context(), c.log(i), "the next"))
		require.Empty(t, cmp.Diff(append(want, "the next"), c.read((i+1)%replicas)))
	})
}

// asker is a replica that answers as told, and keeps what it was asked.
type asker struct {
	answer machine.Data
	err    error
	asked  machine.Data
}

func (a *asker) Ask(_ context.Context, cmd machine.Data) (machine.Data, error) {
	a.asked = cmd
	return a.answer, a.err
}

func TestWhatTheReplicaSaysBecomesTheErrorOfALog(t *testing.T) {
	for _, c := range []struct {
		name      string
		asker     asker
		appending error // what Append returns
		others    error // what Tail returns
		text      string
	}{
		{"nobody knows", asker{err: fmt.Errorf("%w: it stopped", run.ErrUnknown)}, loglet.ErrMaybe, loglet.ErrUnavailable, "it stopped"},
		{"too many callers", asker{err: run.ErrOverloaded}, loglet.ErrUnavailable, loglet.ErrUnavailable, "too many"},
		{"it has stopped", asker{err: run.ErrStopped}, loglet.ErrUnavailable, loglet.ErrUnavailable, "stopped"},
		{"another's answer", asker{answer: machine.Raw("x")}, loglet.ErrMaybe, loglet.ErrUnavailable, "machine.Raw, want a log's"},
		{"no quorum in time", said(logs.Unknown), loglet.ErrMaybe, loglet.ErrUnavailable, "why; try the replica at n2"},
		{"no leader", said(logs.Unavailable), loglet.ErrUnavailable, loglet.ErrUnavailable, "why; try the replica at n2"},
		{"a queue is full", said(logs.Overloaded), loglet.ErrUnavailable, loglet.ErrUnavailable, "why"},
		{"the log is full", said(logs.Full), loglet.ErrUnavailable, loglet.ErrUnavailable, "why"},
		{"the log is sealed", said(logs.Sealed), loglet.ErrSealed, loglet.ErrSealed, "why"},
		{"it is trimmed", said(logs.Trimmed), loglet.ErrTrimmed, loglet.ErrTrimmed, "why"},
		{"it is not written", said(logs.Unwritten), loglet.ErrUnwritten, loglet.ErrUnwritten, "why"},
		{"it is invalid", said(logs.Invalid), loglet.ErrInvalid, loglet.ErrInvalid, "why"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := paxoslog.New(&c.asker)
			err := appendOne(t.Context(), l, "x")
			require.ErrorIs(t, err, c.appending)
			require.ErrorContains(t, err, c.text)
			require.Equal(t, errors.Is(c.appending, loglet.ErrMaybe), !loglet.Definite(err) && errors.Is(err, loglet.ErrMaybe))
			_, err = l.Tail(t.Context())
			require.ErrorIs(t, err, c.others)
			require.ErrorContains(t, err, c.text)
			_, err = l.Read(t.Context(), 1, 2)
			require.ErrorIs(t, err, c.others)
			_, err = l.Back(t.Context(), 1, 1, 1)
			require.ErrorIs(t, err, c.others)
			require.ErrorIs(t, l.Trim(t.Context(), 1), c.others)
			require.ErrorIs(t, l.Seal(t.Context()), c.others)
		})
	}
}

func said(s logs.Status) asker {
	return asker{answer: &logs.Answer{Status: s, Text: "why", Try: "n2"}}
}

func TestAnAppendThatWasGivenUpKeepsNothingOfItsCallersMemory(t *testing.T) {
	a := &asker{err: run.ErrUnknown}
	bodies, streams := [][]byte{[]byte("one"), []byte("two")}, []loglet.Stream{7}
	_, err := paxoslog.New(a).AppendTo(t.Context(), streams, bodies)
	require.ErrorIs(t, err, loglet.ErrMaybe)
	bodies[0][0], bodies[1], streams[0] = 'X', nil, 8
	require.Empty(t, cmp.Diff(machine.Data(logs.Append{
		Streams: []loglet.Stream{7}, Bodies: [][]byte{[]byte("one"), []byte("two")},
	}), a.asked))
}

func TestWhatIsRefusedBeforehandIsNeverAsked(t *testing.T) {
	a := &asker{}
	l := paxoslog.New(a)
	_, err := l.AppendTo(t.Context(), []loglet.Stream{1, 1}, [][]byte{nil})
	require.ErrorIs(t, err, loglet.ErrInvalid)
	_, err = l.Read(t.Context(), 2, 2)
	require.ErrorIs(t, err, loglet.ErrInvalid)
	_, err = l.Back(t.Context(), 0, 1, 1)
	require.ErrorIs(t, err, loglet.ErrInvalid)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, appendOne(ended, l, "late"), loglet.ErrUnavailable)
	require.ErrorIs(t, l.Seal(ended), loglet.ErrUnavailable)
	require.Nil(t, a.asked)
}

func TestACallEndsWithItsContext(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cluster) {
		leader := c.leader()
		for i := range replicas {
			if i != leader {
				c.crash(i)
			}
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		began := time.Now()
		err := appendOne(ctx, c.log(leader), "held up")
		require.ErrorIs(t, err, loglet.ErrMaybe)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 10*time.Millisecond, time.Since(began))
	})
}
