package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"dss.example/common/blob"
	"dss.example/common/daemon/cli"
	"dss.example/common/disk"

	"dss.example/p2-persist/fsck"
)

func (a *app) fsck() *cli.Command {
	var rate rateValue
	var mend bool
	return &cli.Command{
		Name: "fsck", Brief: "tell exactly what is wrong with the store, and mend what can be mended",
		Detail: `It reads all files of the store, all blobs, and all that heads lead to, and changes nothing
without -mend. A line tells what is wrong, where, and behind "mend:" what -mend does
about it; that never takes what a head leads to. The exit code is 1 if there is damage,
with -mend if any is left. What a crash leaves is none.`,
		Example: "blob fsck\nblob fsck -mend -rate 50MB",
		Flags: func(f *flag.FlagSet) {
			rateFlag(f, &rate)
			f.BoolVar(&mend, "mend", false, "mend what can be mended, and check again")
			a.printFlags(f)
		},
		Run: func(ctx context.Context, _ []string, std cli.Std) error {
			dir, err := a.existing()
			if err != nil {
				return err
			}
			d, err := disk.OpenDir(dir)
			if err != nil {
				return fmt.Errorf("-store: %w", err)
			}
			s := &store{app: a, Std: std, kept: "want to begin again: it takes up no half-done work"}
			return s.settle(ctx, s.check(ctx, dir, d, fsck.Options{Rate: int64(rate), Mend: mend}), d.Close)
		},
	}
}

// check checks the store on a disk and prints what is wrong.
func (s *store) check(ctx context.Context, dir string, d disk.Disk, o fsck.Options) error {
	p := s.progress()
	o.Progress = func(now fsck.Progress) {
		p.show(func() string {
			return fmt.Sprintf("%s: %s read, %s verified, %d met", now.Phase, s.size(now.Read), plural(now.Blobs, "blob"), now.Met)
		})
	}
	report, err := fsck.Check(ctx, d, o)
	p.done()
	if err != nil {
		if errors.Is(err, ctx.Err()) {
			return err
		}
		return inUse(dir, err)
	}
	if err := s.printReport(report); err != nil {
		return err
	}
	if !report.IsHealthy() {
		return cli.Exit(cli.NotDone)
	}
	return nil
}

// findingJSON is a finding for -json.
type findingJSON struct {
	Kind   fsck.Kind `json:"kind"`
	Damage bool      `json:"damage"`
	Where  string    `json:"where,omitempty"`
	ID     *blob.ID  `json:"id,omitempty"`
	What   string    `json:"what"`
	Mend   string    `json:"mend,omitempty"`
}

func jsonFindings(findings []fsck.Finding) []findingJSON {
	list := []findingJSON{}
	for _, f := range findings {
		j := findingJSON{Kind: f.Kind, Damage: !f.Kind.IsHarmless(), Where: f.Where, What: f.What, Mend: f.Mend}
		if !f.ID.IsZero() {
			j.ID = &f.ID
		}
		list = append(list, j)
	}
	return list
}

// reportJSON is a report for -json.
type reportJSON struct {
	Healthy   bool          `json:"healthy"`
	Heads     int           `json:"heads"`
	Snapshots int           `json:"snapshots"`
	Blobs     int           `json:"blobs"`
	Bytes     int64         `json:"bytes"`
	Findings  []findingJSON `json:"findings"`
	More      int           `json:"more"`
	Mended    []findingJSON `json:"mended"`
}

func (s *store) printReport(r fsck.Report) error {
	if s.json {
		return printJSON(s.Out, reportJSON{
			r.IsHealthy(), r.Heads, r.Snapshots, r.Blobs, r.Bytes, jsonFindings(r.Findings), r.More, jsonFindings(r.Mended),
		})
	}
	for _, f := range r.Mended {
		fmt.Fprintf(s.Out, "mended: %s\n", sentence(f))
	}
	for _, f := range r.Findings {
		fmt.Fprintln(s.Out, sentence(f))
		if f.Mend != "" {
			fmt.Fprintf(s.Out, "  mend: %s\n", clean(f.Mend))
		}
	}
	if r.More > 0 {
		fmt.Fprintf(s.Out, "and %d more\n", r.More)
	}
	verdict := "healthy"
	if !r.IsHealthy() {
		verdict = "damaged"
	}
	_, err := fmt.Fprintf(s.Out, "%s, %s, %s, %s: %s\n", plural(r.Heads, "head"), plural(r.Snapshots, "snapshot"),
		plural(r.Blobs, "blob"), s.size(r.Bytes), verdict)
	return err
}

// sentence is a finding in one line.
func sentence(f fsck.Finding) string {
	line := string(f.Kind)
	if f.Where != "" {
		line += " " + printable(f.Where)
	}
	if !f.ID.IsZero() {
		line += " " + f.ID.String()
	}
	return line + ": " + clean(f.What)
}
