// Healing measures what the end of a partition costs the servers of package bayou, in the
// simulator: writes that are rolled back and done again, sessions, bytes, and the time until all
// are equal, against how long the partition was; beside the figures of Bayou's papers.
//
//	main.go     the command line
//	trial.go    one partition, and its end
//	watch.go    servers that can be cut off, and what they send
//	tables.go   the tables, and the papers' figures
//	clock.go    undoing and doing again, by the clock of this machine
//	picture.go  the drawing
package main

import (
	"context"
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"strconv"
	"strings"
	"time"

	"dss.example/common/daemon/cli"
)

func main() { cli.Main(command()) }

// options are what the flags say.
type options struct {
	rates   []int // writes a second, on each side
	longest time.Duration
	most    int
	trials  int
	seed    uint64
	svg     string
	clock   bool
}

// Bounds of the flags.
const (
	maxRate    = 200
	minLongest = time.Second
	maxLongest = 10 * time.Minute
	minMost    = 1000
	maxMost    = 64_000
	maxTrials  = 1000
)

func command() *cli.Command {
	var o options
	return &cli.Command{
		Name:  "healing",
		Brief: "measure what the end of a partition costs, in the simulator",
		Detail: `Five servers, two of them with the primary, are parted from each other; both sides take writes of
100 bytes; then the partition ends, and all is counted until the five are equal. Each partition is
twice as long as the one before. Time is virtual: a message takes 5 ms, however large it is, and a
server that hears of nothing new seeks another one about twice a second.
"rolled back" is of all servers together, and "each" how often a tentative write of the side
without the primary was rolled back at each of its servers.

The second table has two servers, which write m writes by turns before they meet.

The last line is hash=...: the same for the same flags, on any machine.`,
		Example: "healing\nhealing -rates 20 -longest 16s -svg healing.svg\nhealing -clock",
		Flags: func(f *flag.FlagSet) {
			o = options{rates: []int{5, 50}}
			f.Func("rates", "write `N[,N…]` times a second on each side (default 5,50)", func(s string) (err error) {
				o.rates, err = parseRates(s)
				return err
			})
			f.DurationVar(&o.longest, "longest", time.Minute+4*time.Second, "let the longest partition last `TIME`")
			f.IntVar(&o.most, "most", 8000, "interleave up to `N` writes in the second table")
			f.IntVar(&o.trials, "trials", 5, "take the means of `N` partitions")
			f.Uint64Var(&o.seed, "seed", 1, "begin with seed `N`")
			f.StringVar(&o.svg, "svg", "", "draw the first table into `FILE`")
			f.BoolVar(&o.clock, "clock", false, "undo and do again by the clock of this machine, as the paper of 1995 did; it is no part of the hash")
		},
		Run: func(ctx context.Context, _ []string, std cli.Std) error { return run(ctx, o, std) },
	}
}

func parseRates(s string) (rates []int, err error) {
	for word := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > maxRate {
			return nil, fmt.Errorf("rate %q: want 1 to %d writes a second", word, maxRate)
		}
		rates = append(rates, n)
	}
	return rates, nil
}

func (o *options) check() error {
	switch {
	case o.longest < minLongest || o.longest > maxLongest:
		return cli.Usagef("bad value %v for -longest: want %v to %v", o.longest, minLongest, maxLongest)
	case o.most < minMost || o.most > maxMost:
		return cli.Usagef("bad value %d for -most: want %d to %d", o.most, minMost, maxMost)
	case o.trials < 1 || o.trials > maxTrials:
		return cli.Usagef("bad value %d for -trials: want 1 to %d", o.trials, maxTrials)
	}
	return nil
}

// run measures, prints and draws. Its error is that servers did not come to the same.
func run(ctx context.Context, o options, std cli.Std) error {
	if err := o.check(); err != nil {
		return err
	}
	lengths, err := measureLengths(ctx, &o)
	if err != nil {
		return err
	}
	counts, err := measureInterleaved(ctx, &o)
	if err != nil {
		return err
	}
	text := lengthTable(lengths) + "\n" + interleavedTable(counts) + "\n" + papers(lengths)
	hash := fnv.New64a()
	fmt.Fprint(hash, text)
	fmt.Fprint(std.Out, text)
	if o.clock {
		fmt.Fprintf(std.Out, "\n%s", clockTable())
	}
	if o.svg != "" {
		if err := os.WriteFile(o.svg, []byte(draw(lengths)), 0o666); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(std.Out, "hash=%016x\n", hash.Sum64())
	return err
}
