// Package tally adds up how much the tests have tried: schedules, faults, bad
// inputs. A test calls [Add]; make test names a file in DSS_TALLY, to which the
// tests of all packages append, and prints the [Sum].
package tally

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// File is the environment variable that names the file, by an absolute path.
// Without it Add does nothing.
const File = "DSS_TALLY"

// Add notes that a test has tried n of what: "schedules", "faults", "badinputs".
// Processes may add at the same time.
func Add(t testing.TB, what string, n int) {
	t.Helper()
	name := os.Getenv(File)
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Errorf("tally: %v", err)
		return
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "tally: %s=%d\n", what, n); err != nil { // one write, so lines stay whole
		t.Errorf("tally: %v", err)
	}
}

// Sum adds up the lines that Add has written: "tally: NAME=COUNT ...".
func Sum(r io.Reader) (map[string]int, error) {
	sum := map[string]int{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		words, ok := strings.CutPrefix(lines.Text(), "tally: ")
		if !ok {
			return nil, fmt.Errorf("tally: line %q: want tally: NAME=COUNT", lines.Text())
		}
		for word := range strings.FieldsSeq(words) {
			name, count, _ := strings.Cut(word, "=")
			n, err := strconv.Atoi(count)
			if err != nil || n < 0 {
				return nil, fmt.Errorf("tally: %q: want NAME=COUNT", word)
			}
			sum[name] += n
		}
	}
	return sum, lines.Err()
}

// Format writes a Sum as one line, in order of names.
func Format(sum map[string]int) string {
	words := []string{"tally:"}
	for _, name := range slices.Sorted(maps.Keys(sum)) {
		words = append(words, fmt.Sprintf("%s=%d", name, sum[name]))
	}
	return strings.Join(words, " ")
}
