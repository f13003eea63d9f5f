package main

import (
	"context"
	"flag"
	"fmt"

	"dss.example/common/blob"
	"dss.example/common/daemon/cli"

	"dss.example/p2-persist/dir"
	"dss.example/p2-persist/history"
)

func (a *app) diff() *cli.Command {
	var stat bool
	return &cli.Command{
		Name: "diff", Brief: "show what differs between two snapshots", Args: "SPEC [SPEC]",
		Detail: `A line is what has happened to a path from the first to the second: + it is new, - it is
gone, M it has changed. With one SPEC, that snapshot is compared with the one before it.`,
		Example: "blob diff main~2 main\nblob diff -stat main@-1w main",
		Flags: func(f *flag.FlagSet) {
			a.printFlags(f)
			f.BoolVar(&stat, "stat", false, "print counts only")
		},
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			return a.with(ctx, std, func(ctx context.Context, s *store) error {
				before, after, err := s.sides(args)
				if err != nil {
					return err
				}
				return s.diff(ctx, before, after, stat)
			})
		},
	}
}

// sides returns the two directories that a diff is about.
func (s *store) sides(args []string) (before, after blob.ID, err error) {
	if len(args) == 1 {
		t, err := s.find(args[0], "")
		if err == nil && t.Kind != snapshotKind {
			err = cli.Usagef("%s is no snapshot: want two SPECs", args[0])
		}
		if err != nil {
			return before, after, err
		}
		snapshot, err := history.Load(s.Blobs, t.ID)
		if err == nil && len(snapshot.Parents) == 0 {
			err = fmt.Errorf("%s is the first snapshot: want another one to compare it with", args[0])
		}
		if err != nil {
			return before, after, err
		}
		args = []string{snapshot.Parents[0].String(), t.ID.String()}
	}
	if before, err = s.directory(args[0], ""); err == nil {
		after, err = s.directory(args[1], "")
	}
	return before, after, err
}

// changeJSON is a change for -json.
type changeJSON struct {
	Path   string     `json:"path"`
	Change string     `json:"change"`
	Before *entryJSON `json:"before,omitempty"`
	After  *entryJSON `json:"after,omitempty"`
}

// diffStats counts changes.
type diffStats struct {
	Added        int64 `json:"added"`
	Removed      int64 `json:"removed"`
	Changed      int64 `json:"changed"`
	AddedBytes   int64 `json:"added_bytes"`
	RemovedBytes int64 `json:"removed_bytes"`
	ChangedBytes int64 `json:"changed_bytes"` // as they are now
}

func (s *store) diff(ctx context.Context, before, after blob.ID, stat bool) error {
	var total diffStats
	for c, err := range dir.Diff(s.Blobs, before, after) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		sign := total.add(c)
		if stat {
			continue
		}
		if err := s.printChange(c, sign); err != nil {
			return err
		}
	}
	switch {
	case !stat:
		return nil
	case s.json:
		return printJSON(s.Out, total)
	}
	_, err := fmt.Fprintf(s.Out, "+ %d (%s), - %d (%s), M %d (%s)\n", total.Added, s.size(total.AddedBytes),
		total.Removed, s.size(total.RemovedBytes), total.Changed, s.size(total.ChangedBytes))
	return err
}

// add counts a change and returns its sign.
func (d *diffStats) add(c dir.Change) string {
	switch {
	case c.Before == nil:
		d.Added++
		d.AddedBytes += c.After.Size
		return "+"
	case c.After == nil:
		d.Removed++
		d.RemovedBytes += c.Before.Size
		return "-"
	}
	d.Changed++
	d.ChangedBytes += c.After.Size
	return "M"
}

func (s *store) printChange(c dir.Change, sign string) error {
	if s.json {
		j := changeJSON{Path: c.Path, Change: sign}
		for _, side := range []struct {
			e  *dir.Entry
			to **entryJSON
		}{{c.Before, &j.Before}, {c.After, &j.After}} {
			if side.e != nil {
				entry := jsonEntry("", *side.e)
				*side.to = &entry
			}
		}
		return printJSON(s.Out, j)
	}
	one := c.After
	if one == nil {
		one = c.Before
	}
	line := sign + " " + label(c.Path, *one)
	switch {
	case one.Kind != dir.File:
	case c.Before != nil && c.After != nil && c.Before.Kind == dir.File:
		line += fmt.Sprintf("  %s -> %s", s.size(c.Before.Size), s.size(c.After.Size))
	default:
		line += "  " + s.size(one.Size)
	}
	_, err := fmt.Fprintln(s.Out, line)
	return err
}
