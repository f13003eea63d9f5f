//go:build !unix

// Cap runs the same partition against stage 3 and stage 4; it needs a Unix system.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "cap: process groups and signals are needed: run it on Linux or macOS")
	os.Exit(1)
}
