package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"dss.example/common/daemon/cli"

	"dss.example/common/course/doctor"
)

func doctorCommand() *cli.Command {
	var at place
	return &cli.Command{
		Name:  "doctor",
		Brief: "tell what this machine lacks, and what would mend it",
		Detail: `One line a thing: ok, poor (it can be lived with) or missing. The exit code is 1 if
something needed is missing. Modules that are not on this machine are fetched if they
can be.`,
		Example: "go tool ds doctor",
		Flags:   func(f *flag.FlagSet) { at = place{}; at.flag(f) },
		Run: func(ctx context.Context, _ []string, std cli.Std) error {
			root, err := at.root()
			if err != nil {
				return err
			}
			fine := doctor.This().Examine(ctx, root, os.DirFS(root), func(f doctor.Finding) { fmt.Fprintln(std.Out, f) })
			switch {
			case ctx.Err() != nil:
				return fmt.Errorf("interrupted: %w", ctx.Err())
			case !fine:
				return cli.Exit(cli.NotDone)
			}
			return nil
		},
	}
}
