package main

import (
	"regexp"
	"strings"
)

var (
	heading = regexp.MustCompile(`^(#{1,6})\s+(.*)$`)
	summary = regexp.MustCompile(`(?is)<summary>(.*?)</summary>`)
	blanks  = regexp.MustCompile(`\n{3,}`)
	details = regexp.MustCompile(`(?is)<details[^>]*>(.*?)</details>`)
)

// section returns what a Markdown text says under the heading that starts with a
// step's ID, up to the next heading of the same or a higher level; "" if there is none.
func section(text, id string) string {
	var out []string
	level, fence := 0, ""
	for line := range strings.Lines(text) {
		mark := fenceOf(line)
		if h := heading.FindStringSubmatch(strings.TrimSpace(line)); h != nil && fence == "" {
			switch {
			case level == 0 && names(h[2], id):
				level = len(h[1])
				continue
			case level > 0 && len(h[1]) <= level:
				return strings.TrimSpace(strings.Join(out, ""))
			}
		}
		switch {
		case fence == "":
			fence = mark
		case mark == fence:
			fence = ""
		}
		if level > 0 {
			out = append(out, line)
		}
	}
	return strings.TrimSpace(strings.Join(out, ""))
}

// names reports whether a heading starts with an ID: "p1.3" does not name p1.30.
func names(heading, id string) bool {
	return regexp.MustCompile(`^` + regexp.QuoteMeta(id) + `([\s:,–—-]|\.?$|\.\s)`).MatchString(heading)
}

// fenceOf returns the mark of a line that begins or ends a block of code, in which no
// line is a heading.
func fenceOf(line string) string {
	for _, mark := range []string{"```", "~~~"} {
		if strings.HasPrefix(strings.TrimSpace(line), mark) {
			return mark
		}
	}
	return ""
}

// hint is what a handout keeps in <details>.
type hint struct{ title, text string }

// parts separates a section's text from its hints.
func parts(section string) (body string, hints []hint) {
	for _, m := range details.FindAllStringSubmatch(section, -1) {
		h := hint{title: "Hint", text: strings.TrimSpace(summary.ReplaceAllString(m[1], ""))}
		if title := summary.FindStringSubmatch(m[1]); title != nil {
			h.title = strings.TrimSpace(title[1])
		}
		hints = append(hints, h)
	}
	body = details.ReplaceAllString(section, "")
	return strings.TrimSpace(blanks.ReplaceAllString(body, "\n\n")), hints
}
