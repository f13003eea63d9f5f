package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"dss.example/common/daemon/cli"

	"dss.example/common/course/ladder"
	"dss.example/common/course/stage"
)

func stepCommand() *cli.Command {
	var v stepVerb
	return &cli.Command{
		Name:  "step",
		Args:  "[STAGE|STEP]",
		Brief: "list the steps, or show one and make its tree",
		Detail: `Without an argument it lists the ladders of all stages, with a stage its own. With a
step it shows the handout's section, the functions to write, the tests that turn green
with them, and hints; -hints 2 or 3 shows more of these.

With -o it also writes the tree that is solved up to and including that step; with
-before as well, the tree in which somebody starts on it.

` + earlierHelp,
		Example: "go tool ds step\ngo tool ds step p1\ngo tool ds step p1.3 -hints 2\ngo tool ds step p1.3 -before -o bin/p1.3",
		Flags: func(f *flag.FlagSet) {
			v = stepVerb{}
			v.flag(f)
			f.IntVar(&v.hints, "hints", 1, "show hints up to level `N`; 0 shows none")
			f.StringVar(&v.out, "o", "", "write the tree to folder `DIR`, which is empty or does not exist")
			f.BoolVar(&v.before, "before", false, "with -o: the tree without this step's solution")
			earlierFlag(f, &v.earlier)
		},
		Run: v.run,
	}
}

type stepVerb struct {
	place
	hints   int
	out     string
	before  bool
	earlier ladder.Earlier
}

func (v *stepVerb) run(ctx context.Context, args []string, std cli.Std) error {
	id := strings.Join(args, "")
	of, _, single := strings.Cut(id, ".")
	switch {
	case v.hints < 0 || v.hints > 3:
		return cli.Usagef("bad value %q for -hints: want 0 to 3", fmt.Sprint(v.hints))
	case v.out != "" && !single:
		return cli.Usagef("-o writes the tree of one step: want STEP such as p1.3")
	case v.before && v.out == "":
		return cli.Usagef("-before says which tree -o writes: want -o DIR")
	}
	root, err := v.root()
	if err != nil {
		return err
	}
	all, err := stage.All(os.DirFS(root))
	if id != "" {
		var s *stage.Stage
		s, err = stage.Find(os.DirFS(root), of)
		all = []*stage.Stage{s}
	}
	switch {
	case err != nil:
		return cli.Usagef("%v", err)
	case single:
		return v.one(ctx, root, all[0], id, std)
	}
	return list(root, all, std)
}

// list prints ladders, a line a step.
func list(root string, all []*stage.Stage, std cli.Std) error {
	for i, s := range all {
		if i > 0 {
			fmt.Fprintln(std.Out)
		}
		l, err := ladder.Read(root, s)
		if err != nil {
			progress(std)(fmt.Sprintf("%s: its sources cannot be read: %v", s.ID, err))
		}
		fmt.Fprintf(std.Out, "%s %s\n\n", s.ID, s.Title)
		t := tabwriter.NewWriter(std.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "step\ttitle\tpoints\tfunctions\tlines\ttests")
		for i := range s.Steps {
			step := &s.Steps[i]
			fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%d\n", step.ID, step.Title, worth(step), len(step.Funcs), stepLines(l, i), tests(step))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func worth(step *stage.Step) string {
	if step.Bonus {
		return fmt.Sprintf("+%g", step.Points)
	}
	return fmt.Sprintf("%g", step.Points)
}

// stepLines knows nothing where sources do not parse: a student is at work.
func stepLines(l *ladder.Ladder, step int) string {
	if l == nil {
		return known(0)
	}
	return known(l.Lines(step))
}

// tests counts what is tried: each test, each script, and schedules as one.
func tests(step *stage.Step) (sum int) {
	for i := range step.Tests {
		sum += max(1, len(step.Tests[i].Run)+len(step.Tests[i].Scripts))
	}
	return sum
}

func (v *stepVerb) one(ctx context.Context, root string, s *stage.Stage, id string, std cli.Std) error {
	at, err := s.Index(id)
	if err != nil {
		return cli.Usagef("%v", err)
	}
	l, err := ladder.Read(root, s)
	switch {
	case err != nil && v.out != "":
		return err
	case err != nil:
		progress(std)(fmt.Sprintf("the sources cannot be read: %v", err))
	}
	if err := v.show(root, s, at, l, std.Out); err != nil {
		return err
	}
	if v.out == "" {
		return nil
	}
	solved := at + 1
	if v.before {
		solved = at
	}
	return l.Write(ctx, v.out, solved, v.earlier, progress(std))
}

// show prints all that there is to know of a step.
func (v *stepVerb) show(root string, s *stage.Stage, at int, l *ladder.Ladder, out io.Writer) error {
	step := &s.Steps[at]
	text, err := os.ReadFile(filepath.Join(root, s.Dir, "README.md"))
	if err != nil {
		return err
	}
	body, hints := parts(section(string(text), step.ID))
	if body == "" {
		body = "(" + s.Dir + "/README.md has no section with this step's number)"
	}
	fmt.Fprintf(out, "%s %s: %s points%s\n\n%s\n\n", step.ID, step.Title, worth(step), inReference(l, at), body)
	if err := writeFuncs(out, step, l); err != nil {
		return err
	}
	if err := writeTests(out, step, s.Budgets.Public); err != nil {
		return err
	}
	v.writeHints(out, hints)
	return nil
}

// inReference tells how long the solution is, where there is one.
func inReference(l *ladder.Ladder, step int) string {
	if l == nil || l.Lines(step) == 0 {
		return ""
	}
	return fmt.Sprintf(", %d lines in the reference", l.Lines(step))
}

func writeFuncs(out io.Writer, step *stage.Step, l *ladder.Ladder) error {
	fmt.Fprintln(out, "to write:")
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, name := range step.Funcs {
		where := "-"
		if l != nil && l.Where(name) != "" {
			where = l.Where(name)
		}
		fmt.Fprintf(t, "  %s\t%s\n", name, where)
	}
	return t.Flush()
}

func writeTests(out io.Writer, step *stage.Step, schedules int) error {
	fmt.Fprintf(out, "\nto turn green (go tool ds test %s):\n", step.ID)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i := range step.Tests {
		test := &step.Tests[i]
		fmt.Fprintf(t, "  %s\t%s\n", test.Kind(), test.Rule)
		for _, name := range test.Run {
			fmt.Fprintf(t, "  \t  %s\n", path.Join(test.Unit+test.Process, name))
		}
		for _, name := range test.Scripts {
			fmt.Fprintf(t, "  \t  %s\n", name)
		}
		if test.Seeds != nil {
			fmt.Fprintf(t, "  \t  %s\n", strings.Join(append([]string{"cmd/sim"}, append(test.Seeds.Args, "-schedules", fmt.Sprint(schedules))...), " "))
		}
	}
	return t.Flush()
}

func (v *stepVerb) writeHints(out io.Writer, hints []hint) {
	for _, h := range hints[:min(v.hints, len(hints))] {
		fmt.Fprintf(out, "\n%s:\n%s\n", h.title, indent(h.text))
	}
	if more := len(hints) - v.hints; more > 0 {
		fmt.Fprintf(out, "\n(%d of %d hints are not shown: -hints %d shows the next)\n", more, len(hints), v.hints+1)
	}
}
