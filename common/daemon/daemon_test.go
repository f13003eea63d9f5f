package daemon_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dss.example/common/daemon"
	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const loopback = "127.0.0.1:0"

func TestItSaysOnItsFirstLineThatItServesAndEndsWith0OnASignal(t *testing.T) {
	defer goleak.VerifyNone(t)
	for name, c := range map[string]struct {
		change func(*daemon.Program)
		args   []string
		want   string
	}{
		"one server": {
			func(*daemon.Program) {},
			[]string{"-listen", loopback},
			`^kvd stage=1 listening on 127\.0\.0\.1:\d+$`,
		},
		"one of a group, on its own entry": {
			func(p *daemon.Program) { p.Stage, p.Peers = 4, true },
			[]string{"-id", "2", "-peers", "1=10.255.0.1:9,2=" + loopback},
			`^kvd stage=4 id=2 listening on 127\.0\.0\.1:\d+$`,
		},
		"one of a group, on another address": {
			func(p *daemon.Program) { p.Stage, p.Peers = 4, true },
			[]string{"-id", "1", "-peers", "1=10.255.0.1:9", "-listen", loopback},
			`^kvd stage=4 id=1 listening on 127\.0\.0\.1:\d+$`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := program(newFake())
			c.change(&p)
			s := start(t, p, c.args...)
			require.Regexp(t, c.want, s.out.line(t))
			s.signal()
			require.Equal(t, 0, s.wait(t), s.err.String())
		})
	}
}

func TestDrainLetsRequestsEndThenClosesTheStore(t *testing.T) {
	defer goleak.VerifyNone(t)
	f := newFake()
	f.busy = make(chan struct{})
	s := start(t, program(f), "-listen", loopback)
	s.out.line(t)
	s.signal()
	require.Contains(t, s.err.line(t), "draining")
	require.Empty(t, f.d.all(), "a request is still being served")
	close(f.busy)
	require.Equal(t, 0, s.wait(t))
	require.Empty(t, cmp.Diff([]string{"requests ended", "serve returned", "store closed"}, f.d.all()))
}

func TestDrainEndsAtItsDeadlineByCuttingConnections(t *testing.T) {
	defer goleak.VerifyNone(t)
	f := newFake()
	f.busy = make(chan struct{}) // for ever
	s := start(t, program(f), "-listen", loopback, "-drain-timeout", "20ms")
	s.out.line(t)
	s.signal()
	require.Equal(t, 0, s.wait(t))
	require.Contains(t, s.err.String(), "connections were cut")
	require.Empty(t, cmp.Diff([]string{"connections cut", "serve returned", "store closed"}, f.d.all()))
}

func TestAStoreThatFailsCutsConnectionsWithoutDrainAndEndsWith1(t *testing.T) {
	defer goleak.VerifyNone(t)
	f := newFake()
	p := program(f)
	p.Open = func(_ context.Context, c *daemon.Config) (kv.Store, error) {
		c.Fail(errors.New("fsync: input/output error"))
		c.Fail(errors.New("another one"))
		return &fakeStore{d: f.d}, nil
	}
	code, _, stderr := run(t, p, "-listen", loopback)
	require.Equal(t, 1, code)
	require.Equal(t, "kvd: store: fsync: input/output error\n", stderr)
	require.Empty(t, cmp.Diff([]string{"connections cut", "serve returned", "store closed"}, f.d.all()))
}

func TestAServerThatEndsByItselfEndsTheProcessWith1(t *testing.T) {
	defer goleak.VerifyNone(t)
	for want, err := range map[string]error{
		"kvd: serving: too many open files\n": errors.New("too many open files"),
		"kvd: serving: ended by itself\n":     nil,
	} {
		f := newFake()
		f.dies <- err
		code, _, stderr := run(t, program(f), "-listen", loopback)
		require.Equal(t, 1, code)
		require.Equal(t, want, stderr)
		require.Equal(t, "store closed", f.d.all()[1])
	}
}

func TestErrorsAtTheEndAreNotSwallowed(t *testing.T) {
	defer goleak.VerifyNone(t)
	f := newFake()
	f.last = errors.New("a connection is stuck")
	p := program(f)
	p.Open = func(context.Context, *daemon.Config) (kv.Store, error) {
		return &fakeStore{d: f.d, err: errors.New("cannot sync")}, nil
	}
	s := start(t, p, "-listen", loopback)
	s.out.line(t)
	s.signal()
	require.Equal(t, 1, s.wait(t))
	require.Contains(t, s.err.String(), "kvd: a connection is stuck; cannot sync\n")
}

func TestWhatCannotBeOpenedEndsWith1AndOneClearLine(t *testing.T) {
	defer goleak.VerifyNone(t)
	taken, err := net.Listen("tcp", loopback)
	require.NoError(t, err)
	defer taken.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	missing := filepath.Join(dir, "missing")

	for name, c := range map[string]struct {
		change func(*daemon.Program)
		args   []string
		want   string
	}{
		"a taken port": {
			args: []string{"-listen", taken.Addr().String()},
			want: "kvd: -listen: listen tcp " + taken.Addr().String() + ": bind: address already in use",
		},
		"a taken port for health": {
			args: []string{"-http", taken.Addr().String()},
			want: "kvd: -http: listen tcp " + taken.Addr().String() + ": bind: address already in use",
		},
		"a data directory under a file": {
			change: func(p *daemon.Program) { p.Data = true },
			args:   []string{"-data", filepath.Join(file, "data")},
			want:   "kvd: data directory: mkdir " + file + ": not a directory",
		},
		"a recording that is a directory": {
			args: []string{"-record", dir},
			want: "kvd: recording: open " + dir + ": is a directory",
		},
		"a missing certificate": {
			args: []string{"-tls-cert", missing, "-tls-key", file},
			want: "kvd: certificate file: open " + missing + ": no such file or directory",
		},
		"a store": {
			change: func(p *daemon.Program) {
				p.Open = func(context.Context, *daemon.Config) (kv.Store, error) {
					return nil, errors.New("data is locked by process 7")
				}
			},
			want: "kvd: data is locked by process 7",
		},
		"a server": {
			change: func(p *daemon.Program) {
				p.Serve = func(*daemon.Config, kv.Store) (daemon.Server, error) {
					return nil, errors.New("certificate has expired")
				}
			},
			want: "kvd: certificate has expired",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := program(newFake())
			if c.change != nil {
				c.change(&p)
			}
			code, stdout, stderr := run(t, p, append([]string{"-listen", loopback}, c.args...)...)
			require.Equal(t, 1, code)
			require.Equal(t, c.want+"\n", stderr)
			require.Empty(t, stdout)
		})
	}
}

func TestWrongFlagsEndWith2BeforeAnythingIsTouched(t *testing.T) {
	for args, want := range map[string]string{
		"-listen 7001":                     `bad value "7001" for -listen: want HOST:PORT such as 127.0.0.1:7001`,
		"-max-conns 0":                     `bad value 0 for -max-conns: want 1 to 1048576`,
		"-drain-timeout -1s":               `bad value -1s for -drain-timeout: want 0 or more`,
		"-v loud":                          `bad value "loud" for -v: want debug, info, warn or error`,
		"-data= ":                          `flag -data is missing: want the directory that keeps the data`,
		"-data d -id 1":                    `-id and -peers belong together: want -id 1 -peers 1=ADDR,2=ADDR,3=ADDR`,
		"-data d -tls-key k":               `-tls-cert and -tls-key belong together: want both`,
		"-data d -tls-ca c":                `-tls-ca without a certificate of its own: want -tls-cert and -tls-key too`,
		"-peers 1=a:1,2":                   `bad value "1=a:1,2" for -peers: want 1=HOST:PORT,2=HOST:PORT,..., got "2"`,
		"-peers 0=a:1":                     `bad value "0=a:1" for -peers: want 1=HOST:PORT,2=HOST:PORT,..., got "0=a:1"`,
		"-peers 1=a:1,1=b:2":               `bad value "1=a:1,1=b:2" for -peers: want each number once, got 1 twice`,
		"-data d extra":                    `takes no arguments, got "extra"`,
		"-data d -id 3 -peers 1=a:1,2=b:2": `-id 3 is not in -peers: want one of 1, 2`,
	} {
		t.Run(args, func(t *testing.T) {
			p := program(newFake())
			p.Data, p.Peers = true, true
			t.Chdir(t.TempDir())
			code, stdout, stderr := run(t, p, strings.Fields(args)...)
			require.Equal(t, "kvd: "+want+"\n", stderr)
			require.Equal(t, 2, code)
			require.Empty(t, stdout)
			require.NoDirExists(t, "d")
		})
	}
}

func TestFlagsReachTheStageAndMissingDirectoriesAreMade(t *testing.T) {
	dir := t.TempDir()
	cert := filepath.Join(dir, "cert.pem")
	require.NoError(t, os.WriteFile(cert, nil, 0o600))
	var got daemon.Config
	var zone string
	f := newFake()
	p := program(f)
	p.Stage, p.Data, p.Peers = 3, true, true
	p.Flags = func(f *flag.FlagSet) { f.StringVar(&zone, "zone", "", "`Z`one of this server") }
	p.Open = func(_ context.Context, c *daemon.Config) (kv.Store, error) {
		got = *c
		return nil, errors.New("seen")
	}
	code, _, stderr := run(t, p, "-data", dir+"/a/b", "-record", dir+"/c/in.rec", "-id", "2", "-peers", "2="+loopback+",1=a:1",
		"-tls-cert", cert, "-tls-key", cert, "-tls-ca", cert, "-max-conns", "9", "-drain-timeout", "3s", "-zone", "eu")
	require.Equal(t, 1, code, stderr)
	require.DirExists(t, dir+"/a/b")
	require.FileExists(t, dir+"/c/in.rec")
	require.Equal(t, "eu", zone)
	require.Regexp(t, `^127\.0\.0\.1:[1-9]\d*$`, got.Listen)
	got.Listen, got.Log, got.Fail = "", nil, nil
	require.Empty(t, cmp.Diff(daemon.Config{
		Stage: 3, Data: dir + "/a/b", ID: 2, Peers: []daemon.Peer{{ID: 1, Addr: "a:1"}, {ID: 2, Addr: loopback}},
		TLS:    daemon.TLSFiles{Cert: cert, Key: cert, CA: cert},
		Record: dir + "/c/in.rec", MaxConns: 9, DrainTimeout: 3 * time.Second,
	}, got))
}

func TestASignalDuringRecoveryEndsWith0(t *testing.T) {
	defer goleak.VerifyNone(t)
	opening := make(chan struct{})
	p := program(newFake())
	p.Open = func(ctx context.Context, _ *daemon.Config) (kv.Store, error) {
		close(opening)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	s := start(t, p, "-listen", loopback)
	<-opening
	s.signal()
	require.Equal(t, 0, s.wait(t), s.err.String())
	require.Empty(t, s.out.String())
}

func TestHelp(t *testing.T) {
	p := program(newFake())
	p.Stage, p.Data, p.Peers = 4, true, true
	p.Example = "kvd -data d1 -id 1 -peers 1=127.0.0.1:7001,2=127.0.0.1:7002,3=127.0.0.1:7003"
	code, stdout, stderr := run(t, p, "-h")
	require.Equal(t, cli.Done, code)
	require.Empty(t, stderr)
	golden(t, "help.txt", stdout)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), got))
}

// adminAddr finds where health and metrics listen in the second line.
func adminAddr(t *testing.T, line string) string {
	t.Helper()
	m := regexp.MustCompile(`^kvd stage=1 health and metrics on (http://127\.0\.0\.1:\d+)$`).FindStringSubmatch(line)
	require.NotNil(t, m, line)
	return m[1]
}

// ask gets one page over a connection of its own.
func ask(t *testing.T, url string) (code int, body string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(b)
}
