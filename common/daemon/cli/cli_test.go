package cli_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// got is what a run of the pretended program saw.
type got struct {
	Servers []string
	Timeout time.Duration
	JSON    bool
	Lease   uint64
	Verb    string
	Args    []string
}

// program is a small kv: a program's flags, and verbs with and without flags and
// arguments.
func program(g *got, result error) *cli.Command {
	run := func(verb string) func(context.Context, []string, cli.Std) error {
		return func(_ context.Context, args []string, _ cli.Std) error {
			g.Verb, g.Args = verb, args
			return result
		}
	}
	return &cli.Command{
		Name:    "kv",
		Brief:   "asks a key-value server",
		Detail:  "Any server's address will do.",
		Example: "kv put colour blue\nkv get colour",
		Flags: func(f *flag.FlagSet) {
			cli.AddrsVar(f, &g.Servers, "s", "127.0.0.1:7001", "`ADDR[,ADDR...]` of the servers")
			f.DurationVar(&g.Timeout, "timeout", 10*time.Second, "how `LONG` to try")
			f.BoolVar(&g.JSON, "json", false, "print JSON")
		},
		Verbs: []*cli.Command{
			{Name: "get", Args: "KEY", Brief: "print a value", Run: run("get")},
			{
				Name: "put", Args: "KEY [VALUE]", Brief: "set a key", Run: run("put"),
				Example: "kv put colour blue -lease 7",
				Flags: func(f *flag.FlagSet) {
					f.Uint64Var(&g.Lease, "lease", 0, "`ID` of the lease that the key hangs on")
				},
			},
			{Name: "batch", Args: "KEY...", Brief: "print values", Run: run("batch")},
			{Name: "stat", Brief: "print counts", Run: run("stat")},
		},
	}
}

// run returns what the program saw, its exit code and its two outputs.
func run(result error, args ...string) (g got, code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Run(context.Background(), program(&g, result), args, cli.Std{Out: &out, Err: &errs})
	return g, code, out.String(), errs.String()
}

func TestFlagsAreReadWhereverAndHoweverTheyStand(t *testing.T) {
	servers := []string{"127.0.0.1:7001"}
	put := got{Servers: servers, Timeout: time.Second, Lease: 7, Verb: "put", Args: []string{"k", "v"}}
	plain := got{Servers: servers, Timeout: 10 * time.Second, Verb: "put", Args: []string{"k", "v"}}
	with := func(g got, change func(*got)) got { change(&g); return g }
	for _, c := range []struct {
		args string
		want got
	}{
		{"put k v", plain},
		{"-timeout 1s put -lease 7 k v", put},
		{"--timeout 1s put --lease 7 k v", put},
		{"put k v -timeout=1s --lease=7", put},
		{"put k -lease 7 v -timeout 1s", put},
		{"put k v -lease 9 -timeout 1s -lease 7", put},
		{"-json put k v", with(plain, func(g *got) { g.JSON = true })},
		{"put k v -json", with(plain, func(g *got) { g.JSON = true })},
		{"-json=false put k v", plain},
		{"put -- k -json", with(plain, func(g *got) { g.Args = []string{"k", "-json"} })},
		{"-- put k -- ", with(plain, func(g *got) { g.Args = []string{"k", "--"} })},
		{"put k -1.5e3", with(plain, func(g *got) { g.Args = []string{"k", "-1.5e3"} })},
		{"put k -", with(plain, func(g *got) { g.Args = []string{"k", "-"} })},
		{"put help", with(plain, func(g *got) { g.Args = []string{"help"} })},
		{"batch a b c", with(plain, func(g *got) { g.Verb, g.Args = "batch", []string{"a", "b", "c"} })},
		{"stat", with(plain, func(g *got) { g.Verb, g.Args = "stat", nil })},
		{"stat -s a:1,b:2", with(plain, func(g *got) {
			g.Verb, g.Args, g.Servers = "stat", nil, []string{"a:1", "b:2"}
		})},
	} {
		t.Run(c.args, func(t *testing.T) {
			g, code, _, stderr := run(nil, strings.Fields(c.args)...)
			require.Equal(t, cli.Done, code, stderr)
			require.Empty(t, cmp.Diff(c.want, g))
		})
	}
}

func TestBadUsageEndsWith2AndOneLineThatNamesWhatIsRight(t *testing.T) {
	for args, want := range map[string]string{
		"":                    `kv: a verb is missing: want one of get, put, batch, stat`,
		"gett k":              `kv: no verb "gett": want one of get, put, batch, stat`,
		"help gett":           `kv: no verb "gett": want one of get, put, batch, stat`,
		"get":                 `kv get: want KEY, got 0 arguments ("kv get -h" shows an example)`,
		"get a b":             `kv get: want KEY, got 2 arguments ("kv get -h" shows an example)`,
		"put a b c":           `kv put: want KEY [VALUE], got 3 arguments ("kv put -h" shows an example)`,
		"batch":               `kv batch: want KEY..., got 0 arguments ("kv batch -h" shows an example)`,
		"stat now":            `kv stat: takes no arguments, got "now"`,
		"get k -lease 7":      `kv get: unknown flag -lease: want one of -json, -s, -timeout, -h`,
		"put k -leese 7":      `kv put: unknown flag -leese: want one of -json, -lease, -s, -timeout, -h`,
		"put k -timeout":      `kv put: flag -timeout lacks its value: want a duration such as 10s or 500ms`,
		"put k -s":            `kv put: flag -s lacks its value: want ADDR[,ADDR...]`,
		"-timeout soon put k": `kv: bad value "soon" for -timeout: want a duration such as 10s or 500ms`,
		"put k -lease -3":     `kv put: bad value "-3" for -lease: want a whole number from 0 up, of at most 64 bits`,
		"put k -json=maybe":   `kv put: bad value "maybe" for -json: want true or false`,
		"stat -s 127.0.0.1":   `kv stat: bad value "127.0.0.1" for -s: want HOST:PORT such as 127.0.0.1:7001`,
		"stat -s a:1,b:70000": `kv stat: bad value "a:1,b:70000" for -s: want HOST:PORT such as 127.0.0.1:7001`,
		"stat -- -json":       `kv stat: takes no arguments, got "-json"`,
		"stat -":              `kv stat: takes no arguments, got "-"`,
		"put k -lease 99999999999999999999": `kv put: bad value "99999999999999999999" for -lease: ` +
			`want a whole number from 0 up, of at most 64 bits`,
	} {
		t.Run(args, func(t *testing.T) {
			g, code, stdout, stderr := run(nil, strings.Fields(args)...)
			require.Equal(t, want+"\n", stderr)
			require.Equal(t, cli.BadUsage, code)
			require.Empty(t, stdout)
			require.Empty(t, g.Verb, "nothing may be tried")
		})
	}
}

func TestOutcomesBecomeExitCodes(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		code   int
		stderr string
	}{
		{"done", nil, 0, ""},
		{"no such key", kv.ErrNotFound, 1, "kv get: no such key\n"},
		{"not done", fmt.Errorf("%w: no leader", kv.ErrUnavailable), 1, "kv get: unavailable, not done: no leader\n"},
		{"any other error", errors.New("no such file"), 1, "kv get: no such file\n"},
		{"bad usage", cli.Usagef("bad value %q for -x: want y", "z"), 2, "kv get: bad value \"z\" for -x: want y\n"},
		{"wrapped bad usage", fmt.Errorf("open: %w", cli.Usagef("no id")), 2, "kv get: open: no id\n"},
		{"unknown", fmt.Errorf("put: %w", kv.ErrMaybe), 3, "kv get: put: outcome unknown\n"},
		{"said by the command", cli.Exit(1), 1, ""},
		{"several errors", errors.Join(errors.New("a"), errors.New("b")), 1, "kv get: a; b\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, code, _, stderr := run(c.err, "get", "k")
			require.Equal(t, c.code, code)
			require.Equal(t, c.stderr, stderr)
		})
	}
}

func TestHelpIsPrintedOnStdoutAndEndsWith0(t *testing.T) {
	for golden, lines := range map[string][]string{
		"kv.txt":   {"-h", "--help", "help", "-json -help", "-h -json"},
		"put.txt":  {"put -h", "help put", "-h put", "put k v extra --help", "-timeout 1s put -help"},
		"stat.txt": {"help stat", "stat -h", "help stat more"},
	} {
		file := filepath.Join("testdata", golden)
		if *update {
			_, _, stdout, _ := run(nil, strings.Fields(lines[0])...)
			require.NoError(t, os.WriteFile(file, []byte(stdout), 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, args := range lines {
			t.Run(args, func(t *testing.T) {
				g, code, stdout, stderr := run(nil, strings.Fields(args)...)
				require.Equal(t, cli.Done, code)
				require.Empty(t, stderr)
				require.Empty(t, g.Verb)
				require.Empty(t, cmp.Diff(string(want), stdout))
			})
		}
	}
}

func TestACommandMayDoSomethingWithoutAVerb(t *testing.T) {
	exit := func(code int) func(context.Context, []string, cli.Std) error {
		return func(_ context.Context, args []string, _ cli.Std) error { return cli.Exit(10*code + len(args)) }
	}
	c := &cli.Command{
		Name: "members", Brief: "print the members", Run: exit(1), Example: "members",
		Verbs: []*cli.Command{{Name: "add", Args: "ID", Brief: "add one", Run: exit(2)}},
	}
	for args, want := range map[string]int{"": 10, "add 4": 21, "add": cli.BadUsage, "drop": cli.BadUsage, "-h": cli.Done} {
		var out, errs bytes.Buffer
		require.Equal(t, want, cli.Run(context.Background(), c, strings.Fields(args), cli.Std{Out: &out, Err: &errs}), args)
		require.Equal(t, args == "-h", strings.Contains(out.String(), "usage: members [VERB ...]\n"), args)
	}
}

func TestAFlagNamedLikeANumberIsAFlag(t *testing.T) {
	var one bool
	c := &cli.Command{
		Name:  "list",
		Args:  "[DIR]",
		Flags: func(f *flag.FlagSet) { f.BoolVar(&one, "1", false, "one a line") },
		Run:   func(_ context.Context, args []string, _ cli.Std) error { return cli.Exit(len(args)) },
	}
	require.Equal(t, 0, cli.Run(context.Background(), c, []string{"-1"}, cli.Std{}))
	require.True(t, one)
	require.Equal(t, 1, cli.Run(context.Background(), c, []string{"-2"}, cli.Std{}))
}

func TestAddresses(t *testing.T) {
	for _, good := range []string{"127.0.0.1:0", ":7001", "[::1]:65535", "server-1.example:80"} {
		require.NoError(t, cli.CheckAddr(good), good)
	}
	for _, bad := range []string{"", "localhost", "1.2.3.4:", ":http", "::1:80", "a:65536", "a:-1", "a:1:2"} {
		require.ErrorIs(t, cli.CheckAddr(bad), cli.ErrAddr, bad)
	}
}
