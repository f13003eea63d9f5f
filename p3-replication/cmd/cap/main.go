//go:build unix

// Cap runs the same partition against the servers of stage 3 and of stage 4, counts what became
// of every operation, and prints both side by side: who is cut off can have answers or the truth,
// and which of them a store gives up is its choice (Brewer's conjecture; Gilbert and Lynch 2002).
//
//	main.go   both stores, one after the other
//	run.go    a store: before the partition, in it, and after it
//	judge.go  what became of the operations, and whether they were told the truth
//	table.go  how that is told
package main

import (
	"context"
	"os"

	"dss.example/common/daemon/cli"
	"dss.example/common/demo"
)

func main() {
	// The demo sees to signals itself.
	os.Exit(cli.Run(context.Background(), command(), os.Args[1:], cli.Std{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

func command() *cli.Command {
	return demo.Command(cli.Command{
		Name:  "cap",
		Brief: "run the same partition against stage 3 and stage 4, and count",
		Detail: `It starts three replicas of each stage, the one after the other, and cuts off the one that
gives the order: stage 3's primary, stage 4's leader. Clients on both sides read and write the same
keys all the time. Each operation is counted as answered, refused or of unknown outcome, and all
answers are judged: about a minute. Its last line says PASSED or FAILED; it leaves nothing behind.`,
		Example: "go run ./p3-replication/cmd/cap",
	}, demo.Program{
		Title: "The same partition, run against stage 3 (Bayou) and stage 4 (Paxos)",
		Next:  "make sim STAGE=3   # every fault, one schedule after the other",
		Run:   play,
	})
}

// stores are what is compared: who is parted from whom is the same.
var stores = [...]store{
	{3, "dss.example/p3-replication/cmd/kvd"},
	{4, "dss.example/p4-consensus/cmd/kvd"},
}

// store is the servers of a stage.
type store struct {
	stage int
	kvd   string // import path of the server
}

func play(ctx context.Context, s *demo.Show) error {
	step := s.Begin("build the servers of both stages", int64(len(stores)), "programs")
	programs, err := s.Build(ctx, stores[0].kvd, stores[1].kvd)
	if err != nil {
		return err
	}
	step.Add(int64(len(programs)))
	step.End()
	var found [len(stores)]*verdict
	for i, store := range stores {
		r, err := run(ctx, s, store.stage, programs[i])
		if err != nil {
			return err
		}
		found[i] = r.judge()
	}
	for _, row := range rows(found[0], found[1]) {
		s.Row(row)
	}
	s.Summary(table(found[0], found[1]) + "\n" + moral(found[0], found[1]))
	return nil
}
