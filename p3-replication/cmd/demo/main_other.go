//go:build !unix

// Demo is the main job of stage 3; it needs a Unix system.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "demo: process groups and signals are needed: run it on Linux or macOS")
	os.Exit(1)
}
