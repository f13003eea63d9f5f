package cmd_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bin is where the programs under test are.
var bin string

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// buildAndRun builds the programs, unless DSS_PROGRAMS names a folder for them: then
// each is built there by the first test that starts it, also for the tests of other
// processes. Who names a folder sees to it that it is empty at first, and that all who
// are given it test the same tree, built with the same flags.
func buildAndRun(m *testing.M) (code int, err error) {
	if bin = os.Getenv("DSS_PROGRAMS"); bin != "" {
		return m.Run(), nil
	}
	if bin, err = os.MkdirTemp("", "stage1-"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(bin)
	if err := build(bin+"/", "./kvd", "./kv", "./sim", "./demo"); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// build runs go build with flags and packages, as this test was built.
func build(out string, more ...string) error {
	args := []string{"build", "-ldflags=-s -w", "-o", out} // without tables for debuggers, which take long to link
	if raced() {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, more...)...)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, said)
	}
	return nil
}

// program returns the file of a program under test, or of another that is named with
// its folder.
func program(t testing.TB, name string) string {
	t.Helper()
	if filepath.IsAbs(name) {
		return name
	}
	file := filepath.Join(bin, name)
	if _, err := os.Stat(file); err == nil {
		return file
	}
	dir, err := os.MkdirTemp(bin, "")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	whole := filepath.Join(dir, name)
	require.NoError(t, build(whole, "./"+name))
	require.NoError(t, os.Rename(whole, file), "nobody may find half of it")
	return file
}

// raced reports whether this test was built with the race detector: then so are the
// programs.
func raced() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// patience ends what hangs; nothing that is right takes as long.
const patience = 60 * time.Second

// process is a program that runs. It does not outlive its test.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdout *bufio.Reader
	stderr bytes.Buffer
	said   strings.Builder // on the standard output, as far as it was read
}

// launch starts a program with the given standard input; nil is none.
func launch(t testing.TB, stdin io.Reader, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program(t, name), args...)}
	p.cmd.Stdin, p.cmd.Stderr = stdin, &p.stderr
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.stdout = bufio.NewReader(io.TeeReader(out, &p.said))
	require.NoError(t, p.cmd.Start())
	hung := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	t.Cleanup(func() {
		hung.Stop()
		_ = p.cmd.Process.Kill() // it has ended, unless the test failed
		_ = p.cmd.Wait()
	})
	return p
}

// line waits for the next line on the standard output.
func (p *process) line() string {
	p.t.Helper()
	line, err := p.stdout.ReadString('\n')
	require.NoError(p.t, err, "after %q; on the standard error: %s", line, &p.stderr)
	return strings.TrimSuffix(line, "\n")
}

// lineWith waits for a line that holds a text.
func (p *process) lineWith(text string) string {
	p.t.Helper()
	for {
		if line := p.line(); strings.Contains(line, text) {
			return line
		}
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(s))
}

// result is how a process ended.
type result struct {
	out, err string
	code     int // -1 if a signal ended it
}

// wait waits until the process has ended.
func (p *process) wait() result {
	p.t.Helper()
	_, err := io.Copy(io.Discard, p.stdout)
	require.NoError(p.t, err)
	err = p.cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		require.NoError(p.t, err)
	}
	return result{p.said.String(), p.stderr.String(), p.cmd.ProcessState.ExitCode()}
}

// run runs a program to its end.
func run(t testing.TB, name string, args ...string) result {
	t.Helper()
	return launch(t, nil, name, args...).wait()
}

// done is run for what must succeed, and tells what it printed.
func done(t testing.TB, name string, args ...string) string {
	t.Helper()
	r := run(t, name, args...)
	require.Zero(t, r.code, "%s %q: %+v", name, args, r)
	return r.out
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return lines[len(lines)-1]
}

// server is a kvd that serves.
type server struct {
	*process
	addr string
}

const banner = "kvd stage=1 listening on "

func serve(t testing.TB, args ...string) *server {
	t.Helper()
	p := launch(t, nil, "kvd", append([]string{"-listen", "127.0.0.1:0"}, args...)...)
	line := p.line()
	require.True(t, strings.HasPrefix(line, banner), line)
	return &server{p, strings.TrimPrefix(line, banner)}
}

// start starts a kv that asks the server.
func (s *server) start(args ...string) *process {
	s.t.Helper()
	return launch(s.t, nil, "kv", append([]string{"-s", s.addr}, args...)...)
}

// done runs a kv that must succeed.
func (s *server) done(args ...string) string {
	s.t.Helper()
	return done(s.t, "kv", append([]string{"-s", s.addr}, args...)...)
}
