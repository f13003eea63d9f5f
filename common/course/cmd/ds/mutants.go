package main

import (
	"context"
	"errors"
	"flag"
	"slices"

	"dss.example/common/daemon/cli"

	"dss.example/common/course/zoo"
)

func mutantsCommand() *cli.Command {
	var v mutantsVerb
	return &cli.Command{
		Name:  "mutants",
		Args:  "STAGE",
		Brief: "check that a stage's tests catch wrong variants and let right ones pass",
		Detail: `Every patch in the stage's folder mutants is laid over the tree, which stays as it is,
and the stage's checks are tried until one fails. Right variants, in mutants/right,
must pass all that can hold them. A line tells what caught a mutant, after how many
schedules, in how many seconds; -v, or that it survives, tells more: which rule it
breaks, and what a student would be told.

With -runs 3 a mutant must be caught with each of three seeds, so that none is by luck.

It ends with 0 only if every mutant is killed and every right variant passes. A patch
that does not fit, or a variant that does not build, is an error and no kill.`,
		Example: "go tool ds mutants p1\ngo tool ds mutants p1 -runs 3\ngo tool ds mutants p1 -from bug.patch\ngo tool ds mutants p1 -show K1",
		Flags: func(f *flag.FlagSet) {
			v = mutantsVerb{}
			v.flag(f)
			f.StringVar(&v.options.From, "from", "", "try the patch, or the folder of patches, `PATH` instead")
			f.StringVar(&v.show, "show", "", "print the patch of mutant `ID`, and try nothing")
			f.IntVar(&v.options.Runs, "runs", 1, "try everything `N` times, with other seeds each time")
			f.Uint64Var(&v.options.Seed, "seed", 1, "begin with seed `N`")
			f.BoolVar(&v.right, "right", false, "try the right variants only")
			f.BoolVar(&v.details, "v", false, "tell of killed mutants, too, what a student would be told")
		},
		Run: v.run,
	}
}

type mutantsVerb struct {
	place
	options zoo.Options
	show    string
	right   bool
	details bool
}

func (v *mutantsVerb) run(ctx context.Context, args []string, std cli.Std) error {
	root, s, step, err := v.stage(args[0], "")
	switch {
	case err != nil:
		return err
	case step != "":
		return cli.Usagef("want a stage such as %s, not a step", s.ID)
	case v.options.Runs < 1 || v.options.Seed < 1:
		return cli.Usagef("-runs and -seed want positive numbers")
	case v.right && v.options.From != "":
		return cli.Usagef("-from names wrong variants, -right asks for none")
	}
	if v.show != "" {
		patch, err := zoo.Patch(root, s, v.options.From, v.show)
		if err != nil {
			return cli.Usagef("%v", err)
		}
		_, err = std.Out.Write(patch)
		return err
	}
	v.options.Wrong, v.options.Right = !v.right, v.options.From == ""
	var unprinted error
	v.options.Report = func(r zoo.Row) { unprinted = errors.Join(unprinted, zoo.PrintRow(std.Out, &r, v.details)) }
	rows, err := zoo.Run(ctx, root, s, v.options)
	if len(rows) > 0 {
		err = errors.Join(unprinted, zoo.PrintSummary(std.Out, rows), err)
	}
	if err != nil {
		return err
	}
	if slices.ContainsFunc(rows, func(r zoo.Row) bool { return !r.OK() }) {
		return cli.Exit(cli.NotDone)
	}
	return nil
}
