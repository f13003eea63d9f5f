package main

import (
	"context"
	"flag"
	"fmt"
	"math"

	"dss.example/common/blob"
	"dss.example/common/daemon/cli"

	"dss.example/p2-persist/dir"
	"dss.example/p2-persist/history"
)

func (a *app) stats() *cli.Command {
	var all bool
	return &cli.Command{
		Name: "stats", Brief: "tell what is in the store, and what it costs",
		Detail: `Dead are the bytes of deleted blobs, which gc gives back. -all reads the directories of
all snapshots too, and tells what they would take without sharing anything. What writing
took (write amplification, syncs) is told by snapshot -json and import -json.`,
		Flags: func(f *flag.FlagSet) {
			f.BoolVar(&all, "all", false, "compare with what all snapshots hold")
			a.printFlags(f)
		},
		Run: func(ctx context.Context, _ []string, std cli.Std) error {
			return a.with(ctx, std, func(ctx context.Context, s *store) error { return s.stats(ctx, all) })
		},
	}
}

// statsJSON is what a store holds, for -json.
type statsJSON struct {
	Blobs   int    `json:"blobs"`
	Bytes   int64  `json:"bytes"` // of blobs
	Heads   int    `json:"heads"`
	Packs   int    `json:"packs"`
	Live    int64  `json:"live_bytes"` // of packs
	Dead    int64  `json:"dead_bytes"`
	Damaged int    `json:"damaged"`
	Lost    uint64 `json:"lost_records"`

	Rebuilt   int   `json:"indexes_rebuilt"` // while it was opened
	Recovered int64 `json:"torn_bytes_cut"`

	*sharedJSON
}

// sharedJSON is what -all adds.
type sharedJSON struct {
	Snapshots int   `json:"snapshots"`
	Logical   int64 `json:"logical_bytes"` // of the files of all snapshots
}

func (s *store) stats(ctx context.Context, all bool) error {
	heads, err := s.Heads.List()
	if err != nil {
		return err
	}
	p := s.Blobs.Stats()
	j := statsJSON{
		Blobs: p.Blobs, Bytes: p.Bytes, Heads: len(heads), Packs: p.Packs, Live: p.Live, Dead: p.Dead,
		Damaged: p.Damaged, Lost: p.Lost, Rebuilt: p.Rebuilt, Recovered: p.Recovered,
	}
	if all {
		if j.sharedJSON, err = s.shared(ctx); err != nil {
			return err
		}
	}
	if s.json {
		return printJSON(s.Out, j)
	}
	return s.printStats(j)
}

func (s *store) printStats(j statsJSON) error {
	fmt.Fprintf(s.Out, "blobs      %d, %s\n", j.Blobs, s.size(j.Bytes))
	fmt.Fprintf(s.Out, "heads      %d\n", j.Heads)
	fmt.Fprintf(s.Out, "packs      %d, %s live, %s dead (%s)\n", j.Packs, s.size(j.Live), s.size(j.Dead), share(j.Dead, j.Live+j.Dead))
	if j.sharedJSON != nil && j.Bytes > 0 {
		fmt.Fprintf(s.Out, "snapshots  %d, %s without sharing: %.2f times the bytes of blobs\n", j.Snapshots, s.size(j.Logical),
			float64(j.Logical)/float64(j.Bytes))
	}
	if j.Rebuilt > 0 || j.Recovered > 0 {
		fmt.Fprintf(s.Out, "recovered  %s rebuilt, %s of a torn end cut\n", plural(j.Rebuilt, "index file"), s.size(j.Recovered))
	}
	_, err := fmt.Fprintf(s.Out, "damaged    %s known, %s beyond recognition\n", plural(j.Damaged, "blob"), plural(j.Lost, "record"))
	return err
}

// shared adds up the files of all snapshots that branches and tags lead to.
func (s *store) shared(ctx context.Context) (*sharedJSON, error) {
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	total, seen, sizes := &sharedJSON{}, map[blob.ID]bool{}, sizes{store: s.Blobs, known: map[blob.ID]int64{}}
	for tip := range names {
		for e, err := range history.Log(s.Blobs, tip) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return nil, err
			}
			if seen[e.ID] {
				continue
			}
			seen[e.ID] = true
			root, err := s.identify(e.Root)
			if err == nil && root.Kind == dir.Dir {
				var n int64
				n, err = sizes.of(ctx, e.Root, 1)
				total.Logical = add(total.Logical, n)
				total.Snapshots++
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return total, nil
}

// sizes adds up the files below directories, each directory once.
type sizes struct {
	store blob.Store
	known map[blob.ID]int64
}

func (z sizes) of(ctx context.Context, id blob.ID, depth int) (int64, error) {
	if n, ok := z.known[id]; ok {
		return n, nil
	}
	if depth > dir.MaxDepth {
		return 0, dir.ErrTooDeep
	}
	d, err := dir.Load(z.store, id)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for e, err := range d.Entries() {
		n := e.Size
		if err == nil && e.Kind == dir.Dir {
			n, err = z.of(ctx, e.Link, depth+1)
		}
		if err != nil {
			return 0, err
		}
		total = add(total, n)
	}
	z.known[id] = total
	return total, nil
}

// add stops at the largest number: entries may claim any size.
func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
