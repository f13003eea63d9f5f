package main

import (
	"dss.example/common/daemon/cli"
)

// command lists the verbs in the order in which people meet them.
func command() *cli.Command {
	return &cli.Command{
		Name:    "ds",
		Brief:   "the class tool: hand out, step through, test and grade a stage",
		Example: "go tool ds stages",
		Verbs: []*cli.Command{
			stagesCommand(),
			handoutCommand(),
			stepCommand(),
			diffCommand(),
			testCommand(),
			replayCommand(),
			mutantsCommand(),
			proveCommand(),
			doctorCommand(),
			gradeCommand(),
		},
	}
}
