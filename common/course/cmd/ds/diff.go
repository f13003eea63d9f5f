package main

import (
	"context"
	"flag"
	"os"
	"strings"

	"dss.example/common/daemon/cli"

	"dss.example/common/course/ladder"
	"dss.example/common/course/stage"
)

func diffCommand() *cli.Command {
	var at place
	return &cli.Command{
		Name:  "diff",
		Args:  "STEP [STEP]",
		Brief: "show what a step, or several, build",
		Detail: `It prints a unified diff of the files that a student owns, from the tree solved up to
the first step to that solved up to the second; pN.0 is the bare starter. With one
step it shows what this step builds.`,
		Example: "go tool ds diff p1.3\ngo tool ds diff p1.0 p1.2",
		Flags:   func(f *flag.FlagSet) { at = place{}; at.flag(f) },
		Run: func(_ context.Context, args []string, std cli.Std) error {
			root, err := at.root()
			if err != nil {
				return err
			}
			s, from, err := rung(root, args[0])
			if err != nil {
				return err
			}
			to := from
			if len(args) == 1 {
				from = max(0, from-1)
			} else if to, err = otherRung(root, s, args[1]); err != nil {
				return err
			}
			l, err := ladder.Read(root, s)
			if err != nil {
				return err
			}
			text, err := l.Diff(from, to)
			if err != nil {
				return err
			}
			_, err = std.Out.Write(text)
			return err
		},
	}
}

// rung returns the stage of "p1.3", and how many steps are solved up to it.
func rung(root, id string) (*stage.Stage, int, error) {
	if of, ok := strings.CutSuffix(id, ".0"); ok {
		s, err := stage.Find(os.DirFS(root), of)
		if err != nil {
			return nil, 0, cli.Usagef("%v", err)
		}
		return s, 0, nil
	}
	s, i, err := stage.FindStep(os.DirFS(root), id)
	if err != nil {
		return nil, 0, cli.Usagef("%v", err)
	}
	return s, i + 1, nil
}

func otherRung(root string, s *stage.Stage, id string) (int, error) {
	other, at, err := rung(root, id)
	if err == nil && other.ID != s.ID {
		err = cli.Usagef("%s and %s: want two steps of one stage", s.ID, id)
	}
	return at, err
}
