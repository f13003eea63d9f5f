// Overlay tells the same news to servers in several zones by a tree, by a tree with gossip behind,
// by gossip alone and by mail, and prints side by side how long it takes, what is sent, and what each
// of them loses when a server within the tree dies.
package main

import (
	"context"
	"flag"
	"fmt"
	"hash/fnv"
	"os"

	"dss.example/common/daemon/cli"
	"dss.example/p3-replication/topology"
	"dss.example/p3-replication/topology/proto"
)

func main() { cli.Main(command()) }

// options are what the flags say.
type options struct {
	servers, items int
	seed           uint64
	mapFile        string
}

// continents is the map without -map.
const continents = `
virginia   1ms
oregon    70ms    1ms
ireland   80ms  130ms    1ms
tokyo    150ms  100ms  210ms  1ms
`

// The least that shows something, and the most that a run's time is good for.
const (
	minServers = 4
	maxItems   = 1000
)

func command() *cli.Command {
	var o options
	return &cli.Command{
		Name:  "overlay",
		Brief: "tell news by trees and by gossip, and kill a server within the tree",
		Detail: `All ways run in the simulator, over the same map. First items are published one by one, while all is
well; then the server with the most neighbours in the tree dies, and as many again are published
from that moment on. "lost" is how many times an item never came to a server that lived; an item
is "hurt" if that happened, or if it came to the last one more than three times as late as any did
before, and "until" is when after the death the last of these was published.

A map has a line for each zone: its name, the round-trip times to the zones of the lines before, and
the time within. Servers are placed in the zones by turns.

The last line is hash=...: the same for the same flags, on any machine. overlay exits with 1 if
a way loses something that has gossip behind.`,
		Example: "overlay\noverlay -servers 48 -seed 7\noverlay -map zones.txt",
		Flags: func(f *flag.FlagSet) {
			f.IntVar(&o.servers, "servers", 24, "let there be `N` servers")
			f.IntVar(&o.items, "items", 40, "publish `N` items before the death, and as many after it")
			f.Uint64Var(&o.seed, "seed", 1, "begin with seed `N`")
			f.StringVar(&o.mapFile, "map", "", "take zones and round-trip times from `FILE`")
		},
		Run: func(ctx context.Context, _ []string, std cli.Std) error { return run(ctx, o, std) },
	}
}

// zones checks the options, and returns their map.
func (o *options) zones() (*topology.Map, error) {
	switch {
	case o.servers < minServers || o.servers > proto.MaxPlaces:
		return nil, cli.Usagef("bad value %d for -servers: want %d to %d", o.servers, minServers, proto.MaxPlaces)
	case o.items < 1 || o.items > maxItems:
		return nil, cli.Usagef("bad value %d for -items: want 1 to %d", o.items, maxItems)
	case o.mapFile == "":
		return topology.ParseMap(continents)
	}
	text, err := os.ReadFile(o.mapFile)
	if err != nil {
		return nil, err
	}
	m, err := topology.ParseMap(string(text))
	if err != nil {
		return nil, cli.Usagef("bad map %s: %v", o.mapFile, err)
	}
	return m, nil
}

// run prints the table. Its error is that something was lost that must not be.
func run(ctx context.Context, o options, std cli.Std) error {
	m, err := o.zones()
	if err != nil {
		return err
	}
	e := experiment{layout: m.Spread(o.servers), options: o}
	var rows []result
	broken := 0
	for _, w := range ways() {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := e.measure(w)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		rows = append(rows, r)
		if w.sure {
			broken += r.before.lost + r.after.lost
		}
	}
	text := e.table(rows)
	hash := fnv.New64a()
	fmt.Fprint(hash, text)
	fmt.Fprintf(std.Out, "%s\nhash=%016x\n", text, hash.Sum64())
	if broken > 0 {
		fmt.Fprintf(std.Err, "overlay: %d items were lost by ways that have gossip behind\n", broken)
		return cli.Exit(cli.NotDone)
	}
	return nil
}
