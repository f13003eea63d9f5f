package stage4

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
	"dss.example/common/bench/proc"
)

// contestant is who has its leader killed.
type contestant struct {
	// command is a member as a process. It goes on from the member's directory if it has
	// run there before.
	command func(bin, self string, m harness.Member) harness.Command
	client  int // which of a member's addresses clients dial
	dial    func(addr string) (asker, error)
}

const (
	kills      = 5                    // in a turn, at scale 1
	askEvery   = 2 * time.Millisecond // after a kill: the figure is as exact as this
	askPatient = time.Second          // for one request
)

// cluster is three members of a contestant, each a process.
type cluster struct {
	contestant
	bin, self string
	members   []harness.Member
	processes []*proc.Process
	askers    []asker
}

// drive kills leaders and returns the times from each kill to the next commit, as
// latencies.
func (c contestant) drive(place string, t harness.Turn) (_ *load.Report, err error) {
	dir := filepath.Join(place, "cluster")
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	g, err := c.form(filepath.Dir(place), dir)
	defer func() { err = errors.Join(err, g.close()) }()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	var took []time.Duration
	var sum time.Duration
	for range max(1, int(kills*t.Scale)) {
		d, err := g.failOver()
		if err != nil {
			return nil, err
		}
		took = append(took, d)
		sum += d
	}
	slices.Sort(took)
	us := func(i int) float64 { return took[i].Seconds() * 1e6 }
	return &load.Report{
		Ops: len(took), Rate: float64(len(took)) / sum.Seconds(),
		P50: us(len(took) / 2), P99: us(len(took) - 1), Max: us(len(took) - 1),
		Began: began.UnixNano(), Ended: time.Now().UnixNano(),
	}, nil
}

// form starts three members on empty directories. What it has started is returned with an
// error too.
func (c contestant) form(bin, dir string) (*cluster, error) {
	g := &cluster{contestant: c, bin: bin}
	var err error
	if g.self, err = os.Executable(); err != nil {
		return g, err
	}
	addrs, err := harness.FreeAddrs(replicas * addrsOfMember)
	if err != nil {
		return g, err
	}
	g.members = group3(dir, addrs)
	g.processes, g.askers = make([]*proc.Process, replicas), make([]asker, replicas)
	for i := range g.members {
		if err := g.start(i); err != nil {
			return g, err
		}
	}
	for i := range g.members {
		if err := g.reach(i); err != nil {
			return g, err
		}
	}
	return g, nil
}

// group3 returns three members below a directory, with two addresses each.
func group3(dir string, addrs []string) (members []harness.Member) {
	for i := range replicas {
		members = append(members, harness.Member{Index: i, Dir: replicaDir(dir, i), Addrs: addrs})
	}
	return members
}

func (g *cluster) start(i int) error {
	if err := os.MkdirAll(g.members[i].Dir, 0o700); err != nil {
		return err
	}
	c := g.command(g.bin, g.self, g.members[i])
	p, err := proc.Start(context.Background(), nil, c.Path, c.Args...)
	g.processes[i] = p
	return err
}

// reach dials a member that was started.
func (g *cluster) reach(i int) error {
	var failed error
	err := await(func() bool {
		if p := g.processes[i]; p.Gone() {
			failed = fmt.Errorf("member %d has ended: %w", i+1, p.Wait())
			return true
		}
		a, err := g.dial(g.members[i].Own(i, replicas)[g.client])
		if err == nil {
			g.askers[i] = a
		}
		return err == nil
	})
	return errors.Join(failed, err)
}

// failOver kills the leader, times the next commit, and starts the leader again.
func (g *cluster) failOver() (time.Duration, error) {
	leader, err := settle(g.askers)
	if err != nil {
		return 0, err
	}
	killed := time.Now()
	g.processes[leader].Stop()
	next, err := g.next(leader)
	if err != nil {
		return 0, err
	}
	_ = g.askers[leader].Close() // its server is gone
	g.askers[leader] = nil
	if err := g.start(leader); err != nil {
		return 0, err
	}
	return next.Sub(killed), g.reach(leader)
}

// next asks those who are left, one after the other, until one acknowledges a command. It
// returns when that was.
func (g *cluster) next(dead int) (time.Time, error) {
	left := slices.Delete(slices.Clone(g.askers), dead, dead+1)
	ctx, cancel := context.WithTimeout(context.Background(), leaderWithin)
	acked := make(chan time.Time, 1)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for i := 0; ; i++ {
		asking.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, askPatient)
			defer cancel()
			if left[i%len(left)].Ask(ctx) == nil {
				select {
				case acked <- time.Now():
				default: // not the first
				}
			}
		})
		select {
		case at := <-acked:
			return at, nil
		case <-ctx.Done():
			return time.Time{}, errNoLeader
		case <-tick.C:
		}
	}
}

// close ends all that runs.
func (g *cluster) close() error {
	var err error
	for _, a := range g.askers {
		if a != nil {
			err = errors.Join(err, a.Close())
		}
	}
	for _, p := range g.processes {
		if p != nil {
			p.Stop()
		}
	}
	return err
}

// kvd is ours as a process: the first address of a member is for both peers and clients.
func kvd(bin string, m harness.Member) harness.Command {
	var peers []string
	for i, addr := range addrsFor(m, 0) {
		peers = append(peers, fmt.Sprintf("%d=%s", i+1, addr))
	}
	return harness.Command{Path: filepath.Join(bin, "kvd"), Args: []string{
		"-id", fmt.Sprint(m.Index + 1), "-peers", strings.Join(peers, ","), "-data", m.Dir,
		"-http", addrsFor(m, 1)[m.Index], "-v", "error",
	}}
}

// byOurselves is the command of a member that lives in this program.
func byOurselves(kind string) func(bin, self string, m harness.Member) harness.Command {
	return func(_, self string, m harness.Member) harness.Command { return harness.MemberOf(self, kind, m) }
}

// contestants are all, by kind.
func contestants() map[string]contestant {
	return map[string]contestant{
		"kvd":        {command: func(bin, _ string, m harness.Member) harness.Command { return kvd(bin, m) }, dial: dialKvd},
		"etcd":       {command: byOurselves("etcd"), client: 1, dial: dialEtcd},
		"boltdb":     {command: byOurselves("boltdb"), client: 1, dial: dialDoor},
		"dragonboat": {command: byOurselves("dragonboat"), client: 1, dial: dialDoor},
	}
}
