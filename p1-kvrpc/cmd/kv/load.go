package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"

	"dss.example/p1-kvrpc/client"
)

// loader puts a tree of files into the store, a key a file.
type loader struct {
	prefix  string
	callers int
	shard   int // of shards, from 0
	shards  int
	quiet   bool

	files, bytes, left atomic.Int64
}

func (a *app) load() *cli.Command {
	var l *loader
	return &cli.Command{
		Name: "load", Brief: "put every file below a folder, its path being the key", Args: "DIR",
		Detail: `Files over 4 MiB and paths over 1 KiB are left out and counted. Several processes
share the work by -shard. An interrupted load can be run again: it puts the same.`,
		Example: "kv load -callers 32 /usr/share/doc\nkv load -shard 0/4 -prefix src/ .",
		Flags: func(f *flag.FlagSet) {
			l = &loader{shards: 1}
			f.StringVar(&l.prefix, "prefix", "", "put `P` before each path")
			f.IntVar(&l.callers, "callers", 16, "put `N` files at a time")
			f.BoolVar(&l.quiet, "quiet", false, "no progress on the standard error")
			f.Func("shard", "load part `I/N`: every N-th file from the I-th, counted from 0", l.parseShard)
		},
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			if l.callers < 1 || l.callers > kv.MaxInFlight {
				return cli.Usagef("bad value %d for -callers: want 1 to %d", l.callers, kv.MaxInFlight)
			}
			return a.withClient(ctx, func(ctx context.Context, c *client.Client) error {
				return l.run(ctx, a, c, args[0], std)
			})
		},
	}
}

func (l *loader) parseShard(s string) (err error) {
	i, n, ok := strings.Cut(s, "/")
	if ok {
		if l.shard, err = strconv.Atoi(i); err == nil {
			l.shards, err = strconv.Atoi(n)
		}
	}
	if !ok || err != nil || l.shard < 0 || l.shard >= l.shards {
		return fmt.Errorf("want I/N with I from 0 to N-1")
	}
	return nil
}

func (l *loader) run(ctx context.Context, a *app, c *client.Client, dir string, std cli.Std) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	start := time.Now()
	stop := l.showProgress(std.Err, start)
	err = l.putAll(ctx, a, c, root)
	stop()
	took := time.Since(start)
	if a.json {
		return errors.Join(err, printJSON(std.Out, map[string]any{
			"files": l.files.Load(), "bytes": l.bytes.Load(), "left_out": l.left.Load(), "seconds": took.Seconds(),
		}))
	}
	fmt.Fprintf(std.Out, "%d files, %d bytes, %d left out, %.1f s, %.0f files/s\n",
		l.files.Load(), l.bytes.Load(), l.left.Load(), took.Seconds(), float64(l.files.Load())/took.Seconds())
	return err
}

// putAll walks the tree and puts its files by several callers; the first error ends
// them all.
func (l *loader) putAll(ctx context.Context, a *app, c *client.Client, root *os.Root) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	names := make(chan string)
	var callers sync.WaitGroup
	for range l.callers {
		callers.Go(func() {
			for name := range names {
				if err := l.put(ctx, a, c, root, name); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	err := l.walk(ctx, root, names)
	close(names)
	callers.Wait()
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.Canceled):
		return errors.New("interrupted: run it again to go on")
	case cause != nil:
		return cause
	}
	return err
}

func (l *loader) walk(ctx context.Context, root *os.Root, names chan<- string) error {
	n := 0
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		n++
		if (n-1)%l.shards != l.shard {
			return nil
		}
		select {
		case names <- name:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
}

func (l *loader) put(ctx context.Context, a *app, c *client.Client, root *os.Root, name string) error {
	key := l.prefix + path.Clean(name)
	b, err := readFile(root, name)
	switch {
	case err != nil:
		return err
	case len(b) > kv.MaxValue || len(key) > kv.MaxKey:
		l.left.Add(1)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	if _, err := kv.NewClient(c).Put(ctx, key, b); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	l.files.Add(1)
	l.bytes.Add(int64(len(b)))
	return nil
}

// readFile reads a file, no more of it than shows that it is too large.
func readFile(root *os.Root, name string) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, kv.MaxValue+1))
}

// showProgress prints a line about once a second until it is stopped.
func (l *loader) showProgress(w io.Writer, start time.Time) (stop func()) {
	if l.quiet {
		return func() {}
	}
	quit := make(chan struct{})
	var printer sync.WaitGroup
	printer.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(w, "%d files, %d MB, %.0f s\n", l.files.Load(), l.bytes.Load()>>20, time.Since(start).Seconds())
			case <-quit:
				return
			}
		}
	})
	return func() {
		close(quit)
		printer.Wait()
	}
}
