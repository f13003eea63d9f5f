package harness_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
	"dss.example/common/bench/proc"
)

// This test program is its own fake system: started with "fake" it is a server or a
// driver of one, as the stage in the test says.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "fake" {
		if err := fake(os.Args[2], os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, "some words before")
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// burn is how much processor time a server uses for each driver that asks it to.
const burn = 60 * time.Millisecond

func fake(part string, args []string) error {
	switch part {
	case "serve":
		return fakeServe(args)
	case "drive": // ADDR RATE P50
		return fakeDrive(args[0], args[1], args[2])
	case "hang": // PIDFILE
		if err := writePID(args[0]); err != nil {
			return err
		}
		<-time.After(time.Hour)
		return nil
	case "babble":
		fmt.Println("no figures")
		return nil
	case "bench": // a whole run that hangs, with the pids of server and driver in DIR
		_, err := harness.Run(context.Background(), hanging(args[0]))
		return err
	}
	return fmt.Errorf("%s breaks", part)
}

func writePID(name string) error {
	// Renamed into place, so that who sees it sees all of it.
	if err := os.WriteFile(name+".new", []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// fakeServe answers each connection that sends a byte after it has worked for a
// while. A second address serves profiles.
func fakeServe(args []string) error {
	if err := writePID(args[0]); err != nil {
		return err
	}
	go func() {
		if len(args) > 2 {
			_ = http.ListenAndServe(args[2], http.HandlerFunc(pprof.Profile))
		}
	}()
	ln, err := net.Listen("tcp", args[1])
	if err != nil {
		return err
	}
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			for end := proc.Self() + burn; proc.Self() < end; {
			}
			fmt.Fprint(conn, ".")
		}
		conn.Close()
	}
}

func fakeDrive(addr, rate, p50 string) error {
	ask := func() error {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		defer conn.Close()
		fmt.Fprint(conn, "?")
		_, err = io.ReadFull(conn, make([]byte, 1))
		return err
	}
	if err := ask(); err != nil { // a warm-up that must not be counted
		return err
	}
	r := load.Report{Ops: 1000, Began: time.Now().UnixNano()}
	if err := ask(); err != nil {
		return err
	}
	r.Ended = time.Now().UnixNano()
	r.Rate, _ = strconv.ParseFloat(rate, 64)
	r.P50, _ = strconv.ParseFloat(p50, 64)
	return json.NewEncoder(os.Stdout).Encode(r)
}

func self() string {
	name, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return name
}

func command(words ...string) harness.Command {
	return harness.Command{Path: self(), Args: append([]string{"fake"}, words...)}
}

// system is a fake one that reports such a rate and median latency. Its server
// leaves its pid in dir.
func system(dir, name, rate, p50 string) harness.System {
	return harness.System{
		Name: name, About: "fake <" + name + ">", Loads: []string{"mixed"}, Ports: 1,
		Serve: func(p harness.Place) []harness.Command {
			return []harness.Command{command(append([]string{"serve", filepath.Join(dir, name)}, p.Addrs...)...)}
		},
		Drive: func(p harness.Place, t harness.Turn) harness.Command { return command("drive", p.Addrs[0], rate, p50) },
	}
}

func stage(systems ...harness.System) harness.Stage {
	return harness.Stage{
		Number: 9, Title: "fakes & more", Systems: systems,
		Loads: []harness.Load{{Name: "mixed", Title: "half <this>, half that", Unit: "ops"}},
	}
}

func config(t testing.TB, s harness.Stage) harness.Config {
	t.Helper()
	return harness.Config{
		Stage: s, Rounds: 1, For: time.Millisecond, Callers: []int{1}, Root: ".", Progress: io.Discard, Self: self(),
	}
}

func run(t *testing.T, c harness.Config) *harness.Record {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	r, err := harness.Run(t.Context(), c)
	require.NoError(t, err)
	left, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	require.Empty(t, left, "a run leaves no file behind")
	return r
}
