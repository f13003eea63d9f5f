package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"dss.example/common/blob"
	"dss.example/common/daemon/cli"

	"dss.example/p2-persist/collect"
	"dss.example/p2-persist/pack"
)

func (a *app) gc() *cli.Command {
	var o collect.Options
	return &cli.Command{
		Name: "gc", Brief: "delete what nothing leads to, and give its space back",
		Detail: `What branches, tags and other heads lead to is kept, with all snapshots before it. With
-grace a blob must have been found unneeded by a gc so long ago: the first one only
notes it. If a head or an object on the way is damaged, nothing is deleted, for nobody
knows what it led to: fsck tells. After an interrupt the next gc does the rest.`,
		Example: "blob gc -dry-run\nblob gc -grace 24h",
		Flags: func(f *flag.FlagSet) {
			o = collect.Options{}
			f.BoolVar(&o.DryRun, "dry-run", false, "tell what would be deleted, and change nothing")
			f.DurationVar(&o.Grace, "grace", 0, "keep what was needed within `TIME`, such as 24h")
			f.Float64Var(&o.Live, "live", collect.DefaultLive, "compact packs of which a smaller `SHARE` is needed, up to 1")
			a.printFlags(f)
		},
		Run: func(ctx context.Context, _ []string, std cli.Std) error {
			switch {
			case o.Grace < 0:
				return cli.Usagef("bad value %v for -grace: want 0 or more", o.Grace)
			case !(o.Live > 0 && o.Live <= 1):
				return cli.Usagef("bad value %v for -live: want above 0 to 1", o.Live)
			}
			return a.with(ctx, std, func(ctx context.Context, s *store) error { return s.collect(ctx, o) })
		},
	}
}

// collectJSON is what a collection did, for -json.
type collectJSON struct {
	DryRun     bool  `json:"dry_run"`
	Blobs      int   `json:"blobs"` // before
	Reached    int   `json:"reached"`
	Condemned  int   `json:"condemned"` // unneeded, but not for long enough
	Swept      int   `json:"swept"`
	SweptBytes int64 `json:"swept_bytes"`
	Copied     int64 `json:"copied_bytes"`
	Freed      int64 `json:"freed_bytes"` // of packs, without what was copied
}

func (s *store) collect(ctx context.Context, o collect.Options) error {
	s.kept = "all that is needed is there: the next gc does the rest"
	p := s.progress()
	o.Progress = func(now collect.Stats) {
		p.show(func() string {
			return fmt.Sprintf("%s: %d of %s reached, %d swept", now.Phase, now.Reached, plural(now.Blobs, "blob"), now.Swept)
		})
	}
	stats, err := collect.Run(ctx, s.Blobs, s.Heads, o)
	p.done()
	if err != nil {
		return err
	}
	freed := stats.Compact.Freed - stats.Compact.Copied
	if s.json {
		return printJSON(s.Out, collectJSON{
			o.DryRun, stats.Blobs, stats.Reached, stats.Condemned, stats.Swept, stats.SweptBytes, stats.Compact.Copied, freed,
		})
	}
	line := fmt.Sprintf("%s, %d needed, %d deleted (%s), %s given back", plural(stats.Blobs, "blob"), stats.Reached,
		stats.Swept, s.size(stats.SweptBytes), s.size(freed))
	if o.DryRun {
		line = fmt.Sprintf("%s, %d needed, %d would be deleted (%s)", plural(stats.Blobs, "blob"), stats.Reached, stats.Swept, s.size(stats.SweptBytes))
	}
	if stats.Condemned > 0 {
		line += fmt.Sprintf(", %d not needed, but not for long enough", stats.Condemned)
	}
	_, err = fmt.Fprintln(s.Out, line)
	return err
}

// rateFlag declares the flag that makes long reading gentle.
func rateFlag(f *flag.FlagSet, r *rateValue) {
	*r = 0
	f.Var(r, "rate", "read about so many `BYTES` a second, such as 50MB; without it as fast as it can")
}

func (a *app) verify() *cli.Command {
	var rate rateValue
	return &cli.Command{
		Name: "verify", Brief: "read every blob and compare it with its ID",
		Detail: `Damaged blobs are listed, and the exit code is 1. To put the same file again, or to take
a snapshot -full of it, heals them; fsck tells what they belong to.`,
		Example: "blob verify -rate 50MB",
		Flags: func(f *flag.FlagSet) {
			rateFlag(f, &rate)
			a.printFlags(f)
		},
		Run: func(ctx context.Context, _ []string, std cli.Std) error {
			return a.with(ctx, std, func(ctx context.Context, s *store) error { return s.verify(ctx, int64(rate)) })
		},
	}
}

// verifyJSON is what a verification found, for -json.
type verifyJSON struct {
	Blobs   int       `json:"blobs"`
	Bytes   int64     `json:"bytes"`
	Damaged []blob.ID `json:"damaged"`
	More    int       `json:"more"`
	Lost    uint64    `json:"lost_records"`
}

func (s *store) verify(ctx context.Context, rate int64) error {
	p, whole, began := s.progress(), s.Blobs.Stats(), time.Now()
	stats, err := s.Blobs.Verify(ctx, pack.VerifyOptions{Rate: rate, Progress: func(now pack.VerifyStats) {
		p.show(func() string {
			return fmt.Sprintf("%s of %s, %s left", s.size(now.Bytes), s.size(whole.Bytes), left(now.Bytes, whole.Bytes, time.Since(began)))
		})
	}})
	p.done()
	if err != nil {
		return err
	}
	damaged := len(stats.Damaged) + stats.More
	if s.json {
		err = printJSON(s.Out, verifyJSON{stats.Blobs, stats.Bytes, append([]blob.ID{}, stats.Damaged...), stats.More, stats.Lost})
	} else {
		err = s.printVerified(stats, damaged)
	}
	if err == nil && (damaged > 0 || stats.Lost > 0) {
		err = cli.Exit(cli.NotDone)
	}
	return err
}

func (s *store) printVerified(stats pack.VerifyStats, damaged int) error {
	for _, id := range stats.Damaged {
		fmt.Fprintf(s.Out, "damaged  %v\n", id)
	}
	if stats.More > 0 {
		fmt.Fprintf(s.Out, "damaged  and %d more\n", stats.More)
	}
	line := fmt.Sprintf("%s, %s: %d damaged", plural(stats.Blobs, "blob"), s.size(stats.Bytes), damaged)
	if stats.Lost > 0 {
		line += fmt.Sprintf(", and %s damaged beyond recognition", plural(stats.Lost, "record"))
	}
	_, err := fmt.Fprintln(s.Out, line)
	return err
}

// left guesses how long the rest takes.
func left(done, whole int64, took time.Duration) time.Duration {
	if done == 0 {
		return 0
	}
	return time.Duration(float64(took) * float64(whole-done) / float64(done)).Round(time.Second)
}
