package cli

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// writeHelp prints what there is to know of the line's command: usage, verbs,
// flags, an example.
func (l *line) writeHelp(w io.Writer) {
	c := l.last()
	fmt.Fprintf(w, "%s: %s\n\nusage: %s\n", l.name(), c.Brief, l.synopsis())
	if c.Detail != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(c.Detail))
	}
	if len(c.Verbs) > 0 {
		fmt.Fprintf(w, "\nverbs (%q tells more):\n", l.name()+" help VERB")
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, v := range c.Verbs {
			fmt.Fprintf(t, "  %s\t%s\n", strings.TrimSpace(v.Name+" "+v.Args), v.Brief)
		}
		t.Flush()
	}
	l.writeFlags(w)
	example := c.Example
	if example == "" && c.Args == "" && len(c.Verbs) == 0 {
		example = l.name()
	}
	if example != "" {
		fmt.Fprintf(w, "\nexample:\n  %s\n", strings.ReplaceAll(strings.TrimSpace(example), "\n", "\n  "))
	}
}

func (l *line) synopsis() string {
	words := []string{l.name()}
	if l.hasFlags() {
		words = append(words, "[flags]")
	}
	switch c := l.last(); {
	case len(c.Verbs) > 0 && c.Run != nil:
		words = append(words, "[VERB ...]")
	case len(c.Verbs) > 0:
		words = append(words, "VERB ...")
	case c.Args != "":
		words = append(words, c.Args)
	}
	return strings.Join(words, " ")
}

func (l *line) hasFlags() (any bool) {
	l.flags.VisitAll(func(*flag.Flag) { any = true })
	return any
}

func (l *line) writeFlags(w io.Writer) {
	if !l.hasFlags() {
		return
	}
	fmt.Fprintf(w, "\nflags:\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	l.flags.VisitAll(func(f *flag.Flag) {
		kind, usage := flag.UnquoteUsage(f)
		if isBool(f) {
			kind = ""
		}
		fmt.Fprintf(t, "  %s\t%s%s\n", strings.TrimSpace("-"+f.Name+" "+kind), usage, defaultOf(f))
	})
	t.Flush()
}

// defaultOf leaves out what would tell nothing.
func defaultOf(f *flag.Flag) string {
	if slices.Contains([]string{"", "0", "0s", "false"}, f.DefValue) {
		return ""
	}
	return fmt.Sprintf(" (default %s)", f.DefValue)
}
