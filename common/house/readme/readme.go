// Package readme runs the shell blocks of Markdown files, so that what a reader
// is told to type is known to work.
//
// A block opens with a line "```sh" and nothing else; other fences are shown, not
// run. The blocks of a file run in order in one bash from the root of the
// workspace, and stop at the first command that fails. So a block may use what
// one before it has set or started. What still runs at the end is ended: first
// gently, then, after two seconds, by force.
package readme

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Block is one piece of shell in a file.
type Block struct {
	Line int // of its first command, from 1
	Text string
}

// ErrOpen tells of a block that the file does not close.
var ErrOpen = errors.New("block is not closed")

// Blocks returns the shell blocks of a Markdown text, in order.
func Blocks(text string) ([]Block, error) {
	var blocks []Block
	fence := "" // of the block that is open
	shell := false
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		ticks := trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, "`"))]
		switch {
		case fence == "" && len(ticks) >= 3:
			fence, shell = ticks, trimmed[len(ticks):] == "sh"
			if shell {
				blocks = append(blocks, Block{Line: i + 2})
			}
		case fence != "" && trimmed == ticks && len(ticks) >= len(fence):
			fence, shell = "", false
		case shell:
			blocks[len(blocks)-1].Text += line + "\n"
		}
	}
	if shell {
		return nil, fmt.Errorf("%w: the one with line %d", ErrOpen, blocks[len(blocks)-1].Line)
	}
	return blocks, nil
}

// Without returns blocks without the lines that are equal to one of done. A line that is
// left out is told.
func Without(blocks []Block, done []string) []Block {
	kept := slices.Clone(blocks)
	for i := range kept {
		lines := strings.Split(kept[i].Text, "\n")
		for k, line := range lines {
			if slices.Contains(done, strings.TrimSpace(line)) {
				lines[k] = "echo " + quote(line+": done before")
			}
		}
		kept[i].Text = strings.Join(lines, "\n")
	}
	return kept
}

// script joins the blocks to what bash runs; each is announced by its place.
func script(name string, blocks []Block) string {
	var b strings.Builder
	b.WriteString("set -euo pipefail\n")
	for _, block := range blocks {
		fmt.Fprintf(&b, "echo %s\n%s", quote(fmt.Sprintf("+ %s:%d", name, block.Line)), block.Text)
	}
	return b.String()
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// grace is how long processes in the background may take to end.
const grace = 2 * time.Second

// Run runs blocks, those of the file name, in dir and returns when nothing of
// them runs any more. Both outputs go to out. The end of ctx ends them.
func Run(ctx context.Context, dir, name string, blocks []Block, out *os.File) error {
	ended, held, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ended.Close()
	cmd := exec.CommandContext(ctx, "bash", "-c", script(name, blocks))
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.ExtraFiles = []*os.File{held} // whoever bash starts inherits it
	inGroup(cmd)
	err = cmd.Start()
	held.Close()
	if err != nil {
		return err
	}
	err = cmd.Wait()
	for _, force := range []bool{false, true} {
		endGroup(cmd.Process, force)
		if waitEOF(ended) {
			break
		}
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// waitEOF waits until nobody holds the other end of a pipe any more, for grace at
// most.
func waitEOF(f *os.File) bool {
	if f.SetReadDeadline(time.Now().Add(grace)) != nil {
		return true // a system whose pipes cannot be waited for
	}
	_, err := f.Read(make([]byte, 1))
	return errors.Is(err, io.EOF)
}
