// Command readme runs the shell blocks of Markdown files.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"dss.example/common/daemon/cli"
	"dss.example/common/house/readme"
)

func main() {
	var limit time.Duration
	var done []string
	cli.Main(&cli.Command{
		Name:    "readme",
		Brief:   "run the sh blocks of Markdown files in this directory",
		Args:    "FILE...",
		Example: "readme README.md p1-kvrpc/README.md",
		Flags: func(f *flag.FlagSet) {
			f.DurationVar(&limit, "timeout", 10*time.Minute, "give each file `TIME`")
			f.Func("done", "leave out the line `COMMAND`, which has been run on this tree; may be repeated", func(line string) error {
				done = append(done, line)
				return nil
			})
		},
		Run: func(ctx context.Context, files []string, _ cli.Std) error {
			for _, name := range files {
				if err := run(ctx, name, limit, done); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

func run(ctx context.Context, name string, limit time.Duration, done []string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	blocks, err := readme.Blocks(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return readme.Run(ctx, ".", name, readme.Without(blocks, done), os.Stdout)
}
