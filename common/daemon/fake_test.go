package daemon_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/daemon"
	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
)

// patience bounds every wait of these tests; none needs a hundredth of it.
const patience = 20 * time.Second

// diary notes what happened to a fake, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.lines...)
}

// fakeStore is a Store that only notes its end.
type fakeStore struct {
	kv.Store
	d   *diary
	err error
}

func (s *fakeStore) Close() error {
	s.d.note("store closed")
	return s.err
}

// fakeServer serves nothing. Its Shutdown waits for busy to be closed, as a real
// one waits for requests.
type fakeServer struct {
	d    *diary
	ln   chan net.Listener
	busy chan struct{}
	dies chan error // makes Serve return by itself
	last error      // what Serve returns after Shutdown
}

func newFake() *fakeServer {
	f := &fakeServer{d: &diary{}, ln: make(chan net.Listener, 1), busy: make(chan struct{}), dies: make(chan error, 1)}
	close(f.busy)
	return f
}

func (f *fakeServer) Serve(ln net.Listener) error {
	f.ln <- ln
	select {
	case err := <-f.dies:
		ln.Close()
		return err
	default:
	}
	_, err := ln.Accept()
	f.d.note("serve returned")
	if f.last != nil {
		return f.last
	}
	return err
}

func (f *fakeServer) Shutdown(ctx context.Context) error {
	ln := <-f.ln
	defer ln.Close()
	select {
	case <-ctx.Done():
		f.d.note("connections cut")
		return ctx.Err()
	default:
	}
	select {
	case <-f.busy:
		f.d.note("requests ended")
		return nil
	case <-ctx.Done():
		f.d.note("connections cut")
		return ctx.Err()
	}
}

func (f *fakeServer) Counters() []daemon.Counter {
	return []daemon.Counter{{Name: "kvd_requests_total", Help: "Requests.", Value: func() uint64 { return 7 }}}
}

// program is a stage 1 around f.
func program(f *fakeServer) daemon.Program {
	return daemon.Program{
		Stage: 1,
		Open:  func(context.Context, *daemon.Config) (kv.Store, error) { return &fakeStore{d: f.d}, nil },
		Serve: func(*daemon.Config, kv.Store) (daemon.Server, error) { return f, nil },
	}
}

// output keeps what is written, and hands out lines as they come: 64 at most that
// nobody has taken yet.
type output struct {
	mu    sync.Mutex
	all   bytes.Buffer
	taken int // bytes of all that were handed out
	lines chan string
}

func newOutput() *output { return &output{lines: make(chan string, 64)} }

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all.Write(b)
	for {
		line, _, whole := strings.Cut(o.all.String()[o.taken:], "\n")
		if !whole || len(o.lines) == cap(o.lines) {
			return len(b), nil
		}
		o.taken += len(line) + 1
		o.lines <- line
	}
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.String()
}

func (o *output) line(t *testing.T) string {
	t.Helper()
	select {
	case s := <-o.lines:
		return s
	case <-time.After(patience):
		require.FailNow(t, "no line came")
		return ""
	}
}

// server is a daemon that runs inside the test.
type server struct {
	out, err *output
	signal   context.CancelFunc // the first SIGTERM
	code     chan int
}

func start(t *testing.T, p daemon.Program, args ...string) *server {
	t.Helper()
	ctx, signal := context.WithCancel(context.Background())
	s := &server{out: newOutput(), err: newOutput(), signal: signal, code: make(chan int, 1)}
	go func() { s.code <- daemon.Run(ctx, p, args, cli.Std{Out: s.out, Err: s.err}) }()
	t.Cleanup(signal)
	return s
}

func (s *server) wait(t *testing.T) int {
	t.Helper()
	select {
	case code := <-s.code:
		return code
	case <-time.After(patience):
		require.FailNow(t, "the daemon does not end")
		return 0
	}
}

// run starts and waits.
func run(t *testing.T, p daemon.Program, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	s := start(t, p, args...)
	code = s.wait(t)
	return code, s.out.String(), s.err.String()
}
