package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"dss.example/common/daemon/cli"

	"dss.example/common/course/ladder"
	"dss.example/common/course/stage"
)

// place is the workspace that a verb works on.
type place struct{ dir string }

func (p *place) flag(f *flag.FlagSet) {
	f.StringVar(&p.dir, "root", "", "the workspace is `DIR` (default: the one around the working directory)")
}

// root returns the workspace's folder.
func (p *place) root() (string, error) {
	if p.dir == "" {
		return stage.Root(".")
	}
	if _, err := os.Stat(p.dir + "/go.work"); err != nil {
		return "", cli.Usagef("bad value %q for -root: want a folder with a go.work", p.dir)
	}
	return p.dir, nil
}

func stagesCommand() *cli.Command {
	var at place
	return &cli.Command{
		Name:    "stages",
		Brief:   "list the stages",
		Detail:  "Lines are those of code that a student writes, as the reference has them; a handout does not know.",
		Example: "go tool ds stages",
		Flags:   func(f *flag.FlagSet) { at = place{}; at.flag(f) },
		Run: func(_ context.Context, _ []string, std cli.Std) error {
			root, err := at.root()
			if err != nil {
				return err
			}
			all, err := stage.All(os.DirFS(root))
			if err != nil {
				return err
			}
			t := tabwriter.NewWriter(std.Out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "stage\ttitle\tsteps\tpoints\tfunctions\tlines\tpath")
			for _, s := range all {
				l, err := ladder.Read(root, s)
				if err != nil {
					return err
				}
				fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%d\t%s\t%s\n", s.ID, s.Title, len(s.Steps), points(s), functions(s), lines(l, s), s.Dir)
			}
			return t.Flush()
		},
	}
}

// points is "100", or "60" of a stage whose steps are not all there yet, or "100+10" with
// bonus steps.
func points(s *stage.Stage) string {
	bonus := 0.0
	for i := range s.Steps {
		if s.Steps[i].Bonus {
			bonus += s.Steps[i].Points
		}
	}
	if bonus == 0 {
		return fmt.Sprint(s.Points())
	}
	return fmt.Sprintf("%g+%g", s.Points(), bonus)
}

func functions(s *stage.Stage) (sum int) {
	for i := range s.Steps {
		sum += len(s.Steps[i].Funcs)
	}
	return sum
}

func lines(l *ladder.Ladder, s *stage.Stage) string {
	sum := 0
	for i := range s.Steps {
		sum += l.Lines(i)
	}
	return known(sum)
}

// known writes a number of lines. A handout has no reference to count them in.
func known(lines int) string {
	if lines == 0 {
		return "-"
	}
	return fmt.Sprint(lines)
}

// earlierFlag declares -earlier.
func earlierFlag(f *flag.FlagSet, e *ladder.Earlier) {
	*e = ladder.Own
	f.Func("earlier", "let earlier stages be `WHAT`: own or reference (default own)", func(s string) error {
		*e = ladder.Earlier(s)
		if *e != ladder.Own && *e != ladder.Reference {
			return fmt.Errorf("want own or reference")
		}
		return nil
	})
}

// earlierHelp tells what -earlier decides.
const earlierHelp = `Earlier stages stand in a tree too, since this stage's server joins them. By default
they are bare starters, into which students copy their own work: nobody gets the
solution of a stage that somebody still hands in late. With -earlier reference they
are solved, which lets those go on whose earlier stage does not work.`

// progress tells people, on the standard error, what goes on.
func progress(std cli.Std) func(string) {
	return func(text string) { fmt.Fprintln(std.Err, text) }
}

// indent moves a text to the right.
func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}
