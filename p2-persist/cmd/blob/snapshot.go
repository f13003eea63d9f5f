package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/user"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"dss.example/common/blob"
	"dss.example/common/daemon/cli"

	"dss.example/p2-persist/chunk"
	"dss.example/p2-persist/dir"
	"dss.example/p2-persist/history"
)

// clockSlack is by how much the clock of a file system may be behind ours: kernels stamp
// files with the time of their last tick.
const clockSlack = 100 * time.Millisecond

func (a *app) snapshot() *cli.Command {
	var o snapshotOptions
	return &cli.Command{
		Name: "snapshot", Brief: "keep a directory as it is now", Args: "DIR",
		Detail: `Prints the ID of the snapshot, and on the standard error what it took. A file whose size,
time and mode are those of the branch's newest snapshot is not read again: so a branch is
for one directory and one -chunk, and -full reads all. If nothing has changed there is no
new snapshot, and the ID is that of the newest, unless -force.

What cannot be read is listed, and there is no snapshot, unless -skip-errors takes it
without. After an interrupt what was stored is there, and the same command goes on.`,
		Example: "blob snapshot -m 'before the move' ~/doc\nblob snapshot -branch photos -exclude '*.tmp' -exclude cache/thumbs ~/photos",
		Flags:   func(f *flag.FlagSet) { o.declare(f, a) },
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			if err := o.check(); err != nil {
				return err
			}
			return a.withNew(ctx, std, func(ctx context.Context, s *store) error { return s.snapshot(ctx, args[0], o) })
		},
	}
}

type snapshotOptions struct {
	branch, message, author string
	exclude                 []string
	cutter                  chunk.Cutter
	workers                 int
	full, force, skip       bool
	at                      time.Time // zero: now
}

func (o *snapshotOptions) declare(f *flag.FlagSet, a *app) {
	*o = snapshotOptions{}
	f.StringVar(&o.branch, "branch", mainBranch, "add the snapshot to branch `NAME`, which is made if it is missing")
	f.StringVar(&o.message, "m", "", "say why, in `TEXT`")
	f.StringVar(&o.author, "author", "", "say who, in `TEXT` (default the user's name)")
	f.Func("exclude", "leave out what matches `PATTERN`: a name anywhere, or with a / a path from DIR on; may be repeated", func(s string) error {
		o.exclude = append(o.exclude, s)
		_, err := path.Match(s, "")
		return err
	})
	cutterFlag(f, &o.cutter)
	f.IntVar(&o.workers, "workers", 0, "work at `N` files at a time, 1 to 16; 0 is one a processor")
	f.Func("time", "date the snapshot `TIME`, in the past, such as 2026-01-02T15:04:05Z (default now)", func(s string) (err error) {
		o.at, err = parsePast(s)
		return err
	})
	f.BoolVar(&o.full, "full", false, "read all files, also those that look unchanged")
	f.BoolVar(&o.force, "force", false, "make a snapshot also if nothing has changed")
	f.BoolVar(&o.skip, "skip-errors", false, "make the snapshot without what cannot be read")
	f.BoolVar(&a.json, "json", false, "print what it took as JSON on the standard output")
	f.BoolVar(&a.exact, "bytes", false, "print sizes in bytes")
}

// parsePast refuses the future: files that are older than a snapshot may be left unread.
func parsePast(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.After(time.Now()) || t.Year() < 1678 {
		return t, errors.New("want a time in the past such as 2026-01-02T15:04:05Z")
	}
	return t, nil
}

func (o *snapshotOptions) check() error {
	if err := history.CheckName(o.branch); err != nil {
		return cli.Usagef("bad value %q for -branch: %v", o.branch, err)
	}
	if o.workers < 0 || o.workers > dir.MaxWorkers {
		return cli.Usagef("bad value %d for -workers: want 0 to %d", o.workers, dir.MaxWorkers)
	}
	if o.workers == 0 {
		o.workers = min(max(runtime.GOMAXPROCS(0), 2), dir.MaxWorkers)
	}
	if o.author == "" {
		if u, err := user.Current(); err == nil {
			o.author = u.Username
		}
	}
	return nil
}

// taken is what a snapshot took, for -json too.
type taken struct {
	Snapshot blob.ID `json:"snapshot"`
	New      bool    `json:"new"` // false: nothing had changed
	Files    int64   `json:"files"`
	Bytes    int64   `json:"bytes"`
	Read     int64   `json:"bytes_read"`
	written
}

// written is what this process has written, for -json.
type written struct {
	Stored        int64   `json:"bytes_stored"`  // of blobs that were not there before
	Written       int64   `json:"bytes_written"` // to packs
	Amplification float64 `json:"write_amplification"`
	Blobs         int64   `json:"blobs_stored"`
	Dedups        int64   `json:"blobs_shared"` // that were put, and were there
	Syncs         int64   `json:"syncs"`
}

func (s *store) written() written {
	p := s.Blobs.Stats()
	return written{
		Stored: p.PutBytes, Written: p.Written, Amplification: float64(p.Written) / float64(max(p.PutBytes, 1)),
		Blobs: p.Puts, Dedups: p.Dedups, Syncs: p.Syncs,
	}
}

// snapshot takes a snapshot and adds it to its branch.
func (s *store) snapshot(ctx context.Context, name string, o snapshotOptions) error {
	s.kept = "what was stored is kept, branch " + o.branch + " has not moved: the same command goes on from there"
	if err := s.mustLieOutside(name, o.exclude); err != nil {
		return err
	}
	tip, err := s.tip(o.branch)
	if err != nil {
		return err
	}
	if o.at.IsZero() {
		o.at = time.Now() // before the first file is read
	}
	root, stats, err := s.scan(ctx, name, tip.Snapshot, o)
	if err != nil {
		return err
	}
	t := taken{Snapshot: tip.ID, New: o.force || tip.Root != root, Files: stats.Files, Bytes: stats.Bytes, Read: stats.BytesRead}
	if t.New {
		next := history.Snapshot{Root: root, Time: o.at.UnixNano(), Author: o.author, Message: o.message}
		if !tip.ID.IsZero() {
			next.Parents = []blob.ID{tip.ID}
		}
		if t.Snapshot, err = s.Commit(o.branch, next); err != nil {
			return err
		}
	}
	t.written = s.written()
	return s.printTaken(t)
}

// tip returns the newest snapshot of a branch, the zero Entry if there is none.
func (s *store) tip(branch string) (history.Entry, error) {
	refs, err := s.Branches()
	if err != nil {
		return history.Entry{}, err
	}
	i := slices.IndexFunc(refs, func(r history.Ref) bool { return r.Name == branch })
	if i < 0 {
		return history.Entry{}, nil
	}
	snapshot, err := history.Load(s.Blobs, refs[i].ID)
	return history.Entry{ID: refs[i].ID, Snapshot: snapshot}, err
}

// scan stores the directory. previous is the snapshot before, or zero.
func (s *store) scan(ctx context.Context, name string, previous history.Snapshot, o snapshotOptions) (blob.ID, dir.ScanStats, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return blob.ID{}, dir.ScanStats{}, err
	}
	defer root.Close()
	p := s.progress()
	defer p.done()
	options := dir.ScanOptions{
		Cutter: o.cutter, Workers: o.workers, Exclude: o.exclude, KeepGoing: o.skip,
		Progress: func(now dir.ScanStats) {
			p.show(func() string {
				return fmt.Sprintf("%s, %s, %s of it read", plural(now.Files, "file"), s.size(now.Bytes), s.size(now.BytesRead))
			})
		},
	}
	if !o.full && !previous.Root.IsZero() {
		options.Previous, options.Since = previous.Root, previous.Time-int64(clockSlack)
	}
	id, stats, err := dir.Scan(ctx, root.FS(), s.Blobs, options)
	p.done()
	s.report(stats.Problems)
	s.report(stats.Skipped)
	switch {
	case errors.Is(err, dir.ErrIncomplete):
		err = fmt.Errorf("%s could not be read: want -exclude for it, or -skip-errors", plural(stats.Problems.Count, "path"))
	case errors.Is(err, blob.ErrCorrupt), errors.Is(err, blob.ErrNotFound):
		err = fmt.Errorf("%w: want -full, which does not ask the snapshot before", err)
	}
	return id, stats, err
}

// mustLieOutside refuses to keep the store in itself: it would grow while it is read.
func (s *store) mustLieOutside(name string, exclude []string) error {
	place, err := s.place()
	if err != nil {
		return err
	}
	inside, err := relative(name, place)
	if err != nil || inside == ".." || strings.HasPrefix(inside, "../") {
		return err
	}
	for _, pattern := range exclude {
		if matched, _ := path.Match(pattern, inside); matched {
			return nil
		}
		if matched, _ := path.Match(pattern, path.Base(inside)); matched {
			return nil
		}
	}
	return fmt.Errorf("the store lies in %s: want it elsewhere, or -exclude %q", name, inside)
}

// relative returns the path from one directory to another, past symbolic links.
func relative(from, to string) (string, error) {
	for _, p := range []*string{&from, &to} {
		whole, err := filepath.Abs(*p)
		if err == nil {
			whole, err = filepath.EvalSymlinks(whole)
		}
		if err != nil {
			return "", err
		}
		*p = whole
	}
	way, err := filepath.Rel(from, to)
	if err != nil {
		return "..", nil // another volume
	}
	return filepath.ToSlash(way), nil
}

func (s *store) printTaken(t taken) error {
	if s.json {
		return printJSON(s.Out, t)
	}
	if _, err := fmt.Fprintln(s.Out, t.Snapshot); err != nil {
		return err
	}
	shared := t.Bytes - min(t.Read, t.Stored) // at least: what was stored are directories too
	line := fmt.Sprintf("%s, %s: %s read, %s stored, %s shared", plural(t.Files, "file"), s.size(t.Bytes),
		s.size(t.Read), s.size(t.Stored), s.size(shared))
	if !t.New {
		line = fmt.Sprintf("nothing has changed since this snapshot (%s, %s)", plural(t.Files, "file"), s.size(t.Bytes))
	}
	_, err := fmt.Fprintln(s.Err, line)
	return err
}
