package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/run/recording"
	"dss.example/common/wire"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/server"
	"dss.example/p2-persist/checkpoint"
	"dss.example/p2-persist/datadir"
	"dss.example/p2-persist/pack"
)

func (c *computer) ask(req kv.Request) *kv.Response { return c.Do(c.t.Context(), &req) }

// must does an operation, and returns the answer.
func (c *computer) must(op kv.Op) *kv.Response {
	resp := c.ask(kv.Request{Op: op})
	require.Equal(c.t, kv.OK, resp.Status, resp.Detail)
	return resp
}

// stateAt reads all keys at a revision.
func (c *computer) stateAt(rev uint64) []kv.Item {
	resp := c.ask(kv.Request{At: kv.Version{Lo: rev}, Op: kv.Scan{}})
	require.Equal(c.t, kv.OK, resp.Status, "revision %d: %s", rev, resp.Detail)
	return resp.Result.(kv.Items).List
}

func (c *computer) oldest() uint64 { return c.must(kv.Stat{}).Result.(kv.Stats).Oldest.Lo }

// remembered is what the table remembers by itself.
const remembered = 8192

// live changes the store in every way, n times, and returns the state at some of the
// revisions, the present one at the end among them.
func (c *computer) live(n int, seed uint64) map[uint64][]kv.Item {
	rnd := rand.New(rand.NewPCG(seed, 1))
	seen := map[uint64][]kv.Item{}
	for i := range n {
		key := fmt.Sprint("key ", rnd.IntN(20))
		value := fmt.Append(nil, "value ", seed, ".", i)
		switch rnd.IntN(8) {
		case 0:
			c.ask(kv.Request{Op: kv.Delete{Key: key}})
		case 1:
			c.ask(kv.Request{Op: kv.Append{Key: key, Value: value[:1]}})
		case 2:
			c.must(kv.Txn{Then: []kv.Op{kv.Put{Key: key, Value: value}, kv.Delete{Key: "key 0"}, kv.Put{Key: "key 1", Value: value}}})
		case 3:
			lease := c.must(kv.Grant{TTL: time.Second}).Result.(kv.LeaseInfo).ID
			c.must(kv.Put{Key: key, Value: value, Lease: lease})
			c.clock.Advance(machine.Time(rnd.IntN(500)) * machine.Millisecond)
		default:
			c.must(kv.Put{Key: key, Value: value})
		}
		if i%97 == 0 || i == n-1 {
			resp := c.must(kv.Scan{})
			seen[resp.Rev.Lo] = resp.Result.(kv.Items).List
		}
	}
	return seen
}

func TestEveryRevisionThatIsKeptReadsAsItWas(t *testing.T) {
	c := switchOnWith(t, settings{keep: 2, records: 3000})
	seen := map[uint64][]kv.Item{}
	for life := range uint64(3) {
		for rev, items := range c.live(6000, life) {
			seen[rev] = items
		}
		if life == 2 {
			c.settings.records = maxRecords // from now on no checkpoint is taken
		}
		c.crash()
	}
	present := c.must(kv.Get{Key: "key 1"}).Rev.Lo
	oldest := c.oldest()
	require.Greater(t, oldest, uint64(1), "some of it is gone")
	require.Less(t, oldest, present-remembered-1000, "much more is there than the table remembers")
	old := 0
	for rev, items := range seen {
		if rev < oldest {
			resp := c.ask(kv.Request{At: kv.Version{Lo: rev}, Op: kv.Scan{}})
			require.Equal(t, kv.Compacted, resp.Status)
			require.Contains(t, resp.Detail, fmt.Sprint("the oldest one kept is ", oldest))
			continue
		}
		require.Empty(t, cmp.Diff(items, c.stateAt(rev)), "revision %d", rev)
		if rev+remembered < present {
			old++
		}
	}
	require.Greater(t, old, 10)
	c.stateAt(oldest)
	resp := c.ask(kv.Request{At: kv.Version{Lo: oldest - 1}, Op: kv.Get{Key: "key 1"}})
	require.Equal(t, kv.Compacted, resp.Status)
	c.close()
}

func TestBeforeThereIsACheckpointEveryRevisionCanBeRead(t *testing.T) {
	c := switchOnWith(t, settings{keep: 1, records: maxRecords})
	for i := range remembered + 100 {
		require.Equal(t, kv.OK, c.put("k", fmt.Sprint(i)))
	}
	require.EqualValues(t, 1, c.oldest())
	require.Empty(t, c.stateAt(1))
	for _, i := range []int{0, 50, 7, 99, 98} {
		resp := c.ask(kv.Request{At: kv.Version{Lo: uint64(i) + 2}, Op: kv.Get{Key: "k"}})
		require.Equal(t, fmt.Sprint(i), string(resp.Result.(kv.Item).Value))
		require.EqualValues(t, remembered+101, resp.Rev.Lo, "the present one")
	}
	opened := c.must(kv.OpenSession{TTL: time.Minute}).Result.(kv.SessionInfo)
	require.Equal(t, kv.OK, c.put("k", "last"))
	c.crash()
	resp := c.ask(kv.Request{Session: opened.ID, Seq: 1, Op: kv.Put{Key: "k"}})
	require.Equal(t, kv.OK, resp.Status, "the past has changed nothing: %s", resp.Detail)
	resp = c.ask(kv.Request{At: kv.Version{Lo: 5}, Op: kv.Txn{Then: []kv.Op{kv.Get{Key: "k"}, kv.Scan{}}}})
	require.Equal(t, "3", string(resp.Result.(kv.TxnResult).Outcomes[0].Result.(kv.Item).Value))
	resp = c.ask(kv.Request{At: kv.Version{Lo: 5}, Op: kv.Stat{}})
	require.Equal(t, kv.Invalid, resp.Status)
	require.Equal(t, kv.FutureRev, c.ask(kv.Request{At: kv.Version{Lo: 1 << 40}, Op: kv.Scan{}}).Status)
	c.close()
}

func TestThePastIsReadWhileThePresentGoesOn(t *testing.T) {
	const puts, readers = remembered + 6000, 2
	c := switchOnWith(t, settings{keep: 2, records: 2000, collect: 1})
	var present atomic.Uint64
	require.Equal(t, kv.OK, c.put("k", "2"))
	present.Store(2)
	failed := make(chan error, 1+readers)
	run := func(fn func() error) { go func() { failed <- fn() }() }
	run(func() error { // revision N puts N
		for n := uint64(3); n <= puts; n++ {
			resp := c.ask(kv.Request{Op: kv.Put{Key: "k", Value: fmt.Append(nil, n)}})
			if resp.Status != kv.OK {
				present.Store(puts) // the readers end too
				return resp.Err()
			}
			present.Store(n)
		}
		return nil
	})
	var read, gone atomic.Int64
	for i := range uint64(readers) {
		run(func() error {
			for rnd := rand.New(rand.NewPCG(i, 1)); present.Load() < puts; {
				rev := 2 + rnd.Uint64N(present.Load()-1)
				resp := c.ask(kv.Request{At: kv.Version{Lo: rev}, Op: kv.Get{Key: "k"}})
				it, _ := resp.Result.(kv.Item)
				switch {
				case resp.Status == kv.Compacted:
					gone.Add(1)
				case resp.Status != kv.OK, string(it.Value) != fmt.Sprint(rev):
					return fmt.Errorf("revision %d is %q: %v", rev, it.Value, resp)
				default:
					read.Add(1)
				}
			}
			return nil
		})
	}
	for range 1 + readers {
		require.NoError(t, <-failed)
	}
	t.Logf("%d reads, %d of what was gone", read.Load(), gone.Load())
	require.Positive(t, read.Load())
	c.close()
}

func TestThePastIsReadOverTheWire(t *testing.T) {
	c := switchOnWith(t, settings{keep: 1, records: maxRecords})
	for i := range remembered + 100 {
		require.Equal(t, kv.OK, c.put("k", fmt.Sprint(i)))
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := server.New(c.store, false, wire.ServerOptions{})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	far, err := client.Open(t.Context(), client.Options{Addrs: []string{ln.Addr().String()}})
	require.NoError(t, err)
	old := kv.NewClient(far).At(kv.Version{Lo: 42})
	item, err := old.Get(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, "40", string(item.Value))
	items, err := old.Scan(t.Context(), kv.Scan{})
	require.NoError(t, err)
	require.Equal(t, []kv.Item{item}, items.List)
	require.NoError(t, far.Close())
	require.NoError(t, srv.Shutdown(context.Background()))
	require.NoError(t, <-served)
	c.close()
}

func TestLeasesThatEndAtOnceMakeRevisionsThatCanBeReadEach(t *testing.T) {
	c := switchOnWith(t, settings{keep: 1, records: maxRecords})
	for i := range 4 {
		lease := c.must(kv.Grant{TTL: time.Second}).Result.(kv.LeaseInfo).ID
		c.must(kv.Put{Key: fmt.Sprint(i), Lease: lease})
	}
	all := c.must(kv.Scan{}).Rev.Lo
	c.pass(2*time.Second, 2*time.Second)
	require.EqualValues(t, all+4, c.must(kv.Scan{}).Rev.Lo)
	for range remembered + 1 {
		require.Equal(t, kv.OK, c.put("another", ""))
	}
	for i := range uint64(5) {
		require.Len(t, c.stateAt(all+i), int(4-i))
	}
	c.close()
}

func TestRecoveryStepsThroughWhatIsBehindTheNewestCheckpointOnly(t *testing.T) {
	c := switchOnWith(t, settings{keep: 9, records: 1000})
	for n := 0; n < 5000 || c.heard("checkpoint") == 0; n++ {
		require.Equal(t, kv.OK, c.put("k", fmt.Sprint(n)))
	}
	c.record, c.settings.records = filepath.Join(t.TempDir(), "recording"), maxRecords
	c.crash()
	c.close()

	parts, err := datadir.OpenStore(c.disk, pack.Options{})
	require.NoError(t, err)
	keeper, err := checkpoint.Open(parts.Blobs, parts.Heads, 9)
	require.NoError(t, err)
	newest, err := keeper.Newest()
	require.NoError(t, err)
	require.NoError(t, parts.Close())
	f, err := os.Open(c.record)
	require.NoError(t, err)
	defer f.Close()
	next := newest.Seq // which shows that the log reaches as far as the checkpoint
	for step, err := range recording.Read(f) {
		require.NoError(t, err)
		in, err := machine.DecodeIn(step.In, protocol())
		require.NoError(t, err)
		if load, ok := in.Event.(machine.Load); ok {
			require.Equal(t, next, load.Seq)
			next++
		}
	}
	require.Greater(t, next, newest.Seq)
}

func TestAnOldReadThatIsCancelledEndsAndHarmsNobody(t *testing.T) {
	c := switchOnWith(t, settings{keep: 1, records: maxRecords})
	for i := range remembered + 100 {
		require.Equal(t, kv.OK, c.put("k", fmt.Sprint(i)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	c.disk.Inject(func(_ int, call disk.Call) disk.Fault {
		if call.Op == disk.Read {
			cancel()
		}
		return disk.Fault{}
	})
	resp := c.Do(ctx, &kv.Request{At: kv.Version{Lo: 70}, Op: kv.Get{Key: "k"}})
	require.Equal(t, kv.Unavailable, resp.Status)
	require.Contains(t, resp.Detail, "canceled")
	c.disk.Inject(nil)
	require.Equal(t, kv.OK, c.put("k", "still here"))
	require.Len(t, c.stateAt(70), 1)
	c.close()
}

func TestALostRecordOfThePastIsSaidAndThePresentGoesOn(t *testing.T) {
	c := switchOnWith(t, settings{keep: 1, records: maxRecords})
	for i := range remembered + 1000 {
		require.Equal(t, kv.OK, c.put("k", fmt.Sprint(i)))
	}
	require.True(t, c.disk.Flip("log/00000000000000000001.wal", 5000, 3))
	resp := c.ask(kv.Request{At: kv.Version{Lo: 900}, Op: kv.Get{Key: "k"}})
	require.Equal(t, kv.Unavailable, resp.Status)
	require.Contains(t, resp.Detail, "revision 900 cannot be read")
	require.Contains(t, resp.Detail, "does not check")
	require.Equal(t, kv.OK, c.put("k", "still here"))
	c.close()
}

func TestDamageToWhatACheckpointStandsForDoesNotStopTheServer(t *testing.T) {
	c := switchOnWith(t, settings{keep: 64, records: 1000})
	for n := uint64(2); n < remembered+500 || c.heard("checkpoint") == 0; n++ {
		require.Equal(t, kv.OK, c.put("k", fmt.Sprint(n)))
	}
	c.close()
	require.True(t, c.disk.Flip("log/00000000000000000001.wal", 5000, 3))
	c.boot()
	require.NotEmpty(t, c.get("k"))
	require.Positive(t, c.heard("old revisions cannot be read: records before the newest checkpoint are damaged"))
	resp := c.ask(kv.Request{At: kv.Version{Lo: 300}, Op: kv.Get{Key: "k"}})
	require.Equal(t, kv.OK, resp.Status, "the checkpoint remembers it by itself")
	require.Equal(t, "300", string(resp.Result.(kv.Item).Value))
	c.close()
}

// heard counts what the store has logged since it was asked last.
func (c *computer) heard(what string) (n int) {
	for {
		select {
		case said := <-c.told:
			if said == what {
				n++
			}
		default:
			return n
		}
	}
}

func TestWhatNoCheckpointNeedsIsGivenBackWhileTheServerRuns(t *testing.T) {
	c := switchOnWith(t, settings{keep: 1, records: 200, collect: 2})
	const first = "log/00000000000000000001.wal"
	puts, collected := 0, 0
	for there := true; there || collected == 0; puts++ {
		require.Less(t, puts, 5000, "%d collections, the first segment is there: %v", collected, there)
		value := fmt.Appendf(make([]byte, 64<<10), "%d", puts)
		require.Equal(t, kv.OK, c.put(fmt.Sprint(puts%6), string(value)))
		collected += c.heard("collected")
		var err error
		there, err = disk.FS{Disk: c.disk}.Exists(first)
		require.NoError(t, err)
	}
	c.crash()
	c.stateAt(c.oldest())
	require.Len(t, c.must(kv.Scan{KeysOnly: true}).Result.(kv.Items).List, 6)
	c.close()
}
