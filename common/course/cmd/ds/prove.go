package main

import (
	"context"
	"errors"
	"flag"

	"dss.example/common/daemon/cli"

	"dss.example/common/course/exam"
)

func proveCommand() *cli.Command {
	var v proveVerb
	return &cli.Command{
		Name:  "prove",
		Args:  "STAGE|STEP",
		Brief: "prove a stage's ladder, rung by rung",
		Detail: `For every number of solved steps, the tree must build, go vet must find nothing, the
tests of the solved steps must pass and all of the next step must fail, and the points
must add up: 0 for the bare starter, all for the reference. No tree may give away a
line of a solution. With a step, only the trees before and after it are tried.

"known" counts checks whose program has the same bytes as on an earlier rung.`,
		Example: "go tool ds prove p1\ngo tool ds prove p1 -step 3",
		Flags: func(f *flag.FlagSet) {
			v = proveVerb{}
			v.flag(f)
			f.StringVar(&v.step, "step", "", "only step `K`")
		},
		Run: v.run,
	}
}

type proveVerb struct {
	place
	step string
}

func (v *proveVerb) run(ctx context.Context, args []string, std cli.Std) error {
	root, s, step, err := v.stage(args[0], v.step)
	if err != nil {
		return err
	}
	rungs, err := exam.Prove(ctx, root, s, step, progress(std))
	if len(rungs) > 0 {
		err = errors.Join(exam.PrintRungs(std.Out, rungs), err)
	}
	return err
}
