package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"dss.example/common/daemon/cli"

	"dss.example/common/course/ladder"
	"dss.example/common/course/stage"
)

func handoutCommand() *cli.Command {
	var h handout
	return &cli.Command{
		Name:    "handout",
		Args:    "STAGE",
		Brief:   "cut a stage's starter out of the reference",
		Detail:  handoutHelp + "\n\n" + earlierHelp,
		Example: "go tool ds handout p1 -o bin/p1\ngo tool ds handout p2 -o ../class/p2 -earlier reference",
		Flags: func(f *flag.FlagSet) {
			h = handout{}
			h.flag(f)
			f.StringVar(&h.out, "o", "", "write to folder `DIR`, which is empty or does not exist")
			f.BoolVar(&h.anyway, "anyway", false, "write even if the tree gives a line of the solution away")
			earlierFlag(f, &h.earlier)
		},
		Run: h.run,
	}
}

const handoutHelp = `The folder gets all that a student needs: the stage's starter, common, the class
tool, earlier stages, and templates for GitLab, GitHub and a container. Bodies of
functions to write are replaced; files that git ignores or does not track, later
stages, and variants on which the graders are tried are left out. It is written whole
or not at all.

Lines of the solution that stand elsewhere in the tree, in a test, a README or a
comment, are reported, and nothing is written unless -anyway is given.`

type handout struct {
	place
	out     string
	anyway  bool
	earlier ladder.Earlier
}

func (h *handout) run(ctx context.Context, args []string, std cli.Std) error {
	if h.out == "" {
		return cli.Usagef("-o is missing: want the folder to write to")
	}
	root, err := h.root()
	if err != nil {
		return err
	}
	s, err := stage.Find(os.DirFS(root), args[0])
	if err != nil {
		return cli.Usagef("%v", err)
	}
	l, err := ladder.Read(root, s)
	if err != nil {
		return err
	}
	if err := l.Check(); err != nil {
		return err
	}
	say := progress(std)
	say("looking for lines that give the solution away")
	leaks, err := l.Leaks(0)
	if err != nil {
		return err
	}
	for _, leak := range leaks {
		say(fmt.Sprintf("%s:%d: gives away %s: %s", leak.File, leak.Line, leak.From, leak.Text))
	}
	if len(leaks) > 0 && !h.anyway {
		return fmt.Errorf("nothing is written: %d lines give the solution away (-anyway writes all the same)", len(leaks))
	}
	return l.Write(ctx, h.out, 0, h.earlier, say)
}
