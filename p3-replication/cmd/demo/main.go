//go:build unix

// Demo is the main job of stage 3 on real input: five replicas in three zones, as processes with
// disks of their own, which a partition parts while both sides go on taking writes, and which
// come to agree when it ends.
//
//	main.go     the chapters, and what they share
//	write.go    what is written all the time: ledgers, and the source tree
//	booking.go  rooms, booked twice on purpose
//	travel.go   sessions that move between replicas
//	part.go     the partition; what is killed meanwhile; healing
//	agree.go    whether all replicas have come to the same
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"dss.example/common/daemon/cli"
	"dss.example/common/demo"
	"dss.example/common/demo/group"
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/session"
)

func main() {
	// The demo sees to signals itself.
	os.Exit(cli.Run(context.Background(), command(), os.Args[1:], cli.Std{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

func command() *cli.Command {
	return demo.Command(cli.Command{
		Name:  "demo",
		Brief: "show what stage 3 does on both sides of a partition, and after it",
		Detail: `It builds the programs, starts five replicas in three zones, cuts one zone off from the
others, and lets both sides write: files of Go's own source tree, bookings of the same rooms,
ledgers, and sessions that move between replicas. One replica stands still meanwhile, one is killed
with -9. Then it heals the partition and compares all there is: about a minute. Its last line says PASSED or
FAILED; it leaves nothing behind.`,
		Example: "go run ./p3-replication/cmd/demo",
	}, demo.Program{
		Title: "Stage 3: replicas that take writes on both sides of a partition, and agree after it",
		Next:  "make demo STAGE=cap   # the same partition, run against stage 4 too",
		Run:   play,
	})
}

// The replicas and their zones. The first is the primary: its zone is the one that is cut off,
// so that the larger side has nobody who gives commit numbers.
const (
	replicas = 5
	primary  = 1
	sleeper  = 2 // stands still for a while
	victim   = 4 // is killed while it is cut off from all
	booker   = 5 // where the larger side books its rooms
)

var (
	zones   = [replicas + 1]string{"", "west", "west", "east", "east", "north"}
	west    = []int{1, 2}
	others  = []int{3, 4, 5}
	anybody = []int{1, 2, 3, 4, 5}
)

// stage is what the chapters share.
type stage struct {
	*demo.Show
	kvd, kv, rooms string // programs
	src            string // of Go's own source tree
	group          *group.Group
	probes         []*client.Client // one for each replica, the first for replica 1
	loaded         []loading        // what was loaded of the source tree
	closing        []func()         // what else is to be closed
	asked          atomic.Int64     // operations of client programs
}

func play(ctx context.Context, show *demo.Show) error {
	s := &stage{Show: show}
	defer s.close()
	if err := s.build(ctx); err != nil {
		return err
	}
	if err := s.form(ctx); err != nil {
		return err
	}
	if err := s.load(ctx, "before", loading{"crypto", 1}, loading{"net", 3}); err != nil {
		return err
	}
	p, err := s.part(ctx)
	if err != nil {
		return err
	}
	if err := s.heal(ctx, p); err != nil {
		return err
	}
	if err := s.agree(ctx, p); err != nil {
		return err
	}
	return s.stop(ctx)
}

// build builds the programs, and finds the source tree.
func (s *stage) build(ctx context.Context) error {
	step := s.Begin("build", 3, "programs")
	bins, err := s.Build(ctx, "dss.example/p3-replication/cmd/kvd", "dss.example/p1-kvrpc/cmd/kv", "dss.example/p3-replication/cmd/rooms")
	if err != nil {
		return err
	}
	step.Add(3)
	step.End()
	s.kvd, s.kv, s.rooms = bins[0], bins[1], bins[2]
	goroot, err := demo.GoRoot(ctx)
	s.src = filepath.Join(goroot, "src")
	return err
}

// form starts the replicas and waits until all know all.
func (s *stage) form(ctx context.Context) (err error) {
	s.group, err = group.New(s.Show, group.Options{
		Program: s.kvd, Size: replicas, Flags: func(id int) []string { return []string{"-zone", zones[id]} },
	})
	if err != nil {
		return err
	}
	if err := s.group.StartAll(ctx); err != nil {
		return err
	}
	for _, id := range anybody {
		c, err := s.open(ctx, group.Late, id)
		if err != nil {
			return err
		}
		s.probes = append(s.probes, c)
	}
	for _, id := range anybody {
		if err := group.Await(ctx, fmt.Sprintf("replica %d does not know all others", id), func() bool {
			g, err := s.at(id).Members(ctx)
			return err == nil && len(g.Members) == replicas && g.Leader == primary
		}); err != nil {
			return err
		}
	}
	s.Say("five replicas in three zones: 1 and 2 in the west, 3 and 4 in the east, 5 in the north; %d is the primary", primary)
	return nil
}

// at is how to ask one replica, whatever its session: what it tells may be old.
func (s *stage) at(id int) *kv.Client { return kv.NewClient(s.probes[id-1]).With(kv.Eventual) }

// open returns a client of some replicas, which tries for a while.
func (s *stage) open(ctx context.Context, patience time.Duration, ids ...int) (*client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, group.Late)
	defer cancel()
	return client.Open(ctx, client.Options{Addrs: s.group.Addrs(ids...), Session: session.Config{
		Timeout: machine.Time(patience), Attempt: 5 * machine.Second, Backoff: 2 * machine.Millisecond,
		MaxDelay: 50 * machine.Millisecond, Retries: 10_000,
	}})
}

// close ends what the Show does not end by itself.
func (s *stage) close() {
	for _, end := range s.closing {
		end()
	}
	closeAll(s.probes)
	if s.group != nil {
		s.group.Close()
	}
}

func (s *stage) onClose(end func()) { s.closing = append(s.closing, end) }

func closeAll(clients []*client.Client) {
	for _, c := range clients {
		_ = c.Close() // servers of this stage keep nothing of a client
	}
}

// stop ends the replicas, as SIGTERM does.
func (s *stage) stop(ctx context.Context) error {
	row := demo.Row{What: "the replicas were told to stop", Note: "exit code 0"}
	for _, id := range anybody {
		if err := s.group.Stop(ctx, id); err != nil && row.Err == nil {
			row.Err = err
		}
	}
	s.Row(row)
	return nil
}
