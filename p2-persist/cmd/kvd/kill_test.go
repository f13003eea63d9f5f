package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/session"
)

// TestMain lets the test binary be the server too.
func TestMain(m *testing.M) {
	if os.Getenv("KVD_UNDER_TEST") == "1" {
		main()
	}
	os.Exit(m.Run())
}

// process is a server that runs.
type process struct {
	*exec.Cmd
	said bytes.Buffer // on the standard error
	line string       // the first on the standard output
}

func start(t *testing.T, args ...string) *process {
	self, err := os.Executable()
	require.NoError(t, err)
	p := &process{Cmd: exec.Command(self, args...)}
	p.Env = append(os.Environ(), "KVD_UNDER_TEST=1")
	p.Stderr = &p.said
	out, err := p.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Process.Kill() })
	r := bufio.NewReader(out)
	line, _ := r.ReadString('\n') // none: it has ended and says why
	p.line = strings.TrimSuffix(line, "\n")
	go io.Copy(io.Discard, r) // ends with the process
	return p
}

// kill is kill -9.
func (p *process) kill(t *testing.T) {
	require.NoError(t, p.Process.Kill())
	_ = p.Wait()
}

// freeAddress is where nobody listens.
func freeAddress(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	return ln.Addr().String()
}

// writer counts up in a key of its own until ctx ends, and keeps what was acknowledged.
type writer struct {
	key          string
	acknowledged int
	begun        int
	err          error
}

func (w *writer) write(ctx context.Context, c *client.Client) {
	for n := 1; ctx.Err() == nil; n++ {
		w.begun = n
		resp := c.Do(ctx, &kv.Request{Op: kv.Append{Key: w.key, Value: fmt.Appendf(nil, "%d,", n)}})
		switch {
		case resp.Status == kv.OK:
			w.acknowledged = n
		case ctx.Err() == nil:
			w.err = fmt.Errorf("write %d: %v", n, resp)
			return
		}
	}
}

// check compares a key with what its writer knows: all that was acknowledged is there,
// once and in order, and at most the last one that was not.
func (w *writer) check(value string) error {
	n := 0
	for i, word := range strings.Split(strings.TrimSuffix(value, ","), ",") {
		if n = i + 1; word != fmt.Sprint(n) {
			return fmt.Errorf("%s: write %d is %q", w.key, n, word)
		}
	}
	if n < w.acknowledged || n > w.begun {
		return fmt.Errorf("%s: %d writes are there, %d were acknowledged, %d begun", w.key, n, w.acknowledged, w.begun)
	}
	return nil
}

// kills is how often the server is killed under load.
const kills = 12

func TestNothingAcknowledgedIsLostByKills(t *testing.T) {
	dir, addr := t.TempDir(), freeAddress(t)
	ctx, cancel := context.WithCancel(t.Context())
	writers := make([]*writer, 8)
	args := []string{"-data", dir, "-listen", addr, "-checkpoint-every", "50", "-keep-checkpoints", "2"}
	p := start(t, args...)
	require.Equal(t, "kvd stage=2 listening on "+addr, p.line, &p.said)
	c, err := client.Open(ctx, client.Options{
		Addrs:   []string{addr},
		Session: session.Config{Timeout: 60 * machine.Second, Retries: 10_000, Backoff: 5 * machine.Millisecond, TTL: machine.Time(kv.MaxTTL)},
	})
	require.NoError(t, err)
	var all sync.WaitGroup
	for i := range writers {
		w := &writer{key: fmt.Sprint("writer ", i)}
		writers[i] = w
		all.Go(func() { w.write(ctx, c) })
	}
	for range kills {
		awaitWrites(t, c, 50)
		p.kill(t)
		p = start(t, args...)
		require.Equal(t, "kvd stage=2 listening on "+addr, p.line, &p.said)
	}
	awaitWrites(t, c, 50)
	cancel()
	all.Wait()
	require.NoError(t, c.Close())
	p.kill(t)

	p = start(t, args...)
	c, err = client.Open(t.Context(), client.Options{Addrs: []string{addr}})
	require.NoError(t, err)
	total := 0
	for _, w := range writers {
		require.NoError(t, w.err)
		it, _ := c.Do(t.Context(), &kv.Request{Op: kv.Get{Key: w.key}}).Result.(kv.Item)
		require.NoError(t, w.check(string(it.Value)))
		total += w.acknowledged
	}
	require.Greater(t, total, kills*50)
	require.NoError(t, c.Close())
	require.NoError(t, p.Process.Signal(os.Interrupt))
	require.NoError(t, p.Wait(), &p.said)
}

// awaitWrites waits until the server has done n more writes.
func awaitWrites(t *testing.T, c *client.Client, n uint64) {
	rev := func() uint64 { return c.Do(t.Context(), &kv.Request{Op: kv.Stat{}}).Rev.Lo }
	from, end := rev(), time.Now().Add(30*time.Second)
	for rev() < from+n {
		require.True(t, time.Now().Before(end), "no writes in 30 s")
	}
}

func TestWhatCannotBeServedIsSaidInOneLine(t *testing.T) {
	dir := t.TempDir()
	p := start(t, "-data", dir, "-listen", "127.0.0.1:0")
	require.Contains(t, p.line, "kvd stage=2 listening on")
	for name, c := range map[string]struct {
		args []string
		code int
		said string
	}{
		"the directory is another's": {[]string{"-data", dir, "-listen", "127.0.0.1:0"}, 1, "locked by another"},
		"no directory":               {nil, 2, "flag -data is missing"},
		"no checkpoint is kept":      {[]string{"-keep-checkpoints", "0"}, 2, `bad value "0" for -keep-checkpoints: want 1 to 256`},
		"a checkpoint all the time":  {[]string{"-checkpoint-every", "0"}, 2, `bad value "0" for -checkpoint-every: want 1 to 1073741824`},
		"no memory at all":           {[]string{"-past-memory", "much"}, 2, `bad value "much" for -past-memory: want 1 to 65536`},
	} {
		second := start(t, c.args...)
		_ = second.Wait()
		require.Equal(t, c.code, second.ProcessState.ExitCode(), name)
		require.Contains(t, second.said.String(), c.said, name)
		require.Empty(t, second.line)
	}
	p.kill(t)
}
