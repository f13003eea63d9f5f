package main

import (
	"context"
	"flag"
	"os"
	"strconv"

	"dss.example/common/daemon/cli"

	"dss.example/common/course/grade"
	"dss.example/common/course/stage"
)

func gradeCommand() *cli.Command {
	var g grading
	return &cli.Command{
		Name:    "grade",
		Args:    "STAGE",
		Brief:   "grade the submissions of a class",
		Detail:  gradeHelp,
		Example: "go tool ds grade p1 -submissions in/p1 -out graded/p1 -jobs 2\ngo tool ds grade p1 -submissions in/p1 -out graded/p1 -student anna -again",
		Flags: func(f *flag.FlagSet) {
			g = grading{}
			g.flag(f)
			f.StringVar(&g.submissions, "submissions", "", "the submissions are in folder `DIR`, a folder for each student")
			f.StringVar(&g.out, "out", "", "write results to folder `DIR`")
			f.StringVar(&g.student, "student", "", "grade `NAME` only")
			f.IntVar(&g.jobs, "jobs", 1, "grade `N` students at a time")
			f.IntVar(&g.schedules, "schedules", 0, "run `N` schedules where many are run; 0 takes the stage's own number")
			f.Uint64Var(&g.seed, "seed", 1, "let seed `N` make all random choices")
			f.BoolVar(&g.again, "again", false, "grade also those who have been graded")
		},
		Run: g.run,
	}
}

const gradeHelp = `A student's folder holds files at their paths from the workspace's root. Those that
stage.yaml lets a student change are laid over the bare starter, built, and given to the
stage's judge, boxed; whatever else is there is ignored. The folder of results gets
NAME/results.json, as Gradescope reads it, and scores.csv for all. Work that could not
be judged has no score, and is tried again by the next run; who has a score is left out
then. An interrupt leaves what is done.`

type grading struct {
	place
	submissions, out, student string
	jobs, schedules           int
	seed                      uint64
	again                     bool
}

func (g *grading) run(ctx context.Context, args []string, std cli.Std) error {
	switch {
	case g.submissions == "":
		return cli.Usagef("-submissions is missing: want the folder of submissions")
	case g.out == "":
		return cli.Usagef("-out is missing: want the folder to write results to")
	case g.jobs < 1 || g.schedules < 0:
		return cli.Usagef("-jobs and -schedules want positive numbers")
	}
	root, err := g.root()
	if err != nil {
		return err
	}
	s, err := stage.Find(os.DirFS(root), args[0])
	if err != nil {
		return cli.Usagef("%v", err)
	}
	if g.schedules == 0 {
		g.schedules = s.Budgets.Submit
	}
	return grade.Run(ctx, grade.Config{
		Root: root, Stage: s, Submissions: g.submissions, Out: g.out, Student: g.student, Jobs: g.jobs, Again: g.again,
		JudgeArgs: []string{"-schedules", strconv.Itoa(g.schedules), "-seed", strconv.FormatUint(g.seed, 10)},
		Progress:  progress(std),
	})
}
