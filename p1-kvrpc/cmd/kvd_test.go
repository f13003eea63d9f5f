package cmd_test

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASIGTERMEndsALongPollAndTheServerWith0(t *testing.T) {
	s := serve(t, "-drain-timeout", "10m")
	s.done("put", "a", "1")
	w := s.start("watch", "-after", "1")
	require.Equal(t, "2\tput\ta\t1", w.line())
	s.signal(syscall.SIGTERM)
	r := s.wait()
	require.Equal(t, result{out: banner + s.addr + "\n", err: r.err}, r)
	require.Contains(t, r.err, "draining")
	w.signal(syscall.SIGTERM)
	require.Zero(t, w.wait().code)
}

func TestAKilledServerHasLostAllAndHonoursNoOldLease(t *testing.T) {
	s := serve(t)
	id, _, _ := strings.Cut(s.done("lease", "grant", "1h"), "\t")
	s.done("put", "-lease", id, "a", "1")
	s.signal(syscall.SIGKILL)
	require.Equal(t, -1, s.wait().code)
	again := launch(t, nil, "kvd", "-listen", s.addr)
	require.Equal(t, banner+s.addr, again.line())
	require.Equal(t, "0\n", s.done("scan", "-count"))
	s.done("lease", "grant", "1h")
	require.Equal(t, 1, s.start("lease", "keepalive", id).wait().code, "the number of an earlier life means nothing")
}

func TestHealthAndMetricsAreServed(t *testing.T) {
	s := serve(t, "-http", "127.0.0.1:0")
	_, base, _ := strings.Cut(s.line(), "health and metrics on ")
	get := func(path string) string {
		resp, err := http.Get(base + path)
		require.NoError(t, err)
		defer resp.Body.Close()
		require.Equal(t, http.StatusOK, resp.StatusCode)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(body)
	}
	s.done("put", "a", "1")
	require.Equal(t, "ok\n", get("/healthz"))
	require.Equal(t, "ready\n", get("/readyz"))
	require.Contains(t, get("/metrics"), "\nkvd_connections_accepted_total 1\n")
	require.Contains(t, get("/metrics"), "\nkvd_panics_total 0\n")
	http.DefaultClient.CloseIdleConnections()
}

func TestTheSimulatorReplaysWhatAServerRecorded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "recording")
	s := serve(t, "-record", file)
	s.done("put", "a", "1")
	s.done("append", "a", "2")
	require.Equal(t, "12\n", s.done("get", "a"))
	s.signal(syscall.SIGTERM)
	require.Zero(t, s.wait().code)

	first := run(t, "sim", "-replay", file)
	require.Zero(t, first.code, "%+v", first)
	require.Regexp(t, `^\d+ steps replayed, all as recorded\nhash=[0-9a-f]{16}\n$`, first.out)
	require.Equal(t, first, run(t, "sim", "-replay", file))
	require.Contains(t, done(t, "sim", "-replay", file, "-print"), "append a+=2")
}

func TestARecordingOfAKilledServerIsReplayedAsFarAsItGoes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "recording")
	s := serve(t, "-record", file)
	for range 20 {
		s.done("put", "a", "1")
	}
	s.signal(syscall.SIGKILL)
	require.Equal(t, -1, s.wait().code)
	r := run(t, "sim", "-replay", file)
	require.Zero(t, r.code, "%+v", r)
	require.Contains(t, r.out, "steps replayed, all as recorded")
}

func TestATakenPortIsToldInOneLine(t *testing.T) {
	s := serve(t)
	r := run(t, "kvd", "-listen", s.addr)
	require.Equal(t, 1, r.code)
	require.Equal(t, "kvd: -listen: listen tcp "+s.addr+": bind: address already in use\n", r.err)
}
