//go:build unix

package group

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dss.example/common/demo"
)

// TestMain can be a replica instead.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-id" {
		if err := serve(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// serve is a replica that tells everybody who it is, how many times it has started on its
// disk, and who its peers are.
func serve(args []string) error {
	f := flag.NewFlagSet("kvd", flag.ContinueOnError)
	id, peers := f.Int("id", 0, ""), f.String("peers", "", "")
	data, listen := f.String("data", "", ""), f.String("listen", "", "")
	zone, _ := f.String("zone", "", ""), f.String("http", "", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	lives := filepath.Join(*data, "lives")
	b, _ := os.ReadFile(lives) // none: the first
	if err := os.WriteFile(lives, append(b, 'x'), 0o600); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Println("kvd listening on", ln.Addr())
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		conn.Write(frame(fmt.Appendf(nil, "%d in %s, life %d, %d peers", *id, *zone, len(b)+1, strings.Count(*peers, "="))))
	}
}

// told is what a replica says to a sender; an error if it says nothing for a while.
func told(sender uint64, addr string, patience time.Duration) (string, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := conn.Write(hello(sender)); err != nil {
		return "", err
	}
	length := make([]byte, 4)
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := io.ReadFull(conn, length); err != nil {
		return "", err
	}
	text := make([]byte, binary.BigEndian.Uint32(length))
	_, err = io.ReadFull(conn, text)
	return string(text), err
}

// play plays a demonstration with a group, and fails the test if it fails.
func play(t *testing.T, size int, run func(ctx context.Context, g *Group)) {
	var out bytes.Buffer
	code := demo.Main(demo.Program{Title: "A group", Out: &out, Run: func(ctx context.Context, s *demo.Show) error {
		g, err := New(s, Options{Program: os.Args[0], Size: size, Flags: func(id int) []string { return []string{"-zone", fmt.Sprint("z", id)} }})
		if err != nil {
			return err
		}
		defer g.Close()
		s.Row(demo.Row{What: "begun"})
		run(ctx, g)
		return nil
	}})
	require.Zero(t, code, out.String())
}

func says(t *testing.T, g *Group, sender uint64, id int) string {
	t.Helper()
	text, err := told(sender, g.Addrs(id)[0], Late)
	require.NoError(t, err)
	return text
}

func TestAReplicaKeepsItsAddressAndDiskThroughItsLives(t *testing.T) {
	play(t, 3, func(ctx context.Context, g *Group) {
		require.NoError(t, g.StartAll(ctx))
		require.Equal(t, []int{1, 2, 3}, g.All())
		require.Equal(t, "2 in z2, life 1, 3 peers", says(t, g, clients, 2))
		g.Kill(2)
		_, err := told(clients, g.Addrs(2)[0], Late)
		require.Error(t, err)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NoError(t, g.Start(ctx, 2))
		require.Equal(t, "2 in z2, life 2, 3 peers", says(t, g, clients, 2))
		require.Equal(t, "1 in z1, life 1, 3 peers", says(t, g, 3, 1))
	})
}

func TestAReplicaThatDoesNotEndWellIsTold(t *testing.T) {
	play(t, 1, func(ctx context.Context, g *Group) {
		require.NoError(t, g.StartAll(ctx))
		require.ErrorIs(t, g.Stop(ctx, 1), demo.ErrUnclean) // it does not know SIGTERM
		require.NoError(t, g.Stop(ctx, 1), "it has ended")
		g.Kill(1)
	})
}

func TestAReplicaThatIsPausedSaysNothingUntilItGoesOn(t *testing.T) {
	play(t, 1, func(ctx context.Context, g *Group) {
		require.NoError(t, g.StartAll(ctx))
		g.Pause(1)
		_, err := told(clients, g.Addrs(1)[0], 50*time.Millisecond)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		g.Resume(1)
		require.Contains(t, says(t, g, clients, 1), "life 1")
	})
}

func TestACutIsBetweenTwoSidesOfReplicasAndNotOfClients(t *testing.T) {
	play(t, 3, func(ctx context.Context, g *Group) {
		require.NoError(t, g.StartAll(ctx))
		g.Cut(time.Hour, 3)
		for _, pair := range [][2]uint64{{1, 3}, {2, 3}, {3, 1}, {3, 2}} {
			_, err := told(pair[0], g.Addrs(int(pair[1]))[0], 50*time.Millisecond)
			require.ErrorIs(t, err, os.ErrDeadlineExceeded, "%v", pair)
		}
		for id := 1; id <= 3; id++ {
			require.Contains(t, says(t, g, clients, id), "life 1")
		}
		require.Contains(t, says(t, g, 1, 2), "2 in z2")
		g.Heal()
		require.Contains(t, says(t, g, 1, 3), "3 in z3")
		require.Contains(t, says(t, g, 3, 1), "1 in z1")
	})
}

func TestAGroupHasBounds(t *testing.T) {
	for _, size := range []int{0, MaxSize + 1} {
		_, err := New(nil, Options{Size: size})
		require.EqualError(t, err, fmt.Sprintf("a group of %d: want 1 to 9", size))
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	looks := 0
	require.NoError(t, Await(ctx, "nothing", func() bool { looks++; return looks == 3 }))
	require.Equal(t, 3, looks)
	cancel(gone)
	require.ErrorIs(t, Await(ctx, "nothing", func() bool { return false }), context.Canceled)
}
