//go:build unix

package demo_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/demo"
)

// inShow runs a test within a show.
func inShow(t *testing.T, test func(ctx context.Context, s *demo.Show)) (said string) {
	t.Helper()
	code, said := play(func(ctx context.Context, s *demo.Show) error {
		s.Row(demo.Row{What: "tried"})
		ended := make(chan struct{})
		go func() { // require ends the goroutine that fails
			defer close(ended)
			test(ctx, s)
		}()
		<-ended
		return nil
	})
	require.Zero(t, code)
	return said
}

func child(t *testing.T, ctx context.Context, s *demo.Show, role string) *demo.Process {
	p, err := s.Start(ctx, os.Args[0], "role", role)
	require.NoError(t, err)
	return p
}

func connect(t *testing.T, p *demo.Process) net.Conn {
	conn, err := net.Dial("tcp", p.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestAProcessIsReadyWhenItSaysWhereItListens(t *testing.T) {
	inShow(t, func(ctx context.Context, s *demo.Show) {
		p := child(t, ctx, s, "serve")
		require.Equal(t, "kvd stage=1 listening on "+p.Addr(), p.Ready())
		conn := connect(t, p)
		require.NoError(t, p.Stop(ctx))
		requireDead(t, conn)
		require.Equal(t, "draining\n", p.Tail())
	})
}

func TestAKilledProcessIsGoneWhenKillReturnsWithAllItsChildren(t *testing.T) {
	inShow(t, func(ctx context.Context, s *demo.Show) {
		p := child(t, ctx, s, "parent")
		conn := connect(t, p) // to the grandchild
		p.Kill()
		<-p.Done()
		requireDead(t, conn)
		p.Kill() // again does nothing
		require.ErrorIs(t, p.Stop(ctx), demo.ErrUnclean)
	})
}

func TestWhatAProcessLeavesBehindIsKilled(t *testing.T) {
	inShow(t, func(ctx context.Context, s *demo.Show) {
		p := child(t, ctx, s, "careless")
		conn := connect(t, p) // to the grandchild
		require.ErrorIs(t, p.Stop(ctx), demo.ErrUnclean, "it did not end by itself")
		requireDead(t, conn)
	})
}

func TestAProcessThatIgnoresSIGTERMIsKilledInTheEnd(t *testing.T) {
	inShow(t, func(ctx context.Context, s *demo.Show) {
		p := child(t, ctx, s, "stubborn")
		conn := connect(t, p)
		ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		err := p.Stop(ctx)
		require.ErrorIs(t, err, demo.ErrUnclean)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		requireDead(t, conn)
	})
}

func TestAPausedProcessCanStillBeKilled(t *testing.T) {
	inShow(t, func(ctx context.Context, s *demo.Show) {
		p := child(t, ctx, s, "serve")
		p.Pause()
		p.Resume()
		require.NoError(t, p.Stop(ctx))
		p = child(t, ctx, s, "serve")
		p.Pause()
		p.Kill()
	})
}

func TestAProcessThatIsNotReadyIsAnErrorWithItsLastWords(t *testing.T) {
	inShow(t, func(ctx context.Context, s *demo.Show) {
		for role, why := range map[string]string{
			"die":   "exit status 3, last words:\n  no such directory",
			"talk":  `its first line is "good morning"`,
			"flood": "its first line is",
		} {
			_, err := s.Start(ctx, os.Args[0], "role", role)
			require.ErrorIs(t, err, demo.ErrNotReady)
			require.ErrorContains(t, err, why)
			require.Less(t, len(err.Error()), 20_000)
		}
		_, err := s.Start(ctx, "/no/such/program")
		require.ErrorIs(t, err, demo.ErrNotReady)
		require.ErrorIs(t, err, os.ErrNotExist)

		ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		_, err = s.Start(ctx, os.Args[0], "role", "mute")
		require.ErrorIs(t, err, demo.ErrNotReady)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestTheTailIsBoundedAndStartsWithALine(t *testing.T) {
	inShow(t, func(ctx context.Context, s *demo.Show) {
		p := child(t, ctx, s, "loud")
		require.NoError(t, p.Stop(ctx))
		lines := strings.Split(p.Tail(), "\n")
		require.LessOrEqual(t, len(p.Tail()), 8<<10)
		require.Greater(t, len(p.Tail()), 7<<10)
		require.True(t, strings.HasPrefix(lines[0], "line 99"), lines[0])
		require.Equal(t, []string{"line 99999", "draining", ""}, lines[len(lines)-3:])
	})
}

func TestRunReturnsWhatAProgramPrintsAndHowItEnds(t *testing.T) {
	inShow(t, func(ctx context.Context, s *demo.Show) {
		out, err := s.Run(ctx, os.Args[0], "role", "greet")
		require.NoError(t, err)
		require.Equal(t, "good morning\n", out)
		_, err = s.Run(ctx, os.Args[0], "role", "die")
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, 3, exit.ExitCode())
		require.ErrorContains(t, err, "no such directory")
		_, err = s.Run(ctx, "/no/such/program")
		require.ErrorIs(t, err, os.ErrNotExist)

		ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		_, err = s.Run(ctx, os.Args[0], "role", "mute")
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestAFailureShowsTheLastWordsOfProcesses(t *testing.T) {
	code, said := play(func(ctx context.Context, s *demo.Show) error {
		p, err := s.Start(ctx, os.Args[0], "role", "serve")
		if err != nil {
			return err
		}
		return errors.Join(p.Stop(ctx), errors.New("a value was lost"))
	})
	require.Equal(t, 1, code)
	require.Regexp(t, `a value was lost\n\nlast words of \S+ \(pid \d+\):\n  draining\n`, said)
}

func TestTheLastWordsOfTheLastDeadAreKept(t *testing.T) {
	code, said := play(func(ctx context.Context, s *demo.Show) error {
		for range 12 {
			p, err := s.Start(ctx, os.Args[0], "role", "serve")
			if err != nil {
				return err
			}
			if err := p.Stop(ctx); err != nil {
				return err
			}
		}
		return errors.New("a value was lost")
	})
	require.Equal(t, 1, code)
	require.InDelta(t, 8.5, strings.Count(said, "last words of"), 0.5, said)
}

func TestNothingStartsWhenTheShowIsOver(t *testing.T) {
	var late *demo.Show
	inShow(t, func(_ context.Context, s *demo.Show) { late = s })
	_, err := late.Start(t.Context(), os.Args[0], "role", "serve")
	require.ErrorIs(t, err, demo.ErrNotReady)
	_, err = late.TempDir()
	require.Error(t, err)
	late.Begin("late", 0, "things").End()
}

func TestBuildBuildsCommandsAndTellsWhatTheCompilerSaid(t *testing.T) {
	var programs []string
	inShow(t, func(ctx context.Context, s *demo.Show) {
		var err error
		programs, err = s.Build(ctx, "dss.example/common/demo/testdata/hello", "./testdata/hello")
		require.NoError(t, err)
		require.Len(t, programs, 2)
		require.NotEqual(t, programs[0], programs[1])
		for _, program := range programs {
			p, err := s.Start(ctx, program)
			require.NoError(t, err)
			require.Equal(t, "127.0.0.1:7001", p.Addr())
		}
		_, err = s.Build(ctx, "./testdata/wrong")
		require.ErrorContains(t, err, "undefined: nobody")
	})
	require.NoFileExists(t, programs[0])
}
