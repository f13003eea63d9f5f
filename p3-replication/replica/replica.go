package replica

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/wire"
	"dss.example/common/wire/roster"

	"dss.example/p3-replication/bayou"
)

// Replica is a bayou.Server that runs. It is a run.Owner, whose methods may be called by any
// goroutine.
type Replica struct {
	*run.Loop

	cfg     Config
	peers   *wire.Peers
	roster  *roster.Roster
	inbound atomic.Pointer[run.Loop] // who takes what arrives; nil until the log is loaded
	sight   atomic.Pointer[sight]
	facts   facts
	leaving atomic.Bool

	life    context.Context // ends with Stop
	cancel  context.CancelFunc
	running sync.WaitGroup // the goroutines of this package
}

var _ run.Owner = (*Replica)(nil)

// Start loads a replica from its log and runs it until Stop. With Config.Join it asks first who
// is there: one whose log gives it no name for joinTime at most or until ctx ends, and then the
// error is ErrNobody; any other once. Other errors: ErrConfig, those of run.Start. After an
// error nothing runs.
func Start(ctx context.Context, c Config) (*Replica, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := c.introduce(ctx); err != nil {
		return nil, err
	}
	core, err := bayou.New(c.address(), c.Bayou)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	r := &Replica{cfg: c}
	r.life, r.cancel = context.WithCancel(context.Background())
	r.open()
	if err := r.load(core); err != nil {
		r.cancel()
		r.peers.Close()
		return nil, err
	}
	r.running.Go(r.watch)
	r.running.Go(r.call)
	return r, nil
}

// open makes the network, in which nobody is yet.
func (r *Replica) open() {
	o := r.cfg.Network
	o.Receive = func(from machine.Node, frame []byte) {
		if l := r.inbound.Load(); l != nil {
			l.Recv(machine.Addr{Node: from, Role: role}, frame)
		}
	}
	o.Link = func(peer machine.Node, up bool) {
		if l := r.inbound.Load(); l != nil {
			l.Link(peer, up)
		}
	}
	r.roster = roster.New(o)
	r.peers = r.roster.Peers()
}

// load starts the machine.
func (r *Replica) load(core *bayou.Server) (err error) {
	w := &watched{Server: core, owner: r}
	w.look()
	r.Loop, err = run.Start(run.Config{
		Self: r.cfg.address(), Machine: w, Protocol: Protocol(r.cfg.Bayou), Log: r.cfg.Log,
		Send:  func(to machine.Addr, frame []byte) { r.peers.Queue(to.Node, frame) },
		Flush: r.peers.Flush,
		Clock: r.cfg.Clock, Rand: r.cfg.Rand, OnFact: r.note,
		Record: r.cfg.Record, Setup: r.cfg.Bayou.AppendTo(nil),
		Queue: r.cfg.Queue, Waiting: r.cfg.Waiting,
	})
	if err == nil {
		r.inbound.Store(r.Loop)
	}
	return err
}

// watch tells Config.Fail why the machine has ended, unless it was asked to.
func (r *Replica) watch() {
	<-r.Done()
	if err := r.Err(); err != nil {
		r.cfg.Fail(err)
	}
}

// Peers returns the network, for the Server that takes the peers' connections
// (wire.ServerOptions.Peers).
func (r *Replica) Peers() *wire.Peers { return r.peers }

// Ask implements run.Owner: cmd is a *kv.Request, and so is the answer a *kv.Response. A
// replica that is leaving refuses.
func (r *Replica) Ask(ctx context.Context, cmd machine.Data) (machine.Data, error) {
	if r.leaving.Load() {
		return r.decline(), nil
	}
	return r.Loop.Ask(ctx, cmd)
}

// Submit is Ask without waiting: then is told, once, what Ask would return. It may be told
// by the goroutine of the machine, and must be brief.
func (r *Replica) Submit(cmd machine.Data, then func(machine.Data, error)) {
	if r.leaving.Load() {
		then(r.decline(), nil)
		return
	}
	r.Loop.Submit(cmd, then)
}

// Stop implements run.Owner. It leaves without a word: see Leave. The network is closed.
func (r *Replica) Stop(ctx context.Context) error {
	r.cancel()
	if err := r.Loop.Stop(ctx); err != nil {
		return err
	}
	r.peers.Close()
	r.running.Wait()
	return nil
}

// Report returns what the replica knew when it looked last: at each of the server's ticks
// (bayou.Config.Tick), and whenever it has noted something.
func (r *Replica) Report() bayou.Report { return r.sight.Load().report }

// Ready returns nil if the replica takes reads and writes, as it was when it looked last; else
// ErrNoName or ErrRetired.
func (r *Replica) Ready() error {
	switch s := r.sight.Load(); {
	case s.report.Retired:
		return ErrRetired
	case !s.named:
		return fmt.Errorf("%w: it waits for another to bear it", ErrNoName)
	}
	return nil
}

// Await waits until a Report holds, and returns it, or until ctx ends or the replica: the
// error is ctx's or run.ErrStopped.
func (r *Replica) Await(ctx context.Context, holds func(bayou.Report) bool) (bayou.Report, error) {
	for {
		s := r.sight.Load()
		if holds(s.report) {
			return s.report, nil
		}
		select {
		case <-s.past:
		case <-r.Done():
			return s.report, run.ErrStopped
		case <-ctx.Done():
			return s.report, ctx.Err()
		}
	}
}
