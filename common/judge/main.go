package judge

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"dss.example/common/daemon/cli"
	"dss.example/common/judge/box"
)

// Main is a stage's judge as a process. It prints a Verdict in a line of JSON for each
// Check, and nothing else, on the standard output; on the standard error it says how
// submissions are boxed here. It exits with 0 if every Check was carried out, whatever
// became of it, and with 1 if the judge itself has failed.
func Main(stage string, checks []Check) {
	box.Enter()
	cli.Main(Command(stage, checks))
}

// Settings are what the flags of a judge say.
type Settings struct {
	Bin       string // folder of the submission's programs
	Step      string // whose Checks are carried out: "p1.3", or "3"; empty for all
	Seed      uint64 // of all random choices
	Schedules int    // of the simulator, for a Check that runs many

	CPU  time.Duration // that one process of the submission may use
	Idle time.Duration // for which it may sleep while the judge waits for it
	Wall time.Duration // for which a Check may go on; then it is not judged
}

// Command is what Main runs.
func Command(stage string, checks []Check) *cli.Command {
	var s Settings
	var list bool
	return &cli.Command{
		Name:    "judge",
		Brief:   "judge the programs of a submission for stage " + strings.TrimPrefix(stage, "p"),
		Detail:  "It prints a line of JSON for each check. Exit code 0 says that all were carried out.",
		Example: "judge -bin bin\njudge -bin bin -step " + stage + ".3 -seed 7",
		Flags: func(f *flag.FlagSet) {
			s, list = Settings{}, false
			f.StringVar(&s.Bin, "bin", "bin", "the submission's programs are in folder `DIR`")
			f.StringVar(&s.Step, "step", "", "carry out the checks of step `ID` only")
			f.Uint64Var(&s.Seed, "seed", 1, "let seed `N` make all random choices")
			f.IntVar(&s.Schedules, "schedules", 300, "run `N` schedules where many are run")
			f.BoolVar(&list, "list", false, "print what would be checked")
			f.DurationVar(&s.CPU, "cpu", 60*time.Second, "give a process of the submission `TIME` of the processor")
			f.DurationVar(&s.Idle, "idle", 15*time.Second, "let it sleep for `TIME` when it is waited for")
			f.DurationVar(&s.Wall, "wall", 10*time.Minute, "give up a check after `TIME`, not judged")
		},
		Run: func(ctx context.Context, _ []string, std cli.Std) error {
			chosen, err := choose(stage, checks, s.Step)
			if err != nil {
				return err
			}
			if list {
				return write(std.Out, chosen, func(c Check) Verdict { return c.verdict() })
			}
			return judgeAll(ctx, chosen, s, std)
		},
	}
}

// choose returns the checks of one step, or all.
func choose(stage string, checks []Check, step string) ([]Check, error) {
	if step == "" || step == "all" {
		return checks, nil
	}
	var steps []string
	var chosen []Check
	for _, c := range checks {
		if c.Step == step || c.Step == stage+"."+step {
			chosen = append(chosen, c)
		}
		if !slices.Contains(steps, c.Step) {
			steps = append(steps, c.Step)
		}
	}
	if len(chosen) == 0 {
		return nil, cli.Usagef("bad value %q for -step: want one of %s", step, strings.Join(steps, ", "))
	}
	return chosen, nil
}

// judgeAll carries out checks, one after the other: so no submission's process finds
// another's.
func judgeAll(ctx context.Context, checks []Check, s Settings, std cli.Std) error {
	if info, err := os.Stat(s.Bin); err != nil || !info.IsDir() {
		return cli.Usagef("bad value %q for -bin: want the folder of a submission's programs", s.Bin)
	}
	_ = box.Seal()  // where they are not to be had,
	_ = box.Adopt() // Layers does not list them
	fmt.Fprintf(std.Err, "judge: the submission is boxed by: %s\n", strings.Join(box.Layers(), "; "))
	dir, err := os.MkdirTemp("", "judge")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return write(std.Out, checks, func(c Check) Verdict {
		v := carryOut(ctx, c, s, dir)
		if v.Outcome == NotJudged && ctx.Err() == nil {
			v = carryOut(ctx, c, s, dir) // the infrastructure may do better now
		}
		return v
	})
}

// write writes the verdicts of checks, each as soon as there is one.
func write(w io.Writer, checks []Check, judge func(Check) Verdict) error {
	for _, c := range checks {
		line, err := json.Marshal(judge(c))
		if err != nil {
			return err
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// verdict is a Verdict without an outcome.
func (c *Check) verdict() Verdict { return Verdict{Step: c.Step, Check: c.Name, Rule: c.Rule} }
