package daemon_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dss.example/common/daemon"
	"dss.example/common/kv"
)

// freeAddr returns an address that was free a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", loopback)
	require.NoError(t, err)
	defer ln.Close()
	return ln.Addr().String()
}

func TestReadinessFollowsTheLifeOfTheServer(t *testing.T) {
	defer goleak.VerifyNone(t)
	opening, recovered := make(chan struct{}), make(chan struct{})
	f := newFake()
	f.busy = make(chan struct{})
	p := program(f)
	p.Open = func(context.Context, *daemon.Config) (kv.Store, error) {
		close(opening)
		<-recovered
		return &fakeStore{d: f.d}, nil
	}
	addr := freeAddr(t)
	s := start(t, p, "-listen", loopback, "-http", addr)
	is := func(path string, wantCode int, want string) {
		t.Helper()
		code, body := ask(t, "http://"+addr+path)
		require.Equal(t, wantCode, code)
		require.Equal(t, want, body)
	}

	<-opening
	is("/healthz", 200, "ok\n")
	is("/readyz", 503, "starting\n")
	close(recovered)
	s.out.line(t)
	is("/readyz", 200, "ready\n")
	s.signal()
	require.Contains(t, s.err.line(t), "draining")
	is("/readyz", 503, "draining\n")
	is("/healthz", 200, "ok\n")
	close(f.busy)
	require.Equal(t, 0, s.wait(t))
}

// slow is a server that is of no use before it has something.
type slow struct {
	*fakeServer
	waits *atomic.Bool
}

func (s slow) Ready() error {
	if s.waits.Load() {
		return errors.New("nobody leads")
	}
	return nil
}

func TestAServerThatWaitsForSomethingIsNotReadyAndSaysWhy(t *testing.T) {
	defer goleak.VerifyNone(t)
	srv := slow{newFake(), new(atomic.Bool)}
	srv.waits.Store(true)
	p := program(srv.fakeServer)
	p.Serve = func(*daemon.Config, kv.Store) (daemon.Server, error) { return srv, nil }
	s := start(t, p, "-listen", loopback, "-http", loopback)
	s.out.line(t)
	addr := adminAddr(t, s.out.line(t))
	is := func(wantCode int, want string) {
		code, body := ask(t, addr+"/readyz")
		require.Equal(t, wantCode, code)
		require.Equal(t, want, body)
	}
	is(503, "waiting: nobody leads\n")
	srv.waits.Store(false)
	is(200, "ready\n")
	srv.waits.Store(true)
	is(503, "waiting: nobody leads\n")
	s.signal()
	require.Equal(t, 0, s.wait(t))
}

func TestMetricsShowTheProcessAndTheServer(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := start(t, program(newFake()), "-listen", loopback, "-http", loopback)
	s.out.line(t)
	code, body := ask(t, adminAddr(t, s.out.line(t))+"/metrics")
	require.Equal(t, 200, code)
	body = regexp.MustCompile(`go="[^"]+"`).ReplaceAllString(body, `go="X"`)
	body = regexp.MustCompile(`(?m)^(go_\w+(?:bytes|goroutines)) [1-9]\d*$`).ReplaceAllString(body, "$1 N")
	body = regexp.MustCompile(`(?m)^(go_\w+) \d+$`).ReplaceAllString(body, "$1 N")
	golden(t, "metrics.txt", body)
	s.signal()
	require.Equal(t, 0, s.wait(t))
}

func TestProfilesAreTakenWhereHealthIsServed(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := start(t, program(newFake()), "-listen", loopback, "-http", loopback)
	s.out.line(t)
	addr := adminAddr(t, s.out.line(t))
	for _, path := range []string{"/debug/pprof/heap", "/debug/pprof/profile?seconds=1"} {
		code, body := ask(t, addr+path)
		require.Equal(t, 200, code, path)
		require.Equal(t, "\x1f\x8b", body[:2], "%s is a compressed profile", path)
	}
	s.signal()
	require.Equal(t, 0, s.wait(t))
}

func TestCountersOfOneNameShareTheirHelp(t *testing.T) {
	n := func(v uint64) func() uint64 { return func() uint64 { return v } }
	got := daemon.FormatCounters([]daemon.Counter{
		{Name: "a_total", Labels: `op="get"`, Help: "One\nline, \\ too.", Value: n(1)},
		{Name: "a_total", Labels: `op="put"`, Help: "ignored", Value: n(1 << 63)},
		{Name: "b", Help: "B.", Gauge: true, Value: n(0)},
	})
	require.Equal(t, `# HELP a_total One\nline, \\ too.
# TYPE a_total counter
a_total{op="get"} 1
a_total{op="put"} 9223372036854775808
# HELP b B.
# TYPE b gauge
b 0
`, got)
}

func TestTheHealthListenerRefusesConnectionsBeyondItsBound(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := start(t, program(newFake()), "-listen", loopback, "-http", loopback)
	s.out.line(t)
	addr := adminAddr(t, s.out.line(t))[len("http://"):]

	const bound = 32
	conns := make([]net.Conn, bound+1)
	for i := range conns {
		conn, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
		conns[i] = conn
	}
	_, err := conns[bound].Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "one too many is closed at once")
	_, err = io.WriteString(conns[0], "GET /healthz HTTP/1.0\r\n\r\n")
	require.NoError(t, err)
	answer, err := io.ReadAll(conns[0])
	require.NoError(t, err)
	require.Contains(t, string(answer), "ok\n", "the others are served")

	for _, conn := range conns {
		conn.Close()
	}
	require.Eventually(t, func() bool {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
		resp, err := client.Get("http://" + addr + "/healthz")
		return err == nil && resp.Body.Close() == nil
	}, patience, time.Millisecond, "there is room again")
	s.signal()
	require.Equal(t, 0, s.wait(t))
}
