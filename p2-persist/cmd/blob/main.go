// Blob is the program of stage 2 for people: it keeps files, directories and their history
// in a store of immutable blobs, and shows what was.
//
//	main.go      the command line, and the life of an open store
//	spec.go      what SPEC means
//	put.go       put; get.go  get, cat
//	look.go      ls, tree; diff.go  diff
//	snapshot.go  snapshot; restore.go  restore
//	refs.go      log, branch, tag, head
//	care.go      gc, verify; fsck.go  fsck; stats.go  stats
//	dump.go      dump
//	carry.go     export, import
//	serve.go     serve, by package browse
//	print.go     sizes, names, progress
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"dss.example/common/daemon/cli"
	"dss.example/common/disk"
	"dss.example/common/kv"

	"dss.example/p2-persist/datadir"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/pack"
)

func main() { cli.Main(command()) }

// interrupted is the exit code after a signal, as shells know it.
const interrupted = 130

// command is blob with all its verbs.
func command() *cli.Command {
	a := &app{}
	return &cli.Command{
		Name:  "blob",
		Brief: "keep files and their history in a store of immutable blobs",
		Detail: `The store is the directory of -store, or else of $BLOB_STORE; one program at a time
can use it. put, snapshot and import make it, if it is missing.

A SPEC says what is meant:
  main                   the newest snapshot of a branch, or a tag's, or what put -head named
  main~2                 two snapshots before that
  main@2026-01-02        the newest one then; main@2026-01-02T15:04:05Z too
  main@{3h ago} main@-3h the newest one three hours ago; s, m, h, d and w are known
  main:doc/guide.txt     a file or directory in it
  bafyreigx7k            the snapshot whose ID begins so
  ID ID:doc/guide.txt    any blob by its whole ID, and what is in it

Exit codes: 0 done; 1 definitely not done, no such thing, or damage was found; 2 usage;
3 the outcome is unknown: a name may point to the new or the old; 130 interrupted, and
what is kept was said. An interrupt is safe at any moment.`,
		Example: "blob -store ~/.blobs snapshot -m 'before the move' ~/doc\nblob -store ~/.blobs restore main@-3h /tmp/doc",
		Flags:   a.flags,
		Verbs: []*cli.Command{
			a.put(), a.get(), a.cat(), a.ls(), a.tree(), a.snapshot(), a.restore(), a.log(), a.diff(), a.branch(), a.tag(), a.head(),
			a.serve(), a.gc(), a.verify(), a.fsck(), a.stats(), a.dump(), a.exportTo(), a.importFrom(),
		},
	}
}

// app is what the flags of all verbs say.
type app struct {
	dir      string
	progress bool
	json     bool
	exact    bool
}

func (a *app) flags(f *flag.FlagSet) {
	*a = app{}
	f.StringVar(&a.dir, "store", "", "keep the blobs in `DIR`; without it in $BLOB_STORE")
	f.BoolVar(&a.progress, "progress", false, "tell the progress on the standard error every 2s; a terminal shows it anyway")
}

// printFlags declares the flags of verbs that print what a script may want to read.
func (a *app) printFlags(f *flag.FlagSet) {
	f.BoolVar(&a.json, "json", false, "print JSON, with sizes in bytes")
	f.BoolVar(&a.exact, "bytes", false, "print sizes in bytes")
}

// store is a store that is open, and where a verb prints.
type store struct {
	*datadir.Store
	history.History
	*app
	cli.Std

	kept string // what an interrupt leaves, and how to go on; for its message
}

// errNoStore tells that a verb that only reads has found nothing to read.
var errNoStore = errors.New("no store is there: want a directory that put, snapshot or import has made")

// with opens the store that is there, lets fn use it, and closes it.
func (a *app) with(ctx context.Context, std cli.Std, fn func(context.Context, *store) error) error {
	if _, err := a.existing(); err != nil {
		return err
	}
	return a.withNew(ctx, std, fn)
}

// withNew is with for verbs that make the store if it is missing.
func (a *app) withNew(ctx context.Context, std cli.Std, fn func(context.Context, *store) error) error {
	s, err := a.open(std)
	if err != nil {
		return err
	}
	return s.settle(ctx, fn(ctx, s), s.Close)
}

// settle closes what a verb has used and returns how the verb has ended.
func (s *store) settle(ctx context.Context, err error, end func() error) error {
	stopped := err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err())
	if stopped {
		err = nil
	}
	if e := end(); e != nil {
		err = errors.Join(err, e)
	}
	switch {
	case err == nil && stopped:
		fmt.Fprintf(s.Err, "blob: interrupted; %s\n", s.kept)
		return cli.Exit(interrupted)
	case errors.Is(err, head.ErrFailed):
		return fmt.Errorf("%w: %w", kv.ErrMaybe, err)
	case errors.Is(err, history.ErrSpec), errors.Is(err, history.ErrBadName):
		return cli.Usagef("%v", err)
	}
	return err
}

// open opens the store, or makes it.
func (a *app) open(std cli.Std) (*store, error) {
	dir, err := a.place()
	if err != nil {
		return nil, err
	}
	d, err := disk.OpenDir(dir)
	if err != nil {
		return nil, fmt.Errorf("-store: %w", err)
	}
	opened, err := datadir.OpenStore(d, pack.Options{})
	if err != nil {
		return nil, inUse(dir, err)
	}
	return &store{Store: opened, History: opened.History(), app: a, Std: std, kept: "nothing has changed"}, nil
}

// inUse says more of an error of opening the store in a directory.
func inUse(dir string, err error) error {
	if errors.Is(err, disk.Locked) {
		return fmt.Errorf("-store %s: another program uses it: want to wait until that ends", dir)
	}
	return fmt.Errorf("-store %s: %w", dir, err)
}

// existing returns where the store is, which must be there.
func (a *app) existing() (string, error) {
	dir, err := a.place()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, "blobs")); errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("-store %s: %w", dir, errNoStore)
	}
	return dir, nil
}

// place returns where the store is.
func (a *app) place() (string, error) {
	if dir := a.dir; dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("BLOB_STORE"); dir != "" {
		return dir, nil
	}
	return "", cli.Usagef("flag -store is missing: want the store's directory, by it or by $BLOB_STORE")
}
