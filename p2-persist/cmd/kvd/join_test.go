package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/daemon"
	"dss.example/common/disk"
	"dss.example/common/kv"
	"dss.example/common/kvtest"
	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/wire"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/server"
	"dss.example/p1-kvrpc/session"
	"dss.example/p2-persist/checkpoint/past"
	"dss.example/p2-persist/datadir"
)

// computer runs the server's store on a pretended disk, by a clock that only a test
// moves. It is a Store that outlives the lives of its process.
type computer struct {
	t     testing.TB
	disk  *disk.Memory
	clock *run.Manual

	mu       sync.RWMutex // held by requests under way
	settings settings
	store    *past.Store
	failed   chan error
	told     chan string // what the store has logged
	record   string      // a file that the next life is recorded in, if any
	lives    int
}

// switchOn starts a computer whose store looks all the time whether a checkpoint is due.
func switchOn(t testing.TB) *computer { return switchOnWith(t, settings{keep: 3, records: 100}) }

func switchOnWith(t testing.TB, s settings) *computer {
	s.memory, s.look = 64, time.Millisecond
	c := &computer{
		t: t, disk: disk.NewMemory(), clock: &run.Manual{}, settings: s,
		failed: make(chan error, 1), told: make(chan string, 1000),
	}
	c.boot()
	return c
}

func (c *computer) config() *daemon.Config {
	return &daemon.Config{Record: c.record, Log: slog.New(listener{c.told}), Fail: func(err error) { c.failed <- err }}
}

// listener is a log that is heard: what finds no room is lost.
type listener struct{ told chan<- string }

func (listener) Enabled(context.Context, slog.Level) bool { return true }

func (l listener) Handle(_ context.Context, r slog.Record) error {
	select {
	case l.told <- r.Message:
	default:
	}
	return nil
}

func (l listener) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l listener) WithGroup(string) slog.Handler      { return l }

func (c *computer) boot() {
	store, err := join(c.disk, c.clock, c.config(), &c.settings)
	require.NoError(c.t, err)
	c.store, c.lives = store, c.lives+1
}

func (c *computer) Offers() kv.Caps { return offers() }

func (c *computer) Do(ctx context.Context, req *kv.Request) *kv.Response {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.store.Do(ctx, req)
}

// Submit lets the server answer without a goroutine that waits.
func (c *computer) Submit(req *kv.Request, then func(*kv.Response)) bool {
	c.mu.RLock()
	taken := c.store.Submit(req, func(resp *kv.Response) {
		defer c.mu.RUnlock()
		then(resp)
	})
	if !taken {
		c.mu.RUnlock()
	}
	return taken
}

// crash cuts the power, unless a request is under way. What was not synced is lost.
func (c *computer) crash() {
	if !c.mu.TryLock() {
		return
	}
	defer c.mu.Unlock()
	after := c.disk.Crash(disk.KeepNone)
	_ = c.store.Close() // of a disk that is dead
	c.disk = after
	c.boot()
}

func (c *computer) close() { require.NoError(c.t, c.store.Close()) }

func TestTheStoreOutlivesPowerCuts(t *testing.T) {
	lives := 0
	kvtest.Run(t, func(t testing.TB) kvtest.World {
		c := switchOn(t)
		w := kvtest.Local(func(int) kv.Store { return c }, func(d time.Duration) {
			if c.lives < 4 { // each cut puts the leases off by a second at most
				c.crash()
			}
			c.clock.Advance(machine.Time(d))
		})
		w.OnSettle = c.crash
		w.OnClose = func() {
			lives += c.lives
			c.close()
		}
		return w
	}, offers())
	require.Greater(t, lives, 80, "the power was cut often enough")
}

func TestTheStoreOverTheWire(t *testing.T) {
	kvtest.Run(t, func(t testing.TB) kvtest.World {
		c := switchOn(t)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		srv := server.New(c, false, wire.ServerOptions{})
		served := make(chan error, 1)
		go func() { served <- srv.Serve(ln) }()
		var clients []*client.Client
		open := func() *client.Client {
			opened, err := client.Open(t.Context(), client.Options{
				Addrs: []string{ln.Addr().String()}, Session: session.Config{TTL: machine.Time(kv.MaxTTL)},
			})
			require.NoError(t, err)
			clients = append(clients, opened)
			return opened
		}
		pacer := open()
		w := kvtest.Local(func(int) kv.Store { return open() }, func(d time.Duration) {
			c.clock.Advance(machine.Time(d))
			pacer.Do(t.Context(), &kv.Request{Op: kv.Get{Key: "pace"}})
		})
		w.OnClose = func() {
			for _, cl := range clients {
				require.NoError(t, cl.Close())
			}
			require.NoError(t, srv.Shutdown(context.Background()))
			require.NoError(t, <-served)
			c.close()
		}
		return w
	}, func() kv.Caps {
		caps := offers()
		caps.Has &^= kv.CapSessions // the client's own
		return caps
	}())
}

func (c *computer) put(key, value string) kv.Status {
	return c.Do(c.t.Context(), &kv.Request{Op: kv.Put{Key: key, Value: []byte(value)}}).Status
}

func (c *computer) get(key string) string {
	it, _ := c.Do(c.t.Context(), &kv.Request{Op: kv.Get{Key: key}}).Result.(kv.Item)
	return string(it.Value)
}

func TestAFailedSyncEndsTheServerAndNothingIsClaimed(t *testing.T) {
	c := switchOn(t)
	require.Equal(t, kv.OK, c.put("a", "1"))
	c.disk.Inject(func(_ int, call disk.Call) (f disk.Fault) {
		if call.Op == disk.Sync {
			f.Code = disk.IO
		}
		return f
	})
	require.Equal(t, kv.Maybe, c.put("a", "2"))
	require.Equal(t, kv.Unavailable, c.put("a", "3"), "nothing is tried again")
	require.ErrorContains(t, <-c.failed, "log failed")
	c.disk = c.disk.Crash(disk.KeepNone)
	_ = c.store.Close()
	c.boot()
	require.Contains(t, []string{"1", "2"}, c.get("a"))
	c.close()
}

func TestADamagedLogIsReportedAndNotServed(t *testing.T) {
	c := switchOn(t)
	for i := range 20 {
		require.Equal(t, kv.OK, c.put(fmt.Sprint("key", i), "value of some length"))
	}
	c.close()
	fs := disk.FS{Disk: c.disk}
	names, err := fs.List("log")
	require.NoError(t, err)
	damaged := false
	for _, name := range names {
		if name != "lock" {
			damaged = c.disk.Flip("log/"+name, 1000, 3)
		}
	}
	require.True(t, damaged)
	_, err = join(c.disk, c.clock, c.config(), &c.settings)
	require.ErrorIs(t, err, datadir.ErrDamaged)
	require.ErrorContains(t, err, "the first of them that is needed is")
	_, err = join(c.disk, c.clock, c.config(), &c.settings)
	require.ErrorIs(t, err, datadir.ErrDamaged, "nothing stayed open, nothing was cut")
}

func TestTwoServersNeverHaveOneDirectory(t *testing.T) {
	dir := t.TempDir()
	c := &daemon.Config{Data: dir, Log: slog.New(slog.DiscardHandler), Fail: func(error) {}}
	first, err := open(c, &settings{keep: 1})
	require.NoError(t, err)
	_, err = open(c, &settings{keep: 1})
	require.Error(t, err)
	require.NoError(t, first.(*past.Store).Close())
	second, err := open(c, &settings{keep: 1})
	require.NoError(t, err)
	require.NoError(t, second.(*past.Store).Close())
	_, err = open(&daemon.Config{Data: dir + "/missing\x00"}, &settings{keep: 1})
	require.Error(t, err)
}

func TestARecordingThatCannotBeMadeIsAnErrorAndLeavesNothingOpen(t *testing.T) {
	c := &daemon.Config{Data: t.TempDir(), Log: slog.New(slog.DiscardHandler), Fail: func(error) {}}
	c.Record = c.Data // a directory
	_, err := open(c, &settings{keep: 1})
	require.Error(t, err)
	c.Record = ""
	store, err := open(c, &settings{keep: 1})
	require.NoError(t, err)
	require.NoError(t, store.(*past.Store).Close())
}
