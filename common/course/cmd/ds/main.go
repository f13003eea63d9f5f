// Ds is the class tool: it cuts a stage's starter, steps through its ladder, tests,
// and grades.
package main

import (
	"dss.example/common/daemon/cli"
)

func main() {
	cli.Main(command())
}
