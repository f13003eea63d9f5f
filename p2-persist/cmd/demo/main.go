//go:build unix

// Demo is the main job of stage 2 on real input: snapshots of Go's own source tree, the
// way back to them, processes killed in the middle, bits flipped on the disk.
//
//	main.go       the chapters, and what they share
//	snapshots.go  take a snapshot, change, take another, travel back
//	kills.go      kill -9 a snapshot, and a server under load
//	flips.go      flip bits of a store
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"dss.example/common/daemon/cli"
	"dss.example/common/demo"
)

const seed = 42 // of all that is left to chance

func main() {
	// The demo sees to signals itself.
	os.Exit(cli.Run(context.Background(), command(), os.Args[1:], cli.Std{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

func command() *cli.Command {
	return demo.Command(cli.Command{
		Name:  "demo",
		Brief: "show what stage 2 keeps, whatever happens to its processes and its disk",
		Detail: `It builds the programs, takes snapshots of a copy of Go's own source tree before and after
a change, travels back, kills a snapshot and a server under load with -9, and flips bits
on the disk: about a minute. Its last line says PASSED or FAILED; it leaves nothing behind.`,
		Example: "go run ./p2-persist/cmd/demo",
	}, demo.Program{
		Title: "Stage 2: immutable blobs, and the server that keeps its word over kill -9",
		Next:  "go run ./p2-persist/cmd/sim -schedules 2000   # power cuts, one after the other",
		Run:   play,
	})
}

// stage is what the chapters share.
type stage struct {
	*demo.Show
	blob, kvd string    // programs
	source    demo.Tree // Go's own source tree, which nobody changes
	root      string    // of it
	tree      string    // the copy that changes
	store     string    // of its snapshots
}

func play(ctx context.Context, show *demo.Show) error {
	s := &stage{Show: show}
	for _, chapter := range []func(context.Context) error{
		s.prepare, s.first, s.second, s.travel, s.interrupted, s.killed, s.flipped,
	} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

// prepare builds the programs and copies the tree.
func (s *stage) prepare(ctx context.Context) error {
	step := s.Begin("build the programs", 0, "")
	bins, err := s.Build(ctx, "dss.example/p2-persist/cmd/blob", "dss.example/p2-persist/cmd/kvd")
	if err != nil {
		return err
	}
	step.End()
	s.blob, s.kvd = bins[0], bins[1]
	goroot, err := demo.GoRoot(ctx)
	if err != nil {
		return err
	}
	s.root = filepath.Join(goroot, "src")
	if s.source, err = demo.ListFiles(s.root); err != nil {
		return err
	}
	dir, err := s.TempDir()
	if err != nil {
		return err
	}
	s.tree, s.store = filepath.Join(dir, "src"), filepath.Join(dir, "store")
	step = s.Begin("copy Go's own source tree", int64(len(s.source.Files)), "files")
	defer step.End()
	for _, f := range s.source.Files {
		if err := copyFile(f, s.at(f)); err != nil {
			return err
		}
		step.Add(1)
	}
	return ctx.Err()
}

// at returns where the copy of a file is.
func (s *stage) at(f demo.File) string { return filepath.Join(s.tree, filepath.FromSlash(f.Key)) }

func copyFile(f demo.File, to string) error {
	b, err := f.Read()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o666)
}

// ask runs blob and reads the JSON that it prints.
func (s *stage) ask(ctx context.Context, answer any, store string, args ...string) error {
	out, err := s.Run(ctx, s.blob, append([]string{"-store", store}, args...)...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(out), answer); err != nil {
		return fmt.Errorf("blob %v printed %q: %w", args, out, err)
	}
	return nil
}
