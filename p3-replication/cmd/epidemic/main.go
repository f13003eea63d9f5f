// Epidemic prints the tables of Demers et al., Epidemic Algorithms for Replicated Database
// Maintenance (PODC 1987), as the sites of package gossip make them, beside the paper's figures.
package main

import (
	"context"
	"flag"
	"fmt"
	"hash/fnv"

	"dss.example/common/daemon/cli"
	"dss.example/p3-replication/cmd/epidemic/cycles"
	"dss.example/p3-replication/gossip"
)

func main() { cli.Main(command()) }

// options are what the flags say.
type options struct {
	sites, trials int
	seed          uint64
	table         int
}

func command() *cli.Command {
	var o options
	return &cli.Command{
		Name:  "epidemic",
		Brief: "print the tables of the epidemics' paper beside ours",
		Detail: `Each line is the mean of many epidemics, one update each, in synchronous cycles. A figure
that lies farther from the paper's than the tolerance of its column is marked, and epidemic
exits with 1; the paper's figures are for 1,000 sites. The last line on the standard output is
hash=...: the same for the same flags, on any machine.`,
		Example: "epidemic\nepidemic -table 3 -trials 200\nepidemic -table 4 -seed 7",
		Flags: func(f *flag.FlagSet) {
			f.IntVar(&o.sites, "sites", 1000, "let the network have `N` sites")
			f.IntVar(&o.trials, "trials", 40, "take the mean of `N` epidemics")
			f.Uint64Var(&o.seed, "seed", 1, "begin with seed `N`")
			f.IntVar(&o.table, "table", 0, "print only the paper's table `N`, 1 to 5; 0 is all")
		},
		Run: func(ctx context.Context, _ []string, std cli.Std) error { return run(ctx, o, std) },
	}
}

func (o *options) check() error {
	switch {
	case o.sites < cycles.MinSites || o.sites > gossip.MaxPeers:
		return cli.Usagef("bad value %d for -sites: want %d to %d", o.sites, cycles.MinSites, gossip.MaxPeers)
	case o.trials < 1:
		return cli.Usagef("bad value %d for -trials: want 1 or more", o.trials)
	case o.table < 0 || o.table > len(tables()):
		return cli.Usagef("bad value %d for -table: want 1 to %d, or 0 for all", o.table, len(tables()))
	}
	return nil
}

// run prints the tables. Its error is that a figure lies outside.
func run(ctx context.Context, o options, std cli.Std) error {
	if err := o.check(); err != nil {
		return err
	}
	hash, outside := fnv.New64a(), 0
	for _, t := range tables() {
		if o.table != 0 && o.table != t.number {
			continue
		}
		text, out, err := t.print(ctx, o)
		if err != nil {
			return err
		}
		outside += out
		fmt.Fprintln(hash, text)
		fmt.Fprintln(std.Out, text)
	}
	fmt.Fprintln(std.Out, summary(outside))
	fmt.Fprintf(std.Out, "hash=%016x\n", hash.Sum64())
	if outside > 0 {
		return cli.Exit(cli.NotDone)
	}
	return nil
}

func summary(outside int) string {
	if outside == 0 {
		return "all figures within tolerance"
	}
	return fmt.Sprintf("%d figures outside their tolerance, marked with !", outside)
}
