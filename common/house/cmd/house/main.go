// Command house holds the workspace to its rules and tells scripts of its
// packages.
package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"dss.example/common/daemon/cli"
	"dss.example/common/house"
)

func main() { cli.Main(program()) }

func program() *cli.Command {
	return &cli.Command{
		Name:    "house",
		Brief:   "the house rules of the workspace around this directory",
		Example: "go run ./common/house/cmd/house check",
		Verbs: []*cli.Command{
			{Name: "check", Brief: "print what breaks the rules; 1 if anything does", Run: check},
			{Name: "size", Brief: "print the lines of every package against its budget", Run: size},
			{Name: "pure", Brief: "print the packages that build for every system", Run: list(house.Pure)},
			{Name: "concurrent", Brief: "print the packages that the race detector is for", Run: list(house.Concurrent)},
		},
	}
}

// workspace returns the nearest directory upwards that has a go.work.
func workspace() (fs.FS, error) {
	start, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return os.DirFS(dir), nil
		}
		if dir == filepath.Dir(dir) {
			return nil, fmt.Errorf("no go.work in %s or above", start)
		}
	}
}

func check(_ context.Context, _ []string, std cli.Std) error {
	fsys, err := workspace()
	if err != nil {
		return err
	}
	found, err := house.Check(fsys)
	if err != nil {
		return err
	}
	for _, f := range found {
		fmt.Fprintln(std.Out, f)
	}
	if len(found) > 0 {
		return cli.Exit(cli.NotDone)
	}
	return nil
}

func size(_ context.Context, _ []string, std cli.Std) error {
	fsys, err := workspace()
	if err != nil {
		return err
	}
	sizes, err := house.Sizes(fsys)
	if err != nil {
		return err
	}
	return house.WriteSizes(std.Out, sizes)
}

func list(packages func(fs.FS) ([]string, error)) func(context.Context, []string, cli.Std) error {
	return func(_ context.Context, _ []string, std cli.Std) error {
		fsys, err := workspace()
		if err != nil {
			return err
		}
		paths, err := packages(fsys)
		if err != nil {
			return err
		}
		for _, p := range paths {
			fmt.Fprintln(std.Out, p)
		}
		return nil
	}
}
