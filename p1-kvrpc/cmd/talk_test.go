package cmd_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A talk is a file of commands, "$ PROGRAM ARGUMENT…", each with what it printed
// (lines on the standard error after "! ", empty and unprintable ones quoted) and, if it is not 0,
// how it ended: "= 1". Each talk has a server of its own, which kv asks.
func TestTalks(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			got := talk(t, string(want))
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
			}
			require.Empty(t, cmp.Diff(string(want), got))
		})
	}
}

func talk(t testing.TB, text string) string {
	s := serve(t)
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") || line == "\n" {
			b.WriteString(line)
		}
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			words := split(t, strings.ReplaceAll(strings.TrimSpace(command), "ADDR", s.addr))
			if words[0] == "kv" {
				words = append([]string{"kv", "-s", s.addr}, words[1:]...)
			}
			r := run(t, words[0], words[1:]...)
			fmt.Fprintf(&b, "%s%s%s", line, printable("", r.out), printable("! ", r.err))
			if r.code != 0 {
				fmt.Fprintf(&b, "= %d\n", r.code)
			}
		}
	}
	return strings.ReplaceAll(b.String(), s.addr, "ADDR")
}

// split takes a command line apart; words in double quotes are Go strings.
func split(t testing.TB, line string) (words []string) {
	for line != "" {
		word, _, _ := strings.Cut(line, " ")
		if line[0] == '"' {
			var err error
			word, err = strconv.QuotedPrefix(line)
			require.NoError(t, err, line)
		}
		line = strings.TrimLeft(line[len(word):], " ")
		if word[0] == '"' {
			word, _ = strconv.Unquote(word)
		}
		words = append(words, word)
	}
	return words
}

func printable(prefix, text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line, ended := strings.CutSuffix(line, "\n")
		odd := func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) || r == unicode.ReplacementChar }
		if line == "" || strings.ContainsFunc(line, odd) {
			line = strconv.Quote(line)
		}
		if !ended {
			line += " (no newline)"
		}
		b.WriteString(prefix + line + "\n")
	}
	return b.String()
}
