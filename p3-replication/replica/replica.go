package replica

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/wire"
	"dss.example/common/wire/roster"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/topology/probe"
	"dss.example/p3-replication/topology/proto"
)

// Replica is a bayou.Server that runs. It is a run.Owner, whose methods may be called by any
// goroutine.
type Replica struct {
	*run.Loop

	cfg     Config
	node    *run.Node // of the Loop, which is the server's, and of the probe's
	probe   *run.Loop
	peers   *wire.Peers
	roster  *roster.Roster
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
// error is ErrNobody; any other once. It is ErrTaken or ErrStage at once if no sense is in asking
// again. Other errors: ErrConfig, those of run.Start. After an error nothing runs.
func Start(ctx context.Context, c Config) (*Replica, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := c.introduce(ctx); err != nil {
		return nil, err
	}
	near, guided := guide(c.Near, c.Bayou)
	core, err := bayou.New(c.address(), guided)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	near.Server = core
	r := &Replica{cfg: c}
	r.life, r.cancel = context.WithCancel(context.Background())
	r.open()
	if err = r.load(&watched{Server: core, near: near, owner: r}); err == nil {
		err = r.measure()
	}
	if err != nil {
		r.cancel()
		_ = r.node.Stop(context.Background())
		r.peers.Close()
		return nil, err
	}
	r.running.Go(r.watch)
	r.running.Go(r.call)
	return r, nil
}

// open makes the network, in which nobody is yet, and the node, whose machines are to come.
func (r *Replica) open() {
	r.node = run.NewNode(r.cfg.Self, func(_, to machine.Addr, frame []byte) { r.peers.Queue(to.Node, frame) })
	o := r.cfg.Network
	o.Receive = func(from machine.Node, frame []byte) {
		to := role
		if proto.ToProbe(frame) {
			to = probingRole
		}
		r.node.Recv(machine.Addr{Node: from, Role: to}, machine.Addr{Node: r.cfg.Self, Role: to}, frame)
	}
	o.Link = r.node.Link
	r.roster = roster.New(o)
	r.peers = r.roster.Peers()
}

// load starts the server.
func (r *Replica) load(w *watched) (err error) {
	w.look()
	r.Loop, err = r.node.Start(run.Config{
		Self: r.cfg.address(), Machine: w, Protocol: Protocol(r.cfg.Bayou), Log: r.cfg.Log,
		Flush: r.peers.Flush, Clock: r.cfg.Clock, Rand: r.cfg.Rand, OnFact: r.note,
		Record: r.cfg.Record, Setup: r.cfg.setup(),
		Queue: r.cfg.Queue, Waiting: r.cfg.Waiting,
	})
	return err
}

// measure starts the probe. It has a loop of its own, for the server's waits for its disk: a
// ping is to measure the network.
func (r *Replica) measure() error {
	self := machine.Addr{Node: r.cfg.Self, Role: probingRole}
	c := probe.Config{Addr: r.cfg.Bayou.Addr, Zone: r.cfg.Bayou.Zone, Tell: role, Every: r.cfg.Probing}
	for _, p := range r.sight.Load().peers {
		c.Peers = append(c.Peers, proto.Place{Node: p.Node, Addr: p.Addr})
	}
	m, err := probe.New(self, c)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	r.probe, err = r.node.Start(run.Config{
		Self: self, Machine: m, Protocol: probe.Protocol(),
		Flush: r.peers.Flush, Clock: r.cfg.Clock, Rand: r.cfg.Rand,
		Record: r.cfg.Record, Setup: c.AppendTo(nil),
	})
	return err
}

// watch tells Config.Fail why the machines have ended, unless they were asked to.
func (r *Replica) watch() {
	<-r.node.Done()
	if err := r.node.Err(); err != nil {
		r.cfg.Fail(err)
	}
}

// Peers returns the network, for the Server that takes the peers' connections
// (wire.ServerOptions.Peers).
func (r *Replica) Peers() *wire.Peers { return r.peers }

// Offers is what replicas promise that stand behind a door: what their servers do, and to tell
// how far the others are.
func Offers() kv.Caps {
	all := bayou.Offers()
	all.Has |= kv.CapProbe
	return all
}

// Ask implements run.Owner: cmd is a *kv.Request, and so is the answer a *kv.Response. A
// replica that is leaving refuses.
func (r *Replica) Ask(ctx context.Context, cmd machine.Data) (machine.Data, error) {
	if resp := r.atOnce(cmd); resp != nil {
		return resp, nil
	}
	return r.Loop.Ask(ctx, cmd)
}

// Submit is Ask without waiting: then is told, once, what Ask would return. It may be told
// by the goroutine of the machine, and must be brief.
func (r *Replica) Submit(cmd machine.Data, then func(machine.Data, error)) {
	if resp := r.atOnce(cmd); resp != nil {
		then(resp, nil)
		return
	}
	r.Loop.Submit(cmd, then)
}

// atOnce answers what the server need not be asked; nil if it must.
func (r *Replica) atOnce(cmd machine.Data) *kv.Response {
	if r.leaving.Load() {
		return r.decline()
	}
	req, ok := cmd.(*kv.Request)
	if !ok {
		return nil
	}
	if _, ok := req.Op.(kv.Probe); !ok || req.Session != 0 {
		return nil // the server refuses numbered sessions
	}
	if bad := kv.Check(req); bad != nil {
		return bad
	}
	return &kv.Response{Status: kv.OK, Result: r.Distances()}
}

// Stop implements run.Owner. It leaves without a word: see Leave. The network is closed.
func (r *Replica) Stop(ctx context.Context) error {
	r.cancel()
	if err := r.node.Stop(ctx); err != nil {
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
