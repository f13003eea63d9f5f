package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/daemon/cli"
	"dss.example/common/daemon/daemontest"
	"dss.example/common/faultproxy"
	"dss.example/common/wire"
)

// TestMain builds the server of the stage, which is another command.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rooms")
	if err == nil {
		server := filepath.Join(dir, "kvd")
		err = exec.Command("go", "build", "-o", server, "dss.example/p3-replication/cmd/kvd").Run()
		os.Setenv("KVD_UNDER_TEST", server)
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, "build kvd:", err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// office is replicas of stage 3 as processes, and what is booked there.
type office struct {
	t       *testing.T
	listens []string // where clients reach them
	proxies []*faultproxy.Proxy
}

// open starts replicas that reach each other through proxies only.
func open(t *testing.T, size int) *office {
	o := &office{t: t}
	kvd := os.Getenv("KVD_UNDER_TEST")
	var peers []string
	for id := 1; id <= size; id++ {
		peers = append(peers, fmt.Sprintf("%d=%s", id, o.front()))
	}
	for i, listen := range o.listens {
		id := fmt.Sprint(i + 1)
		p := daemontest.Start(t, exec.Command(kvd, "-id", id, "-peers", strings.Join(peers, ","), "-listen", listen, "-data", filepath.Join(t.TempDir(), id)))
		require.Equal(t, "kvd stage=3 id="+id+" listening on "+listen, p.Line, p.Said())
	}
	return o
}

// front makes the proxy of one more replica, and returns where it is.
func (o *office) front() string {
	own := daemontest.FreeAddress(o.t)
	ln, err := wire.Listen("127.0.0.1:0")
	require.NoError(o.t, err)
	p := faultproxy.New(faultproxy.Config{
		Listen: ln, Dial: func(ctx context.Context) (net.Conn, error) { return wire.Connect(ctx, own) },
	})
	served := make(chan error, 1)
	go func() { served <- p.Serve() }()
	o.t.Cleanup(func() {
		require.NoError(o.t, p.Close())
		require.NoError(o.t, <-served)
	})
	o.listens, o.proxies = append(o.listens, own), append(o.proxies, p)
	return ln.Addr().String()
}

// ran is what a run of rooms has come to.
type ran struct {
	code     int
	out, err string
}

func rooms(args ...string) ran {
	var out, err bytes.Buffer
	code := cli.Run(context.Background(), command(), args, cli.Std{Out: &out, Err: &err})
	return ran{code, out.String(), err.String()}
}

// at runs rooms at one replica.
func (o *office) at(id int, args ...string) ran {
	return rooms(append([]string{"-s", o.listens[id-1], "-timeout", daemontest.Long.String()}, args...)...)
}

// does is at for what ends well, and returns what was printed.
func (o *office) does(id int, args ...string) string {
	o.t.Helper()
	r := o.at(id, args...)
	require.Equal(o.t, cli.Done, r.code, r.err)
	return r.out
}

// everywhere waits until all replicas print the same, and it is this.
func (o *office) everywhere(want string, args ...string) {
	o.t.Helper()
	for id := range o.listens {
		daemontest.Eventually(o.t, fmt.Sprintf("%q at %d", want, id+1), func() bool { return o.does(id+1, args...) == want })
	}
}

const day = "2026-11-23"

// TestADoubleBookingOnBothSidesOfAPartitionIsResolvedByItsMergeProcedure has the third replica
// cut off from the others, and people on both sides who want the same room.
func TestADoubleBookingOnBothSidesOfAPartitionIsResolvedByItsMergeProcedure(t *testing.T) {
	o := open(t, 3)
	o.does(1, "book", "101", day, "9", "Ada")
	o.everywhere(day+"\t09:00\t101\tAda\tstable\n", "list")

	o.proxies[2].Partition(time.Hour)
	require.Contains(t, o.does(1, "book", "101", day, "10", "Bob", "-or", "102@10"), "booked 2026-11-23 10:00 room 101 for Bob, stable")
	require.Contains(t, o.does(2, "book", "-or", "102@10", "-or", "101@2026-11-24@10", "101", day, "10", "Cem"), " for Cem, tentative")
	require.Contains(t, o.does(3, "book", "-or", "101@9", "-or", "103@10", "101", day, "10", "Dot"), "booked 2026-11-23 10:00 room 101 for Dot, tentative")
	require.Contains(t, o.does(3, "book", "102", day, "10", "Eve"), "booked 2026-11-23 10:00 room 102 for Eve, tentative")
	require.Equal(t, ""+
		day+"\t09:00\t101\tAda\tstable\n"+
		day+"\t10:00\t101\tDot\ttentative\n"+
		day+"\t10:00\t102\tEve\ttentative\n", o.does(3, "list"))
	o.everywhereOf([]int{1, 2}, ""+
		day+"\t09:00\t101\tAda\tstable\n"+
		day+"\t10:00\t101\tBob\tstable\n"+
		day+"\t10:00\t102\tCem\tstable\n", "list")

	o.proxies[2].Heal()
	o.everywhere(""+
		day+"\t09:00\t101\tAda\tstable\n"+
		day+"\t10:00\t101\tBob\tstable\n"+
		day+"\t10:00\t102\tCem\tstable\n"+
		day+"\t10:00\t103\tDot\tstable\n", "list")
	o.everywhere(day+"\t10:00\t102\tEve\tno room is free\tstable\n", "lost")
}

func TestABookingIsGivenUpByWhoHasIt(t *testing.T) {
	o := open(t, 1)
	require.Contains(t, o.does(1, "book", "Élan-2", day, "7", "Ada"), "booked 2026-11-23 07:00 room Élan-2 for Ada, stable (booking ")
	full := o.at(1, "book", "Élan-2", day, "7", "Bob")
	require.Equal(t, cli.NotDone, full.code)
	require.Contains(t, full.err, "not done: 2026-11-23 07:00 room Élan-2 and all its alternatives are taken (booking ")
	require.Contains(t, o.does(1, "book", "-or", "Élan-2@7", "-or", "3@8", "Élan-2", day, "7", "Bob"), "booked 2026-11-23 08:00 room 3 for Bob, stable")

	others := o.at(1, "cancel", "Élan-2", day, "7", "Bob")
	require.Equal(t, cli.NotDone, others.code)
	require.Contains(t, others.err, "2026-11-23 07:00 room Élan-2 is not Bob's")
	require.Equal(t, "2026-11-23 07:00 room Élan-2 is free, stable\n", o.does(1, "cancel", "Élan-2", day, "7", "Ada"))
	o.does(1, "book", "Élan-2", "2026-11-24", "7", "Bob")
	require.Equal(t, day+"\t08:00\t3\tBob\tstable\n", o.does(1, "list", day))
	require.Equal(t, day+"\t07:00\tÉlan-2\tBob\tno room is free\tstable\n", o.does(1, "lost"), "who gave a room up in vain has lost none")
}

func TestATentativeBookingThatFindsNoRoomIsNotLostYet(t *testing.T) {
	o := open(t, 2)
	o.does(2, "book", "101", day, "9", "Ada")
	o.everywhere(day+"\t09:00\t101\tAda\tstable\n", "list")
	o.proxies[1].Partition(time.Hour)
	o.does(1, "cancel", "101", day, "9", "Ada")
	r := o.at(2, "book", "101", day, "9", "Bob")
	require.Equal(t, cli.Unknown, r.code)
	require.Contains(t, r.err, "2026-11-23 09:00 room 101 and all its alternatives are taken so far, tentative (booking ")
	require.Equal(t, day+"\t09:00\t101\tBob\tno room is free\ttentative\n", o.does(2, "lost"))
	o.proxies[1].Heal()
	o.everywhere(day+"\t09:00\t101\tBob\tstable\n", "list")
	o.everywhere("", "lost")
}

// everywhereOf is everywhere at some replicas only.
func (o *office) everywhereOf(ids []int, want string, args ...string) {
	o.t.Helper()
	for _, id := range ids {
		daemontest.Eventually(o.t, fmt.Sprintf("%q at %d", want, id), func() bool { return o.does(id, args...) == want })
	}
}

func TestWhatCannotBeAskedIsSaid(t *testing.T) {
	many := []string{"book"}
	for range 21 {
		many = append(many, "-or", "102@9")
	}
	for want, args := range map[string][]string{
		`room "a/b": want letters, digits, dots and dashes`:   {"book", "a/b", day, "9", "Ada"},
		`name "Ada\"": want letters`:                          {"book", "101", day, "9", `Ada"`},
		`day "tomorrow": want a date such as 2026-11-23`:      {"book", "101", "tomorrow", "9", "Ada"},
		`day "2026-02-30": want a date`:                       {"list", "2026-02-30"},
		`hour "24": want 0 to 23`:                             {"cancel", "101", day, "24", "Ada"},
		`alternative "102": want ROOM@HOUR`:                   {"book", "-or", "102", "101", day, "9", "Ada"},
		`hour "25": want 0 to 23`:                             {"book", "-or", "102@25", "101", day, "9", "Ada"},
		"21 alternatives: want at most 20":                    append(many, "101", day, "9", "Ada"),
		"bad value 0s for -timeout":                           {"-timeout", "0", "list"},
		"-tls-cert and -tls-key belong together: want both":   {"-tls-cert", "x", "list"},
		"rooms book: want ROOM DAY HOUR WHO, got 1 arguments": {"book", "101"},
		"bad value \"nowhere\" for -s: want HOST:PORT":        {"-s", "nowhere", "list"},
	} {
		r := rooms(args...)
		require.Equal(t, cli.BadUsage, r.code, "%v: %s", args, r.err)
		require.Contains(t, r.err, want)
	}
	gone := rooms("-s", daemontest.FreeAddress(t), "-timeout", "50ms", "book", "101", day, "9", "Ada")
	require.Equal(t, cli.NotDone, gone.code)
	require.Contains(t, gone.err, "no server answers")
}

func TestHelpShowsAnExampleForEachVerb(t *testing.T) {
	for _, verb := range [][]string{{"-h"}, {"book", "-h"}, {"cancel", "-h"}, {"list", "-h"}, {"lost", "-h"}} {
		r := rooms(verb...)
		require.Equal(t, cli.Done, r.code)
		require.Contains(t, r.out, "example:\n  rooms ")
		require.Empty(t, r.err)
	}
}
