//go:build unix

// Demo is the main job of stage 4 on real input: three replicas as processes with disks of
// their own, which are killed, paused, cut off, wiped and replaced under load, and the
// verdict over all that their clients were told. With -soak it goes on for as long as one
// likes, by a seed.
//
//	main.go     the chapters, and what they share
//	replica.go  replicas: where they are, how they are started, who leads
//	front.go    what stands between a replica and whoever speaks to it
//	load.go     the source tree goes in and comes out; callers that share keys
//	harm.go     what happens to the replicas meanwhile
//	soak.go     the same without end: rounds, and their verdicts
//	befall.go   what may befall replicas in a soak
//	measure.go  what the replicas use, and whether that grows
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"dss.example/common/check"
	"dss.example/common/daemon/cli"
	"dss.example/common/demo"
	"dss.example/common/faultproxy"
)

func main() {
	// The demo sees to signals itself.
	os.Exit(cli.Run(context.Background(), command(), os.Args[1:], cli.Std{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

// settings are what the flags say.
type settings struct {
	soak, lease time.Duration
	seed        uint64
}

// Bounds of the flags.
const (
	minSoak  = 10 * time.Second
	maxSoak  = 48 * time.Hour
	maxLease = 200 * time.Millisecond // kvd's -election
)

func (o *settings) declare(f *flag.FlagSet) {
	f.DurationVar(&o.soak, "soak", 0, "harm replicas at random for `TIME`, and judge each minute; 0 plays the chapters once")
	f.Uint64Var(&o.seed, "seed", 42, "the `SEED` of all that is left to chance")
	f.DurationVar(&o.lease, "lease", 0, "let the leader of a soak read by leases of `TIME`; 0 asks a quorum")
}

func (o *settings) check() error {
	switch {
	case o.soak != 0 && (o.soak < minSoak || o.soak > maxSoak):
		return cli.Usagef("bad value %v for -soak: want 0, or %v to %v", o.soak, minSoak, maxSoak)
	case o.lease < 0 || o.lease > maxLease:
		return cli.Usagef("bad value %v for -lease: want 0 to %v", o.lease, maxLease)
	case o.lease != 0 && o.soak == 0:
		return cli.Usagef("-lease without -soak: want -soak 30m, say")
	}
	return nil
}

func command() *cli.Command {
	o := &settings{}
	c := demo.Command(cli.Command{
		Name:  "demo",
		Brief: "show what stage 4 keeps, whichever replica is lost",
		Detail: `It builds the programs, starts three replicas with disks of their own, loads Go's own
source tree while the leader is killed with -9 again and again, pauses a leader, cuts one
off, wipes a disk, replaces a replica, compares every byte and judges every answer: about
a minute. With -soak, replicas are harmed in turn for as long as is said, as a seed draws
it, every answer is judged each minute, and neither memory nor goroutines may grow. Its
last line says PASSED or FAILED; it leaves nothing behind.`,
		Example: "go run ./p4-consensus/cmd/demo\ngo run ./p4-consensus/cmd/demo -soak 30m -seed 7",
		Flags:   o.declare,
	}, demo.Program{
		Title: "Stage 4: replicas that agree by Paxos, and go on as long as a majority lives",
		Next:  "go run ./p4-consensus/cmd/sim -schedules 2000   # every fault, one schedule after the other",
		Run:   o.play,
	})
	play := c.Run
	c.Run = func(ctx context.Context, args []string, std cli.Std) error {
		if err := o.check(); err != nil {
			return err
		}
		return play(ctx, args, std)
	}
	return c
}

// play plays the chapters, or soaks.
func (o *settings) play(ctx context.Context, show *demo.Show) error {
	s := &stage{Show: show, seed: o.seed, replicas: map[int]*replica{}}
	defer s.close()
	if err := s.build(ctx); err != nil {
		return err
	}
	if o.soak > 0 {
		return s.soak(ctx, o)
	}
	return s.play(ctx)
}

// stage is what the chapters share.
type stage struct {
	*demo.Show
	seed     uint64
	kvd, kv  string   // programs
	flags    []string // of every kvd
	root     string   // of Go's own source tree
	tree     demo.Tree
	replicas map[int]*replica
}

func (s *stage) play(ctx context.Context) error {
	if err := s.form(ctx, faultproxy.Rates{}); err != nil {
		return err
	}
	if err := s.list(ctx); err != nil {
		return err
	}
	if err := s.load(ctx); err != nil {
		return err
	}
	history, err := s.harm(ctx)
	if err != nil {
		return err
	}
	s.judge(ctx, history)
	if err := s.compare(ctx); err != nil {
		return err
	}
	return s.stop(ctx)
}

// build builds the programs.
func (s *stage) build(ctx context.Context) error {
	step := s.Begin("build the programs", 0, "")
	bins, err := s.Build(ctx, "dss.example/p4-consensus/cmd/kvd", "dss.example/p1-kvrpc/cmd/kv")
	if err != nil {
		return err
	}
	step.End()
	s.kvd, s.kv = bins[0], bins[1]
	return nil
}

// list lists the files of Go's own source tree.
func (s *stage) list(ctx context.Context) error {
	goroot, err := demo.GoRoot(ctx)
	if err != nil {
		return err
	}
	s.root = filepath.Join(goroot, "src")
	if s.tree, err = demo.ListFiles(s.root); err != nil {
		return err
	}
	s.Say("%d files, %d MB below %s", len(s.tree.Files), s.tree.Bytes>>20, s.root)
	return nil
}

// form starts the first replicas. The links between them have faults at some rates.
func (s *stage) form(ctx context.Context, rates faultproxy.Rates) (err error) {
	for id := 1; id <= places; id++ { // one comes later
		if s.replicas[id], err = s.place(id, rates); err != nil {
			return err
		}
	}
	for _, id := range first {
		if err := s.start(ctx, id); err != nil {
			return err
		}
	}
	leader, err := s.leader(ctx)
	if err != nil {
		return err
	}
	s.Say("replicas 1, 2 and 3 have formed a group, %d leads", leader)
	return nil
}

// harm plays the chapters in which something happens to replicas, while callers share keys.
func (s *stage) harm(ctx context.Context) (check.History, error) {
	clients, err := s.callers(ctx, 10*time.Second)
	if err != nil {
		return nil, err
	}
	defer closeAll(clients)
	callers := s.share(ctx, clients, shared, between, 0)
	for _, chapter := range []func(context.Context) error{s.pause, s.cutOff, s.wipe, s.replace} {
		if err = chapter(ctx); err != nil {
			break
		}
	}
	return callers.stop(), err
}

// close ends what the Show does not end by itself.
func (s *stage) close() {
	for _, r := range s.replicas {
		if r.front != nil {
			r.front.close()
		}
	}
}

// stop ends the replicas, as SIGTERM does: the leader lets another lead before it goes.
func (s *stage) stop(ctx context.Context) error {
	row := demo.Row{What: "the replicas were told to stop, the leader first", Note: "exit code 0"}
	leader, err := s.leader(ctx)
	if err != nil {
		return err
	}
	running := slices.DeleteFunc(s.running(), func(id int) bool { return id == leader })
	for _, id := range append([]int{leader}, running...) {
		if err := s.replicas[id].process.Stop(ctx); err != nil && row.Err == nil {
			row.Err = err
		}
		s.replicas[id].lives(nil)
	}
	s.Row(row)
	return nil
}

// overRow tells the fail-over times.
func overRow(what, broken string, overs []time.Duration) demo.Row {
	slices.Sort(overs)
	return demo.Row{
		What: what, Broken: broken,
		Note: fmt.Sprintf("commits again after %v, at worst %v", overs[len(overs)/2].Round(time.Millisecond), overs[len(overs)-1].Round(time.Millisecond)),
	}
}
