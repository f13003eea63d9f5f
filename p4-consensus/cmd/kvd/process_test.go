package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/wire"

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

// long is how long a test waits for what must happen, on a machine that is busy.
const long = 60 * time.Second

// process is a server that runs.
type process struct {
	*exec.Cmd
	said said
	line string // the first on the standard output
}

func start(t testing.TB, args ...string) *process {
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
func (p *process) kill(t testing.TB) {
	require.NoError(t, p.Process.Kill())
	_ = p.Wait()
}

// end waits until the process has ended, and returns its exit code.
func (p *process) end(t testing.TB) int {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(long):
		require.NoError(t, p.Process.Kill())
		<-ended
		require.FailNow(t, "it goes on", "%s", &p.said)
	}
	return p.ProcessState.ExitCode()
}

// said is what a process writes, which may be read meanwhile.
type said struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(long); !holds(); <-tick.C {
		require.True(t, time.Now().Before(end), "%s: not in %v", what, long)
	}
}

// group is servers of one group.
type group struct {
	t     testing.TB
	dir   string         // of their data
	addrs []string       // where they reach each other
	own   map[int]string // where one listens, if that is elsewhere
	args  []string       // of all
	tls   func(id int) wire.TLSFiles
	procs map[int]*process
}

// newGroup makes the addresses of a group whose first ones, so many, form it.
func newGroup(t testing.TB, size int, args ...string) *group {
	g := &group{t: t, dir: t.TempDir(), args: args, own: map[int]string{}, procs: map[int]*process{}}
	for range size {
		g.addrs = append(g.addrs, freeAddress(t))
	}
	return g
}

// freeAddress is where nobody listens.
func freeAddress(t testing.TB) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	return ln.Addr().String()
}

func (g *group) data(id int) string { return filepath.Join(g.dir, fmt.Sprint(id)) }

// listens is where a server listens.
func (g *group) listens(id int) string { return cmp.Or(g.own[id], g.addrs[id-1]) }

// peers is the flag of the first ones, or of one who comes later.
func (g *group) peers(ids ...int) string {
	var words []string
	for _, id := range ids {
		words = append(words, fmt.Sprintf("%d=%s", id, g.addrs[id-1]))
	}
	return strings.Join(words, ",")
}

// start starts a server of the first three, with more flags.
func (g *group) start(id int, more ...string) *process {
	return g.launch(id, append([]string{"-peers", g.peers(1, 2, 3)}, more...)...)
}

func (g *group) launch(id int, more ...string) *process {
	args := append([]string{"-id", fmt.Sprint(id), "-data", g.data(id)}, g.args...)
	if g.tls != nil {
		files := g.tls(id)
		args = append(args, "-tls-cert", files.Cert, "-tls-key", files.Key, "-tls-ca", files.CA)
	}
	if g.own[id] != "" {
		args = append(args, "-listen", g.own[id])
	}
	p := start(g.t, append(args, more...)...)
	require.Equal(g.t, fmt.Sprintf("kvd stage=4 id=%d listening on %s", id, g.listens(id)), p.line, &p.said)
	g.procs[id] = p
	return p
}

// form starts the first three.
func (g *group) form() *group {
	for id := 1; id <= 3; id++ {
		g.start(id)
	}
	return g
}

func (g *group) kill(id int) {
	g.procs[id].kill(g.t)
	delete(g.procs, id)
}

// client is one of some of the servers, and of no others, and patient.
func (g *group) client(ids ...int) *client.Client { return g.clientFor(long, ids...) }

// clientFor is a client that gives up after some time.
func (g *group) clientFor(patience time.Duration, ids ...int) *client.Client {
	o := client.Options{Session: session.Config{
		Timeout: machine.Time(patience), Attempt: 2 * machine.Second, Retries: 10_000, Backoff: 5 * machine.Millisecond, TTL: machine.Time(kv.MaxTTL),
	}}
	if g.tls != nil {
		config, err := g.tls(0).Client()
		require.NoError(g.t, err)
		o.Wire.TLS = config
	}
	for _, id := range ids {
		o.Addrs = append(o.Addrs, g.listens(id))
	}
	ctx, cancel := context.WithTimeout(g.t.Context(), long)
	defer cancel()
	c, err := client.Open(ctx, o)
	require.NoError(g.t, err)
	g.t.Cleanup(func() { _ = c.Close() })
	return c
}

// inspect asks one server about itself.
func (g *group) inspect(c *client.Client) kv.Replica {
	ctx, cancel := context.WithTimeout(g.t.Context(), long)
	defer cancel()
	r, err := kv.NewClient(c).Inspect(ctx)
	require.NoError(g.t, err)
	return r
}

// leader waits until one of the servers that run leads, and returns which.
func (g *group) leader() (id int) {
	clients := map[int]*client.Client{}
	for id := range g.procs {
		clients[id] = g.client(id)
	}
	eventually(g.t, "a leader", func() bool {
		for n, c := range clients {
			if g.inspect(c).Role == kv.Leader {
				id = n
			}
		}
		return id != 0
	})
	for _, c := range clients {
		_ = c.Close()
	}
	return id
}

// put sets a key, through one of some servers.
func (g *group) put(key, value string, ids ...int) {
	c := g.client(ids...)
	_, err := kv.NewClient(c).Put(g.t.Context(), key, []byte(value))
	require.NoError(g.t, err)
	require.NoError(g.t, c.Close())
}

func (g *group) get(key string, ids ...int) string {
	c := g.client(ids...)
	item, err := kv.NewClient(c).Get(g.t.Context(), key)
	require.NoError(g.t, err)
	require.NoError(g.t, c.Close())
	return string(item.Value)
}

// refused asks one server for a read and a write at the same time, for as long as patience
// lasts, and returns what they are told.
func (g *group) refused(patience time.Duration, read, write kv.Op, id int) (told [2]*kv.Response) {
	c := g.clientFor(patience, id)
	var both sync.WaitGroup
	for i, op := range []kv.Op{read, write} {
		both.Go(func() {
			ctx, cancel := context.WithTimeout(g.t.Context(), long)
			defer cancel()
			told[i] = c.Do(ctx, &kv.Request{Op: op})
		})
	}
	both.Wait()
	return told
}

// others are those of size that are not id.
func others(size, id int) (all []int) {
	for n := 1; n <= size; n++ {
		if n != id {
			all = append(all, n)
		}
	}
	return all
}
