package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/pprof"
	"slices"
	"sync"
	"time"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"

	"dss.example/p1-kvrpc/client"
)

// bench is a closed loop: each caller sends its next request when the last one was
// answered.
type bench struct {
	callers  int
	private  bool // a connection a caller
	duration time.Duration
	warmup   time.Duration
	keys     int
	size     int
	reads    int // of 100
	batch    int
	seed     uint64
	profile  string // file for the CPU profile of the measured part, or empty

	names []string  // of the keys
	began time.Time // the measured part
}

func (a *app) bench() *cli.Command {
	b := &bench{}
	return &cli.Command{
		Name: "bench", Brief: "measure the server's throughput and latency",
		Detail: `A closed loop: each caller sends its next request when the last one was answered.
It fills the keys first. With -batch N a read is a transaction of N gets.`,
		Example: "kv bench -callers 64\nkv bench -callers 16 -private -reads 95 -for 10s\nkv bench -profile client.prof && go tool pprof -top client.prof",
		Flags:   b.flags,
		Run: func(ctx context.Context, _ []string, std cli.Std) error {
			if b.callers < 1 || b.keys < 1 || b.size < 0 || b.size > kv.MaxValue || b.reads < 0 || b.reads > 100 || b.batch < 1 || b.batch > kv.MaxTxnOps || b.duration <= 0 {
				return cli.Usagef("-callers, -keys and -for want positive numbers, -size 0 to %d, -reads 0 to 100, -batch 1 to %d", kv.MaxValue, kv.MaxTxnOps)
			}
			return b.run(ctx, a, std)
		},
	}
}

func (b *bench) flags(f *flag.FlagSet) {
	*b = bench{}
	f.IntVar(&b.callers, "callers", 16, "`N`: callers at a time")
	f.BoolVar(&b.private, "private", false, "a connection a caller, instead of one for all")
	f.DurationVar(&b.duration, "for", 3*time.Second, "`TIME`: how long to measure")
	f.DurationVar(&b.warmup, "warmup", 500*time.Millisecond, "`TIME`: how long to run before that")
	f.IntVar(&b.keys, "keys", 10_000, "`N`: keys")
	f.IntVar(&b.size, "size", 100, "`BYTES`: of a value")
	f.IntVar(&b.reads, "reads", 50, "`PERCENT`: of the operations are reads")
	f.IntVar(&b.batch, "batch", 1, "`N`: keys of one read")
	f.Uint64Var(&b.seed, "seed", 1, "`N`: of the choice of keys")
	f.StringVar(&b.profile, "profile", "", "`FILE`: keep a CPU profile of the measured part, of this side")
}

func (b *bench) run(ctx context.Context, a *app, std cli.Std) (err error) {
	for i := range b.keys {
		b.names = append(b.names, fmt.Sprintf("bench/%08d", i))
	}
	stores, closeAll, err := b.open(ctx, a)
	if err != nil {
		return err
	}
	defer func() {
		if e := closeAll(); err == nil {
			err = e
		}
	}()
	if err := b.fill(ctx, stores[0]); err != nil {
		return err
	}
	if _, _, err := b.measure(ctx, stores, b.warmup); err != nil {
		return err
	}
	endProfile, err := startProfile(b.profile)
	if err != nil {
		return err
	}
	b.began = time.Now()
	cpu := cpuSeconds()
	lat, took, err := b.measure(ctx, stores, b.duration)
	cpu = cpuSeconds() - cpu
	if e := endProfile(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return b.report(a, std, lat, took, cpu)
}

// startProfile keeps a CPU profile of this process in the file, without a name
// nowhere, until the function that it returns is called.
func startProfile(name string) (end func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("-profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		_ = f.Close() // the first error is the one to tell
		return nil, fmt.Errorf("-profile: %w", err)
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

func (b *bench) open(ctx context.Context, a *app) ([]*client.Client, func() error, error) {
	stores := make([]*client.Client, b.callers)
	var opened []*client.Client
	closeAll := func() (err error) {
		for _, c := range opened {
			if e := c.Close(); err == nil {
				err = e
			}
		}
		return err
	}
	for i := range stores {
		if i > 0 && !b.private {
			stores[i] = stores[0]
			continue
		}
		c, err := a.open(ctx)
		if err != nil {
			_ = closeAll() // the first error is the one to tell
			return nil, nil, err
		}
		stores[i], opened = c, append(opened, c)
	}
	return stores, closeAll, nil
}

// fill puts all keys: many at a time, where the server offers transactions.
func (b *bench) fill(ctx context.Context, c *client.Client) error {
	value := make([]byte, b.size)
	if !c.Offers().Has.Has(kv.CapCompare) {
		for _, name := range b.names {
			if err := c.Do(ctx, &kv.Request{Op: kv.Put{Key: name, Value: value}}).Err(); err != nil {
				return err
			}
		}
		return nil
	}
	for from := 0; from < b.keys; from += kv.MaxTxnOps {
		var txn kv.Txn
		for i := from; i < min(from+kv.MaxTxnOps, b.keys); i++ {
			if (len(txn.Then)+1)*(b.size+64) > kv.MaxMessage/2 {
				break
			}
			txn.Then = append(txn.Then, kv.Put{Key: b.names[i], Value: value})
		}
		if err := c.Do(ctx, &kv.Request{Op: txn}).Err(); err != nil {
			return err
		}
	}
	return nil
}

// measure runs all callers for d and returns every latency, sorted.
func (b *bench) measure(ctx context.Context, stores []*client.Client, d time.Duration) ([]time.Duration, time.Duration, error) {
	lats := make([][]time.Duration, b.callers)
	errs := make([]error, b.callers)
	start := time.Now()
	var callers sync.WaitGroup
	for i := range b.callers {
		callers.Go(func() { lats[i], errs[i] = b.call(ctx, stores[i], i, start.Add(d)) })
	}
	callers.Wait()
	took := time.Since(start)
	all := slices.Concat(lats...)
	slices.Sort(all)
	for _, err := range errs {
		if err != nil {
			return nil, 0, err
		}
	}
	if ctx.Err() != nil {
		return nil, 0, fmt.Errorf("interrupted")
	}
	return all, took, nil
}

// call is one caller. Its requests do not end with ctx: a context that can end costs
// each of them more than the choice of its key.
func (b *bench) call(ctx context.Context, c *client.Client, i int, end time.Time) (lat []time.Duration, err error) {
	under := context.WithoutCancel(ctx)
	r := rand.New(rand.NewPCG(b.seed, uint64(i)))
	value := make([]byte, b.size)
	for now := time.Now(); now.Before(end) && ctx.Err() == nil; {
		resp := c.Do(under, &kv.Request{Op: b.op(r, value)})
		if resp.Status != kv.OK && ctx.Err() == nil {
			return nil, resp.Err()
		}
		done := time.Now()
		lat = append(lat, done.Sub(now))
		now = done
	}
	return lat, nil
}

func (b *bench) op(r *rand.Rand, value []byte) kv.Op {
	switch {
	case r.IntN(100) >= b.reads:
		return kv.Put{Key: b.key(r), Value: value}
	case b.batch == 1:
		return kv.Get{Key: b.key(r)}
	}
	var txn kv.Txn
	for range b.batch {
		txn.Then = append(txn.Then, kv.Get{Key: b.key(r)})
	}
	return txn
}

func (b *bench) key(r *rand.Rand) string { return b.names[r.IntN(b.keys)] }

func (b *bench) report(a *app, std cli.Std, lat []time.Duration, took time.Duration, cpu float64) error {
	if len(lat) == 0 {
		return fmt.Errorf("no operation ended in %v", took)
	}
	rate := float64(len(lat)) / took.Seconds()
	at := func(p float64) time.Duration { return lat[min(len(lat)-1, int(p*float64(len(lat))))] }
	perOp := cpu / float64(len(lat)) * 1e6
	if a.json {
		return printJSON(std.Out, map[string]any{
			"callers": b.callers, "private": b.private, "ops": len(lat), "ops_per_second": rate,
			"p50_us": at(0.5).Seconds() * 1e6, "p99_us": at(0.99).Seconds() * 1e6, "max_us": lat[len(lat)-1].Seconds() * 1e6,
			"client_cpu_us_per_op": perOp,
			"began_unix_ns":        b.began.UnixNano(), "ended_unix_ns": b.began.Add(took).UnixNano(),
		})
	}
	fmt.Fprintf(std.Out, "%d callers, %.0f ops/s, p50 %v, p90 %v, p99 %v, max %v, client CPU %.1f µs/op\n",
		b.callers, rate, at(0.5), at(0.9), at(0.99), lat[len(lat)-1], perOp)
	b.histogram(std, lat)
	return nil
}

// histogram prints how many operations took how long, by powers of two.
func (b *bench) histogram(std cli.Std, lat []time.Duration) {
	for lo, i := time.Microsecond, 0; i < len(lat); lo *= 2 {
		n := 0
		for i+n < len(lat) && lat[i+n] < 2*lo {
			n++
		}
		if i += n; n > 0 {
			fmt.Fprintf(std.Out, "  < %-10v %9d  %5.1f %%\n", 2*lo, n, 100*float64(n)/float64(len(lat)))
		}
	}
}
