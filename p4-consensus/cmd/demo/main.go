//go:build unix

// Demo is the main job of stage 4 on real input: three replicas as processes with disks of
// their own, which are killed, paused, cut off, wiped and replaced under load, and the
// verdict over all that their clients were told.
//
//	main.go     the chapters, and what they share
//	replica.go  replicas: where they are, how they are started, who leads
//	load.go     the source tree goes in and comes out; callers that share keys
//	harm.go     what happens to the replicas meanwhile
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"dss.example/common/daemon/cli"
	"dss.example/common/demo"
)

const seed = 42 // of all that is left to chance

func main() {
	// The demo sees to signals itself.
	os.Exit(cli.Run(context.Background(), command(), os.Args[1:], cli.Std{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

func command() *cli.Command {
	return demo.Command(cli.Command{
		Name:  "demo",
		Brief: "show what stage 4 keeps, whichever replica is lost",
		Detail: `It builds the programs, starts three replicas with disks of their own, loads Go's own
source tree while the leader is killed with -9 again and again, pauses a leader, cuts one
off, wipes a disk, replaces a replica, compares every byte and judges every answer: about
a minute. Its last line says PASSED or FAILED; it leaves nothing behind.`,
		Example: "go run ./p4-consensus/cmd/demo",
	}, demo.Program{
		Title: "Stage 4: replicas that agree by Paxos, and go on as long as a majority lives",
		Next:  "go run ./p4-consensus/cmd/sim -schedules 2000   # every fault, one schedule after the other",
		Run:   play,
	})
}

// stage is what the chapters share.
type stage struct {
	*demo.Show
	kvd, kv  string // programs
	root     string // of Go's own source tree
	tree     demo.Tree
	replicas map[int]*replica
}

func play(ctx context.Context, show *demo.Show) error {
	s := &stage{Show: show, replicas: map[int]*replica{}}
	defer s.close()
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if err := s.load(ctx); err != nil {
		return err
	}
	callers, err := s.share(ctx)
	if err != nil {
		return err
	}
	for _, chapter := range []func(context.Context) error{s.pause, s.cutOff, s.wipe, s.replace} {
		if err := chapter(ctx); err != nil {
			callers.stop()
			return err
		}
	}
	if err := s.judge(ctx, callers.stop()); err != nil {
		return err
	}
	if err := s.compare(ctx); err != nil {
		return err
	}
	return s.stop(ctx)
}

// prepare builds the programs and starts the replicas.
func (s *stage) prepare(ctx context.Context) error {
	step := s.Begin("build the programs", 0, "")
	bins, err := s.Build(ctx, "dss.example/p4-consensus/cmd/kvd", "dss.example/p1-kvrpc/cmd/kv")
	if err != nil {
		return err
	}
	step.End()
	s.kvd, s.kv = bins[0], bins[1]
	goroot, err := demo.GoRoot(ctx)
	if err != nil {
		return err
	}
	s.root = filepath.Join(goroot, "src")
	if s.tree, err = demo.ListFiles(s.root); err != nil {
		return err
	}
	for id := 1; id <= 4; id++ { // the fourth comes later
		if s.replicas[id], err = s.place(id); err != nil {
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
	s.Say("replicas 1, 2 and 3 have formed a group, %d leads; %d files, %d MB below %s", leader, len(s.tree.Files), s.tree.Bytes>>20, s.root)
	return nil
}

// close ends what the Show does not end by itself.
func (s *stage) close() {
	for _, r := range s.replicas {
		r.close()
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
		s.replicas[id].process = nil
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
