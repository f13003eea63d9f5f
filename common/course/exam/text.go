package exam

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Bounds of what is shown of a process.
const (
	mostLines = 30
	mostRunes = 400 // of a line
)

// marker is what package testing puts before its own lines, when asked for output
// that a program reads: what tested code prints has none, unless it is made to.
const marker = "\x16"

var escapes = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]`)

// clean makes text harmless for a terminal: no control characters but line ends and
// tabs, and nothing that turns the direction of writing round.
func clean(text string) string {
	text = escapes.ReplaceAllString(strings.ToValidUTF8(text, "\uFFFD"), "")
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			return -1
		}
		return r
	}, text)
}

// lastLines keeps the end of a text.
func lastLines(text string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	if more := len(lines) - mostLines; more > 0 {
		lines = slices.Concat([]string{fmt.Sprintf("… %d lines …", more)}, lines[more:])
	}
	return bounded(lines)
}

// firstLines keeps the beginning of a text.
func firstLines(text string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	if more := len(lines) - mostLines; more > 0 {
		lines = append(lines[:mostLines:mostLines], fmt.Sprintf("… %d lines …", more))
	}
	return bounded(lines)
}

func bounded(lines []string) string {
	for i, line := range lines {
		if runes := []rune(line); len(runes) > mostRunes {
			lines[i] = string(runes[:mostRunes]) + "…"
		}
	}
	return strings.Join(lines, "\n")
}

// relevant returns what a person needs of a failed process's output: of a crash what
// it was and where, of a data race the two places, else the last lines.
func relevant(output string) string {
	lines := said(output)
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "panic: "), strings.HasPrefix(line, "fatal error: "):
			return firstLines(clean(strings.Join(crash(lines[i:]), "\n")))
		case strings.HasPrefix(line, "WARNING: DATA RACE"):
			return firstLines(clean(strings.Join(lines[i:], "\n")))
		}
	}
	return lastLines(clean(strings.Join(lines, "\n")))
}

// said drops the lines of package testing.
func said(output string) []string {
	var lines []string
	for line := range strings.Lines(output) {
		line = strings.TrimSuffix(line, "\n")
		own, _, framework := strings.Cut(line, marker)
		if framework && own == "" || line == "FAIL" {
			continue
		}
		lines = append(lines, own)
	}
	return lines
}

// crash turns the report of a panic into what it was and the places of the
// workspace's code that led to it.
func crash(lines []string) []string {
	var out []string
	rest := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "goroutine ") })
	if rest < 0 {
		return lines
	}
	for _, line := range lines[:rest] {
		if line = strings.TrimSpace(strings.TrimSuffix(line, " [recovered, repanicked]")); line != "" {
			out = append(out, line)
		}
	}
	return append(out, places(lines[rest:])...)
}

// place is a line of a stack dump that names a file of a module whose path begins
// with a domain name: not the standard library.
var place = regexp.MustCompile(`^\t[^/@ ]+\.[^/@ ]+/([^@ ]+\.go:[0-9]+)( \+0x[0-9a-f]+)?$`)

// places returns the workspace's places of the first goroutine that has any.
func places(stack []string) []string {
	var found []string
	for _, line := range stack {
		if strings.HasPrefix(line, "goroutine ") && len(found) > 0 {
			break
		}
		if m := place.FindStringSubmatch(line); m != nil {
			found = append(found, "  at "+m[1])
		}
	}
	return found
}
