package cli

import (
	"flag"
	"io"
	"strconv"
	"strings"
	"time"
)

// line is one command line on its way from words to a command, its flags and its
// arguments.
type line struct {
	path  []*Command // the program, then the verbs
	flags *flag.FlagSet
	args  []string
	help  bool
}

func newLine(c *Command) *line {
	l := &line{flags: flag.NewFlagSet(c.Name, flag.ContinueOnError)}
	l.flags.SetOutput(io.Discard)
	l.enter(c)
	return l
}

// enter goes into a command; its flags join those of the commands above it.
func (l *line) enter(c *Command) {
	l.path = append(l.path, c)
	if c.Flags != nil {
		c.Flags(l.flags)
	}
}

func (l *line) last() *Command { return l.path[len(l.path)-1] }

// name returns the command as it was typed: "kv put".
func (l *line) name() string {
	names := make([]string, len(l.path))
	for i, c := range l.path {
		names[i] = c.Name
	}
	return strings.Join(names, " ")
}

// parse does not use FlagSet.Parse, which stops at the first argument and whose
// errors do not say what would be right.
func (l *line) parse(words []string) error {
	onlyArgs := false
	for len(words) > 0 && !l.help {
		word := words[0]
		words = words[1:]
		var err error
		switch {
		case onlyArgs || !l.isFlag(word):
			err = l.argument(word)
		case word == "--":
			onlyArgs = true
		default:
			words, err = l.flag(word, words)
		}
		if err != nil {
			return err
		}
	}
	if l.help {
		return l.helpPath(words)
	}
	return l.complete()
}

func (l *line) isFlag(word string) bool {
	if len(word) < 2 || word[0] != '-' {
		return false
	}
	if _, err := strconv.ParseFloat(word, 64); err == nil {
		return l.flags.Lookup(word[1:]) != nil
	}
	return true
}

func (l *line) argument(word string) error {
	c := l.last()
	if len(c.Verbs) == 0 {
		l.args = append(l.args, word)
		return nil
	}
	for _, v := range c.Verbs {
		if v.Name == word {
			l.enter(v)
			return nil
		}
	}
	if word == "help" {
		l.help = true
		return nil
	}
	return Usagef("no verb %q: want one of %s", word, verbNames(c))
}

// helpPath follows the verbs after "help" or "-h", so that "help put" tells of put.
func (l *line) helpPath(words []string) error {
	for _, word := range words {
		if len(l.last().Verbs) == 0 || strings.HasPrefix(word, "-") {
			return nil
		}
		if err := l.argument(word); err != nil {
			return err
		}
	}
	return nil
}

// flag sets the flag that word names and returns the words after its value.
func (l *line) flag(word string, rest []string) ([]string, error) {
	name, value, joined := strings.Cut(strings.TrimPrefix(word[1:], "-"), "=")
	f := l.flags.Lookup(name)
	switch {
	case f == nil && (name == "h" || name == "help"):
		l.help = true
		return rest, nil
	case f == nil:
		return nil, Usagef("unknown flag -%s: want one of %s", name, l.flagNames())
	case joined:
	case isBool(f):
		value = "true"
	case len(rest) == 0:
		return nil, Usagef("flag -%s lacks its value: want %s", name, want(f))
	default:
		value, rest = rest[0], rest[1:]
	}
	if err := l.flags.Set(name, value); err != nil {
		return nil, badValue(f, value, err)
	}
	return rest, nil
}

// complete checks that nothing is missing and nothing is too much.
func (l *line) complete() error {
	c := l.last()
	if len(c.Verbs) > 0 && c.Run == nil {
		return Usagef("a verb is missing: want one of %s", verbNames(c))
	}
	least, most := argCount(c.Args)
	switch n := len(l.args); {
	case n >= least && (n <= most || most < 0):
		return nil
	case c.Args == "":
		return Usagef("takes no arguments, got %q", strings.Join(l.args, " "))
	default:
		return Usagef("want %s, got %d arguments (%q shows an example)", c.Args, n, l.name()+" -h")
	}
}

// argCount reads "KEY [VALUE]" as 1 to 2 and "FILE..." as 1 to -1, no limit.
func argCount(args string) (least, most int) {
	for _, word := range strings.Fields(args) {
		if !strings.HasPrefix(word, "[") {
			least++
		}
		if most++; strings.HasSuffix(strings.TrimSuffix(word, "]"), "...") {
			return least, -1
		}
	}
	return least, most
}

func isBool(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// badValue names what would be right. A Value of a command's own says it in its
// error; the plain ones of package flag do not.
func badValue(f *flag.Flag, value string, err error) error {
	if right := plainKind(f); right != "" {
		return Usagef("bad value %q for -%s: want %s", value, f.Name, right)
	}
	return Usagef("bad value %q for -%s: %v", value, f.Name, err)
}

func want(f *flag.Flag) string {
	if right := plainKind(f); right != "" {
		return right
	}
	kind, _ := flag.UnquoteUsage(f)
	return kind
}

// plainKind describes the values that package flag's own types take, or "".
func plainKind(f *flag.Flag) string {
	g, ok := f.Value.(flag.Getter)
	if !ok {
		return ""
	}
	switch g.Get().(type) {
	case bool:
		return "true or false"
	case time.Duration:
		return "a duration such as 10s or 500ms"
	case int, int64:
		return "a whole number of at most 63 bits"
	case uint, uint64:
		return "a whole number from 0 up, of at most 64 bits"
	case float64:
		return "a number"
	}
	return ""
}

func verbNames(c *Command) string {
	names := make([]string, len(c.Verbs))
	for i, v := range c.Verbs {
		names[i] = v.Name
	}
	return strings.Join(names, ", ")
}

func (l *line) flagNames() string {
	var names []string
	l.flags.VisitAll(func(f *flag.Flag) { names = append(names, "-"+f.Name) })
	return strings.Join(append(names, "-h"), ", ")
}
