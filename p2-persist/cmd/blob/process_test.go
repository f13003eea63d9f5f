package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary be the program too.
func TestMain(m *testing.M) {
	if os.Getenv("BLOB_UNDER_TEST") == "1" {
		main()
	}
	os.Exit(m.Run())
}

// patience ends what hangs; nothing that is right takes as long.
const patience = 2 * time.Minute

// desk is a folder with a store, in which programs run.
type desk struct {
	t     testing.TB
	dir   string
	unset bool // leave BLOB_STORE empty
}

func newDesk(t testing.TB) *desk { return &desk{t: t, dir: t.TempDir()} }

// path returns the file of a name in the folder.
func (d *desk) path(name string) string { return d.dir + "/" + name }

// process is a program that runs. It does not outlive its test.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	err    *bufio.Reader
	stdout strings.Builder // as far as it was read
	stderr strings.Builder // as far as it was read
}

// start starts blob with an open standard input.
func (d *desk) start(args ...string) *process {
	d.t.Helper()
	self, err := os.Executable()
	require.NoError(d.t, err)
	p := &process{t: d.t, cmd: exec.Command(self, args...)}
	p.cmd.Dir = d.dir
	store := d.path("store")
	if d.unset {
		store = ""
	}
	p.cmd.Env = append(os.Environ(), "BLOB_UNDER_TEST=1", "BLOB_STORE="+store)
	p.in, err = p.cmd.StdinPipe()
	require.NoError(d.t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(d.t, err)
	p.out = bufio.NewReader(io.TeeReader(out, &p.stdout))
	errs, err := p.cmd.StderrPipe()
	require.NoError(d.t, err)
	p.err = bufio.NewReader(io.TeeReader(errs, &p.stderr))
	require.NoError(d.t, p.cmd.Start())
	hung := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	d.t.Cleanup(func() {
		hung.Stop()
		_ = p.cmd.Process.Kill() // it has ended, unless the test failed
		_ = p.cmd.Wait()
	})
	return p
}

// line waits for the next line on the standard error.
func (p *process) line() string {
	p.t.Helper()
	line, err := p.err.ReadString('\n')
	require.NoError(p.t, err, "after %q", p.stderr.String())
	return strings.TrimSuffix(line, "\n")
}

// printed waits for the next line on the standard output.
func (p *process) printed() string {
	p.t.Helper()
	line, err := p.out.ReadString('\n')
	require.NoError(p.t, err, "after %q", p.stdout.String())
	return strings.TrimSuffix(line, "\n")
}

// signal sends a signal.
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
	var rest sync.WaitGroup
	rest.Go(func() { _, _ = io.Copy(io.Discard, p.out) })
	_, err := io.Copy(io.Discard, p.err)
	rest.Wait()
	require.NoError(p.t, err)
	err = p.cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		require.NoError(p.t, err)
	}
	return result{p.stdout.String(), p.stderr.String(), p.cmd.ProcessState.ExitCode()}
}

// run runs blob to its end, without input.
func (d *desk) run(args ...string) result {
	d.t.Helper()
	return d.feed("", args...)
}

// feed runs blob with a text on its standard input.
func (d *desk) feed(text string, args ...string) result {
	d.t.Helper()
	p := d.start(args...)
	_, _ = io.WriteString(p.in, text) // who does not read it has ended
	p.in.Close()
	return p.wait()
}

// done is run for what must succeed; it returns what was printed.
func (d *desk) done(args ...string) string {
	d.t.Helper()
	r := d.run(args...)
	require.Zero(d.t, r.code, "%q: %+v", args, r)
	return r.out
}

// id is done for what prints an ID alone.
func (d *desk) id(args ...string) string {
	d.t.Helper()
	return strings.TrimSuffix(d.done(args...), "\n")
}
