package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"dss.example/common/daemon/cli"

	"dss.example/common/course/exam"
)

func replayCommand() *cli.Command {
	var v replayVerb
	return &cli.Command{
		Name:  "replay",
		Args:  "STAGE SEED|FILE [SIMFLAG...]",
		Brief: "show again what has failed in the simulator",
		Detail: `It builds the stage's cmd/sim and runs it at the workspace's root.

SEED is that of a schedule: it prints what went wrong, the shrunk schedule, and every
step of it. FILE is a golden script, or what a server has recorded with -record: it is
compared with what happens now. Flags of the simulator itself follow after "--".

It ends as the simulator does: with 1 if it fails again, with 0 if nothing is wrong.`,
		Example: "go tool ds replay p1 7\ngo tool ds replay p1 7 -step -- -mode at-least-once\ngo tool ds replay p1 p1-kvrpc/testdata/lost-answer.txt -html bin/run.html",
		Flags: func(f *flag.FlagSet) {
			v = replayVerb{}
			v.flag(f)
			f.BoolVar(&v.step, "step", false, "step through the run, forward and back")
			f.StringVar(&v.html, "html", "", "write the run as one self-contained page to `FILE`")
			f.StringVar(&v.trace, "trace", "", "write a line of JSON for each step to `FILE`")
			f.BoolVar(&v.whole, "whole", false, "of a seed, show the whole run instead of the shrunk one")
		},
		Run: v.run,
	}
}

type replayVerb struct {
	place
	step, whole bool
	html, trace string
}

func (v *replayVerb) run(ctx context.Context, args []string, std cli.Std) error {
	root, s, step, err := v.stage(args[0], "")
	if err != nil {
		return err
	}
	if step != "" {
		return cli.Usagef("want a stage such as %s, not a step", s.ID)
	}
	words, err := v.words(args[1])
	if err != nil {
		return err
	}
	code, err := exam.Simulate(ctx, root, s, std.In, std.Out, std.Err, append(args[2:len(args):len(args)], words...)...)
	switch {
	case err != nil:
		return err
	case code != 0:
		return cli.Exit(code)
	}
	return nil
}

// words are the simulator's flags that show a seed or a file.
func (v *replayVerb) words(what string) ([]string, error) {
	words, err := v.source(what)
	if err != nil {
		return nil, err
	}
	if v.step {
		words = append(words, "-step")
	}
	for _, out := range []struct{ flag, file string }{{"-html", v.html}, {"-trace", v.trace}} {
		if out.file == "" {
			continue
		}
		file, err := filepath.Abs(out.file) // the simulator runs at the root
		if err != nil {
			return nil, err
		}
		words = append(words, out.flag, file)
	}
	return words, nil
}

func (v *replayVerb) source(what string) ([]string, error) {
	if _, err := strconv.ParseUint(what, 10, 64); err == nil {
		words := []string{"-seed", what}
		if !v.whole {
			words = append(words, "-shrunk")
		}
		if !v.step && v.html == "" && v.trace == "" {
			words = append(words, "-print")
		}
		return words, nil
	}
	recorded, err := isRecording(what)
	if err != nil {
		return nil, cli.Usagef("%q is no seed, and no file: %v", what, err)
	}
	file, err := filepath.Abs(what)
	switch {
	case err != nil:
		return nil, err
	case v.whole:
		return nil, cli.Usagef("-whole is for seeds: a file is always shown whole")
	case recorded:
		return []string{"-replay", file}, nil
	}
	return []string{"-script", file}, nil
}

// isRecording reports whether a file begins as recordings do; else it is a script.
func isRecording(name string) (bool, error) {
	f, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	magic := []byte("dssrec\x00")
	head := make([]byte, len(magic))
	n, err := io.ReadFull(f, head)
	if err != nil && n == 0 {
		return false, fmt.Errorf("it cannot be read: %w", err)
	}
	return bytes.Equal(head, magic), nil
}
