package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Command is a program or one of its verbs. It has Verbs, or Run, or both: then Run is
// what it does without a verb, and has no arguments.
type Command struct {
	Name    string // as it is typed
	Brief   string // what it does, in one line
	Args    string // its arguments in order: "KEY VALUE", "KEY [VALUE]", "FILE..."; empty for none
	Detail  string // what else the help should say; may be empty
	Example string // lines that can be pasted; only a verb without arguments can do without
	Verbs   []*Command

	// Flags declares the command's flags. It is called once for each run, before
	// Run; nil declares none.
	Flags func(*flag.FlagSet)

	// Run does the command's work. The number of args fits Args. Its error is
	// printed on one line and decides the exit code, see Code.
	Run func(ctx context.Context, args []string, std Std) error
}

// Std is where a command reads and writes.
type Std struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs c as this process and exits. The first interrupt or SIGTERM ends the
// context, a second one the process.
func Main(c *Command) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(Run(ctx, c, os.Args[1:], Std{os.Stdin, os.Stdout, os.Stderr}))
}

// Run runs c with the given arguments, the program's name not among them, and
// returns the exit code.
func Run(ctx context.Context, c *Command, args []string, std Std) int {
	l := newLine(c)
	err := l.parse(args)
	switch {
	case err == nil && l.help:
		l.writeHelp(std.Out)
		return Done
	case err == nil:
		err = l.last().Run(ctx, l.args, std)
	}
	if text := message(err); text != "" {
		fmt.Fprintf(std.Err, "%s: %s\n", l.name(), text)
	}
	return Code(err)
}

// message returns err on one line, or "" if there is nothing left to say.
func message(err error) string {
	if _, said := err.(Exit); err == nil || said {
		return ""
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}
