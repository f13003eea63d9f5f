// Judge examines the programs of a submission for stage 1, from outside.
package main

import (
	"dss.example/common/judge"

	"dss.example/p1-kvrpc/judged"
)

func main() { judge.Main("p1", judged.Checks()) }
