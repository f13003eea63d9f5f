package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"dss.example/common/daemon/cli"
	"dss.example/common/judge"

	"dss.example/common/course/exam"
	"dss.example/common/course/results"
	"dss.example/common/course/stage"
)

func testCommand() *cli.Command {
	var v testVerb
	return &cli.Command{
		Name:  "test",
		Args:  "STAGE|STEP",
		Brief: "run a stage's tests, or those of one step",
		Detail: `It tries unit tests, golden scripts, schedules of the simulator and real processes. For
each step it prints the points that the work earns, and the first failure: the rule in
words, what went wrong, and the command that shows it again, to be pasted at the root.

With -runs 5 everything is tried five times, each time with other seeds, and counts
as passed only if it always did; the message says with which seeds it did not.

It ends with 0 if everything has passed, with 3 if something could not be tried.`,
		Example: "go tool ds test p1\ngo tool ds test p1.3\ngo tool ds test p1 -step 3 -runs 5\ngo tool ds test p1 -stress",
		Flags: func(f *flag.FlagSet) {
			v = testVerb{}
			v.flag(f)
			f.StringVar(&v.options.Step, "step", "", "only step `K`")
			f.IntVar(&v.options.Runs, "runs", 1, "try everything `N` times, with other seeds each time")
			f.Uint64Var(&v.options.Seed, "seed", 1, "begin with seed `N`")
			f.BoolVar(&v.options.Stress, "stress", false, "try the nightly number of schedules, under the race detector; this takes long")
			f.BoolVar(&v.json, "json", false, "print a line of JSON for each check")
		},
		Run: v.run,
	}
}

type testVerb struct {
	place
	options exam.Options
	json    bool
}

func (v *testVerb) run(ctx context.Context, args []string, std cli.Std) error {
	root, s, step, err := v.stage(args[0], v.options.Step)
	switch {
	case err != nil:
		return err
	case v.options.Runs < 1 || v.options.Seed < 1:
		return cli.Usagef("-runs and -seed want positive numbers")
	}
	v.options.Step = step
	tell := progressSeldom(std)
	v.options.Report = func(p exam.Progress) {
		if p.Note != "" {
			progress(std)(p.Note)
			return
		}
		tell(fmt.Sprintf("%d of %d checks tried", p.Done, p.All))
	}
	report, err := exam.Run(ctx, root, s, v.options)
	if err != nil {
		return err
	}
	if v.json {
		err = printVerdicts(report, std)
	} else {
		err = exam.Print(std.Out, report)
	}
	if err != nil {
		return err
	}
	return outcome(report)
}

// outcome is the exit code that a report ends the program with.
func outcome(r *results.Report) error {
	if exam.Passed(r) {
		return nil
	}
	for i := range r.Checks {
		if r.Checks[i].Outcome == judge.Failed {
			return cli.Exit(cli.NotDone)
		}
	}
	if r.Refused != "" {
		return cli.Exit(cli.NotDone)
	}
	return cli.Exit(cli.Unknown)
}

func printVerdicts(r *results.Report, std cli.Std) error {
	out := json.NewEncoder(std.Out)
	if r.Refused != "" {
		return out.Encode(map[string]string{"refused": r.Refused})
	}
	for i := range r.Checks {
		if err := out.Encode(&r.Checks[i]); err != nil {
			return err
		}
	}
	return nil
}

// stage reads the stage that a word names, "p1" or with a step "p1.3", and returns the
// step's ID, which a flag may name instead.
func (p *place) stage(word, flagged string) (root string, s *stage.Stage, step string, err error) {
	if root, err = p.root(); err != nil {
		return "", nil, "", err
	}
	of, _, single := strings.Cut(word, ".")
	if s, err = stage.Find(os.DirFS(root), of); err != nil {
		return "", nil, "", cli.Usagef("%v", err)
	}
	switch {
	case single && flagged != "":
		return "", nil, "", cli.Usagef("%s names a step, and so does -step", word)
	case single:
		flagged = word
	}
	if flagged == "" {
		return root, s, "", nil
	}
	i, err := s.Index(flagged)
	if err != nil {
		return "", nil, "", cli.Usagef("%v", err)
	}
	return root, s, s.Steps[i].ID, nil
}

// progressSeldom tells people what goes on, once in two seconds at most.
func progressSeldom(std cli.Std) func(string) {
	var mu sync.Mutex // guards last
	last := time.Now()
	return func(text string) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) >= 2*time.Second {
			last = time.Now()
			progress(std)(text)
		}
	}
}
