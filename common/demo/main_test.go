//go:build unix

package demo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dss.example/common/demo"
)

// hang waits until the process is killed. A program that waits for nothing at all would be
// told that it is dead, where it has no C in it.
func hang() { <-time.After(time.Hour) }

// roles are what the test's own binary can be instead of a test.
var roles = map[string]func(args []string){
	"serve": func([]string) { serve(true) },
	// does not end by SIGTERM
	"stubborn": func([]string) { serve(false) },
	"mute":     func([]string) { hang() },
	"greet":    func([]string) { fmt.Println("good morning") },
	"talk":     func([]string) { fmt.Println("good morning"); hang() },
	"flood":    func([]string) { fmt.Print(strings.Repeat("x", 1<<20)); hang() },
	"die": func([]string) {
		fmt.Fprintln(os.Stderr, "no such directory")
		os.Exit(3)
	},
	// has a child of its own, and says where that one listens
	"parent": func([]string) {
		c := exec.Command(os.Args[0], "role", "serve")
		c.Stdout = os.Stdout
		c.Start()
		hang()
	},
	"loud": func([]string) {
		for i := range 100_000 {
			fmt.Fprintf(os.Stderr, "line %d\n", i)
		}
		serve(true)
	},
	// ends by SIGTERM, but its child does not
	"careless": func([]string) {
		c := exec.Command(os.Args[0], "role", "stubborn")
		c.Stdout = os.Stdout
		c.Start()
		hang()
	},
	"demo": func(args []string) { os.Exit(demo.Main(program(args[0]))) },
}

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "role" {
		roles[os.Args[2]](os.Args[3:])
		return
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // of the children: each would take a second to end
	goleak.VerifyTestMain(m)
}

// serve listens on loopback; its connections end when it does.
func serve(polite bool) {
	terms := make(chan os.Signal, 1)
	signal.Notify(terms, syscall.SIGTERM)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		os.Exit(4)
	}
	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				return
			}
		}
	}()
	fmt.Printf("kvd stage=1 listening on %s\nand more\n", l.Addr())
	for range terms {
		if polite {
			fmt.Fprintln(os.Stderr, "draining")
			os.Exit(0)
		}
	}
}

// program returns a demo whose Run starts a server, says where, and ends as told.
func program(how string) demo.Program {
	return demo.Program{Title: "A demo", Next: "make next", Retry: "make again", Run: func(ctx context.Context, s *demo.Show) error {
		dir, err := s.TempDir()
		if err != nil {
			return err
		}
		p, err := s.Start(ctx, os.Args[0], "role", "serve")
		if err != nil {
			return err
		}
		s.Begin("step", 10, "things").Add(1)
		s.Say("server %s dir %s", p.Addr(), dir)
		io.Copy(io.Discard, os.Stdin) // until the test has looked
		switch how {
		case "wait":
			<-ctx.Done()
			s.Row(demo.Row{What: "waited"})
		case "hang":
			hang()
		case "panic":
			panic("out of ideas")
		case "fail":
			return errors.New("it went wrong")
		case "bad row":
			s.Row(demo.Row{What: "wrote", Err: errors.New("a write was lost")})
			s.Row(demo.Row{What: "read"})
		case "good":
			s.Row(demo.Row{What: "wrote", Broken: "everything", Rate: "9 keys/s"})
		}
		return nil
	}}
}

// player is a demo that runs as a process.
type player struct {
	*exec.Cmd
	out    *os.File // its standard output
	said   bytes.Buffer
	server net.Conn // to the server that it has started
	dir    string
}

// start starts a demo and waits until its server is there.
func start(t *testing.T, how string) *player {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	p := &player{Cmd: exec.CommandContext(t.Context(), os.Args[0], "role", "demo", how), out: r}
	p.Stdout, p.Stderr = w, w
	p.Env = append(os.Environ(), "TMPDIR="+t.TempDir()) // one that is killed cannot clean up
	looked, err := p.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	w.Close()
	t.Cleanup(func() { r.Close() })
	for p.server == nil {
		var line strings.Builder
		for !strings.HasSuffix(line.String(), "\n") {
			b := make([]byte, 1)
			_, err := r.Read(b)
			require.NoError(t, err, p.said.String())
			line.Write(b)
		}
		p.said.WriteString(line.String())
		var addr string
		if n, _ := fmt.Sscanf(line.String(), "server %s dir %s", &addr, &p.dir); n == 2 {
			p.server, err = net.Dial("tcp", addr)
			require.NoError(t, err)
			t.Cleanup(func() { p.server.Close() })
		}
	}
	require.DirExists(t, p.dir)
	require.NoError(t, looked.Close())
	return p
}

// end waits for the end and returns the exit code and all that was said.
func (p *player) end(t *testing.T) (code int, said string) {
	_, err := io.Copy(&p.said, p.out)
	require.NoError(t, err)
	p.Wait()
	return p.ProcessState.ExitCode(), p.said.String()
}

// requireDead checks that the far side of a connection has ended.
func requireDead(t *testing.T, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(30*time.Second)))
	_, err := conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestADemoThatEndsLeavesNothingBehind(t *testing.T) {
	for how, want := range map[string]struct {
		code int
		says []string
	}{
		"good":    {0, []string{"A demo\n", "PASSED: 1 of 1 in ", "Try next: make next\n", "wrote", "everything", "held", "9 keys/s"}},
		"bad row": {1, []string{"wrote: FAILED\n", "a write was lost", "FAILED: 1 of 2 passed in ", "Try next: make again\n"}},
		"fail":    {1, []string{"it went wrong", "FAILED: 0 of 0 passed"}},
		"panic":   {1, []string{"panic: out of ideas", "main_test.go", "FAILED: 0 of 0 passed"}},
		"nothing": {1, []string{"nothing was tried", "FAILED"}},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			p := start(t, how)
			code, said := p.end(t)
			require.Equal(t, want.code, code, said)
			for _, text := range want.says {
				require.Contains(t, said, text)
			}
			requireDead(t, p.server)
			require.NoDirExists(t, filepath.Dir(p.dir))
		})
	}
}

func TestASignalEndsADemoAndLeavesNothingBehind(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		p := start(t, "wait")
		require.NoError(t, p.Process.Signal(sig))
		code, said := p.end(t)
		require.Equal(t, 1, code)
		require.Contains(t, said, "\ninterrupted\n\nFAILED: 1 of 1 passed")
		requireDead(t, p.server)
		require.NoDirExists(t, filepath.Dir(p.dir))
	}
}

func TestASecondSignalDoesNotWaitForADemoThatHangs(t *testing.T) {
	p := start(t, "hang")
	require.NoError(t, p.Process.Signal(os.Interrupt))
	const heard = "at once)\n"
	for !strings.HasSuffix(p.said.String(), heard) {
		_, err := io.CopyN(&p.said, p.out, 1)
		require.NoError(t, err)
	}
	require.NoError(t, p.Process.Signal(os.Interrupt))
	code, said := p.end(t)
	require.Equal(t, 1, code)
	require.Contains(t, said, "interrupted twice")
	requireDead(t, p.server)
	require.NoDirExists(t, filepath.Dir(p.dir))
}

// play plays run in this process and returns the exit code and what was said.
func play(run func(ctx context.Context, s *demo.Show) error) (code int, said string) {
	var out bytes.Buffer
	code = demo.Main(demo.Program{Title: "A demo", Run: run, Out: &out})
	return code, out.String()
}

func TestASummaryStandsInPlaceOfTheTableUnlessSomethingFailed(t *testing.T) {
	for name, c := range map[string]struct {
		row  error
		err  error
		code int
	}{"all held": {}, "a row failed": {row: errors.New("lost"), code: 1}, "the show failed": {err: errors.New("gone"), code: 1}} {
		code, said := play(func(_ context.Context, s *demo.Show) error {
			s.Row(demo.Row{What: "wrote", Err: c.row})
			s.Summary("all is well\n")
			return c.err
		})
		require.Equal(t, c.code, code, name)
		if c.code == 0 {
			require.Contains(t, said, "\nall is well\n\nPASSED: 1 of 1", name)
			require.NotContains(t, said, "what was done", name)
		} else {
			require.Contains(t, said, "what was done", name)
			require.NotContains(t, said, "all is well", name)
		}
	}
}
