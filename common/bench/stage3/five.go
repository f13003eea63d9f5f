package stage3

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"dss.example/common/disk"
	"dss.example/common/kv"
	"dss.example/common/stable"
	"dss.example/common/wire"

	"dss.example/p2-persist/wal"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
)

// five is replicas with their logs on the disk, to some of which frames vanish.
type five struct {
	*sites
	deaf []atomic.Bool // to which
}

const (
	replicas    = 5
	leastWrites = 10 // in a turn, at scale 1: of a few losses the longest tells nothing

	// pause is for how long all are left alone before a write: they are idle then.
	pause = 20 * time.Millisecond
	// drained is for how long what is said of a write may be on its way, when all but one
	// have it already.
	drained = 100 * time.Millisecond
)

// driveFive measures writes to five replicas, one at a time.
func driveFive(place string, t harness.Turn) (_ *load.Report, err error) {
	dir := filepath.Join(place, "five")
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	logs, closeLogs, err := openLogs(dir)
	defer func() { err = errors.Join(err, closeLogs()) }()
	if err != nil {
		return nil, err
	}
	f := &five{deaf: make([]atomic.Bool, replicas)}
	if f.sites, err = born(logs); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := errors.Join(f.start(life{dial: f.dial}, f.each()...), f.named()); err != nil {
		return nil, err
	}
	write := f.visible
	if t.Load == loss {
		write = f.lost
	}
	return f.measure(t, write)
}

// measure makes writes at one replica after the other.
func (f *five) measure(t harness.Turn, write func(i int) (time.Duration, error)) (_ *load.Report, err error) {
	for i := range f.all { // so that all are connected with all
		if _, err := f.visible(i); err != nil {
			return nil, err
		}
	}
	end, err := load.StartProfile(t.Profile)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	var took []time.Duration
	began := time.Now()
	for i := 0; i < max(1, int(leastWrites*t.Scale)) || time.Since(began) < t.For; i++ {
		<-time.After(pause)
		d, err := write(i % replicas)
		if err != nil {
			return nil, err
		}
		took = append(took, d)
	}
	return timed(took, began), nil
}

// visible writes at a replica, and returns what it took until all others show it.
func (f *five) visible(i int) (time.Duration, error) {
	began := time.Now()
	token, _, err := f.put(i)
	if err != nil {
		return 0, err
	}
	err = f.seen(token, func(k int) bool { return k != i })
	return time.Since(began), err
}

// put writes in a session of its own.
func (f *five) put(i int) (token []byte, write kv.Version, err error) {
	c := f.all[i].client()
	write, err = c.Put(context.Background(), key(i, 0), make([]byte, valueBytes))
	return c.Token(), write, err
}

// seen returns when all those replicas show what a session has written.
func (f *five) seen(token []byte, who func(int) bool) error {
	errs := make([]error, replicas)
	var seeing sync.WaitGroup
	for k := range replicas {
		if who(k) {
			seeing.Go(func() { errs[k] = f.all[k].sees(token) })
		}
	}
	seeing.Wait()
	return errors.Join(errs...)
}

// lost writes at a replica while all that is said to the next one vanishes, and returns how
// long it takes after that until the next one shows it.
func (f *five) lost(i int) (time.Duration, error) {
	victim := (i + 1) % replicas
	f.deaf[victim].Store(true)
	token, write, err := f.put(i)
	if err == nil {
		err = f.seen(token, func(k int) bool { return k != i && k != victim })
	}
	<-time.After(drained)
	if err == nil {
		err = f.lacks(victim, write)
	}
	f.deaf[victim].Store(false)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	err = f.all[victim].sees(token)
	return time.Since(began), err
}

var errNotLost = errors.New("a write came although all that was said of it was lost")

// lacks returns an error if a replica knows a write.
func (f *five) lacks(i int, write kv.Version) error {
	standing, err := f.all[i].client().Inquire(context.Background(), write)
	if err == nil && standing.Known {
		err = errNotLost
	}
	return err
}

// dial connects a replica to another, through a conn in which frames may vanish.
func (f *five) dial(ctx context.Context, _, to string) (net.Conn, error) {
	conn, err := wire.Connect(ctx, to)
	if err != nil {
		return nil, err
	}
	for i, addr := range f.addrs {
		if addr == to {
			return &lossy{conn, &f.deaf[i]}, nil
		}
	}
	return conn, nil
}

// lossy is a connection to one that may be deaf. Peers write whole frames with each call.
type lossy struct {
	net.Conn
	deaf *atomic.Bool
}

// Write implements net.Conn.
func (c *lossy) Write(b []byte) (int, error) {
	if c.deaf.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// openLogs opens the logs of five replicas, as kvd has them. What was opened is to be closed
// after an error too.
func openLogs(dir string) (logs []stable.Log, closeAll func() error, err error) {
	var closers []func() error
	closeAll = func() (err error) {
		for _, fn := range closers {
			err = errors.Join(err, fn())
		}
		return err
	}
	for i := range replicas {
		own := filepath.Join(dir, strconv.Itoa(i+1))
		if err := os.MkdirAll(own, 0o700); err != nil {
			return nil, closeAll, err
		}
		d, err := disk.OpenDir(own)
		if err != nil {
			return nil, closeAll, err
		}
		l, _, err := wal.Open(disk.FS{Disk: d}, "log", wal.Options{})
		if err != nil {
			return nil, closeAll, errors.Join(err, d.Close())
		}
		closers = append(closers, l.Close, d.Close)
		logs = append(logs, l)
	}
	return logs, closeAll, nil
}
