// Command tally prints the sum of what tests have tried.
package main

import (
	"context"
	"fmt"
	"os"

	"dss.example/common/daemon/cli"
	"dss.example/common/house/tally"
)

func main() {
	cli.Main(&cli.Command{
		Name:    "tally",
		Brief:   "add up what tests have tried",
		Args:    "FILE",
		Detail:  "FILE is what " + tally.File + " named while the tests ran.",
		Example: "tally bin/tally",
		Run: func(_ context.Context, args []string, std cli.Std) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			sum, err := tally.Sum(f)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(std.Out, tally.Format(sum))
			return err
		},
	})
}
