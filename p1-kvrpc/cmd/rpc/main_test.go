package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/daemon/cli"
)

// serving starts rpc serve and returns its address; stop ends it as SIGTERM does and
// returns its exit code.
func startServe(t testing.TB, args ...string) (addr string, stop func() int) {
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	code := make(chan int, 1)
	go func() {
		defer in.Close()
		code <- cli.Run(ctx, command(), append([]string{"serve", "-listen", "127.0.0.1:0"}, args...), cli.Std{Out: in, Err: io.Discard})
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	addr, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "rpc serving on ")
	require.True(t, ok, line)
	ended := false
	stop = func() int {
		cancel()
		ended = true
		return <-code
	}
	t.Cleanup(func() {
		if !ended {
			stop()
		}
	})
	return addr, stop
}

// runAsk runs rpc ask to its end.
func runAsk(t testing.TB, addr, lines string, args ...string) (out []string, stderr string, code int) {
	var stdout, errs bytes.Buffer
	code = cli.Run(t.Context(), command(), append([]string{"ask", "-s", addr}, args...), cli.Std{In: strings.NewReader(lines), Out: &stdout, Err: &errs})
	for line := range strings.Lines(stdout.String()) {
		out = append(out, strings.TrimSuffix(line, "\n"))
	}
	return out, errs.String(), code
}

func TestAskPrintsWhatBecameOfEachCall(t *testing.T) {
	addr, stop := startServe(t)
	lines := `{"id":1,"method":"Echo.Echo","arg":"one"}
{"id":2,"method":"Echo.Echo","arg_base64":"/w=="}
{"id":3,"method":"Echo.Echo"}
{"id":4,"method":"Echo.Fail","arg":"why"}
{"id":5,"method":"Echo.Panic","arg":"x"}
{"id":6,"method":"Echo.Nothing"}
{"id":7,"method":"Echo.Wait","arg":"no pause"}
{"id":8,"method":"Echo.Wait","ms":60001,"arg":"x"}
{"id":9,"method":"Echo.Wait","ms":1,"arg":"soon"}
`
	out, stderr, code := runAsk(t, addr, lines, "-window", "1")
	require.Zero(t, code, stderr)
	require.Empty(t, stderr)
	for i, want := range []string{
		`{"id":1,"reply":"one"}`,
		`{"id":2,"reply_base64":"/w=="}`,
		`{"id":3,"reply":""}`,
		`{"id":4,"error":"Echo.Fail: failed as asked: why","is":"failed","definite":false}`,
		`{"id":5,"error":"Echo.Panic: handler panicked, outcome unknown: Echo.Panic","is":"panic","definite":false}`,
		`{"id":6,"error":"Echo.Nothing: no such method: \"Echo.Nothing\"","is":"no method","definite":true}`,
		`{"id":7,`,
		`{"id":8,"error":"Echo.Wait: pause of 60001 ms: at most 60000","is":"handler","definite":false}`,
		`{"id":9,"reply":"soon"}`,
	} {
		require.True(t, strings.HasPrefix(out[i], want), "%s\n%s", want, out[i])
	}
	require.Contains(t, out[6], `"is":"malformed","definite":true`)
	require.Zero(t, stop())
}

func TestAskPipelinesAndPrintsInOrderOfCompletion(t *testing.T) {
	addr, _ := startServe(t)
	out, _, code := runAsk(t, addr, `{"id":1,"method":"Echo.Wait","ms":400,"arg":"slow"}
{"id":2,"method":"Echo.Wait","ms":200,"arg":"slower"}
{"id":3,"method":"Echo.Echo","arg":"quick"}
`)
	require.Zero(t, code)
	require.Empty(t, cmp.Diff([]string{`{"id":3,"reply":"quick"}`, `{"id":2,"reply":"slower"}`, `{"id":1,"reply":"slow"}`}, out))

	var lines strings.Builder
	for id := range 3000 {
		fmt.Fprintf(&lines, `{"id":%d,"method":"Echo.Echo","arg":"%d"}`+"\n", id, id)
	}
	out, _, code = runAsk(t, addr, lines.String(), "-window", "100")
	require.Zero(t, code)
	require.Len(t, out, 3000)
	seen := map[uint64]bool{}
	for _, line := range out {
		var v verdict
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		require.Equal(t, fmt.Sprint(v.ID), *v.Reply)
		require.False(t, seen[v.ID])
		seen[v.ID] = true
	}
}

func TestServeDrainsAndRefusesAtItsLimit(t *testing.T) {
	addr, stop := startServe(t, "-in-flight", "1")
	stdin, lines := io.Pipe()
	out, stdout := io.Pipe()
	code := make(chan int, 1)
	go func() {
		defer stdout.Close()
		code <- cli.Run(context.Background(), command(), []string{"ask", "-s", addr}, cli.Std{In: stdin, Out: stdout, Err: io.Discard})
	}()
	answers := bufio.NewScanner(out)
	say := func(line string) { _, _ = io.WriteString(lines, line+"\n") }
	say(`{"id":1,"method":"Echo.Wait","ms":500,"arg":"in flight"}`)
	say(`{"id":2,"method":"Echo.Echo","arg":"one too many"}`)
	require.True(t, answers.Scan())
	require.Contains(t, answers.Text(), `"is":"overloaded","definite":true`)
	ended := make(chan int, 1)
	go func() { ended <- stop() }()
	require.True(t, answers.Scan())
	require.JSONEq(t, `{"id":1,"reply":"in flight"}`, answers.Text())
	require.False(t, answers.Scan())
	require.Equal(t, cli.NotDone, <-code, "the connection has ended, although the input has not")
	require.Zero(t, <-ended)
	require.NoError(t, lines.Close())
}

func TestAskAnswersEveryPendingCallWhenTheConnectionDies(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte{0, 0, 0, 4, 0x83, 0, 0, 0x60}) // a welcome
		const hello, request = 12, 18                           // bytes, as ask sends them below
		_, _ = io.ReadFull(conn, make([]byte, hello+3*request))
		conn.Close()
	}()
	var lines strings.Builder
	for id := range 3 {
		fmt.Fprintf(&lines, `{"id":%d,"method":"Echo.Echo","arg":"x"}`+"\n", id)
	}
	out, stderr, code := runAsk(t, ln.Addr().String(), lines.String())
	require.Equal(t, cli.NotDone, code)
	require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	require.Contains(t, stderr, "rpc ask: connection broken")
	require.Len(t, out, 3)
	for _, line := range out {
		var v verdict
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		require.Contains(t, []string{"broken", "not sent"}, v.Is)
		require.Equal(t, v.Is == "not sent", *v.Definite)
	}
}

func TestALineThatIsNoCallEndsAskWhenTheOthersAreAnswered(t *testing.T) {
	addr, _ := startServe(t)
	for _, bad := range []string{"", "x", "{}{}", `{"id":-1}`, `{"id":1,"nothing":2}`, `[1]`} {
		out, stderr, code := runAsk(t, addr, `{"id":1,"method":"Echo.Wait","ms":20,"arg":"x"}`+"\n"+bad+"\n")
		require.Equal(t, cli.BadUsage, code, "%q", bad)
		require.Empty(t, cmp.Diff([]string{`{"id":1,"reply":"x"}`}, out))
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
		require.Contains(t, stderr, "rpc ask: line 2: ")
	}
}

func TestNobodyToAsk(t *testing.T) {
	addr, stop := startServe(t)
	require.Zero(t, stop())
	start := time.Now()
	_, stderr, code := runAsk(t, addr, "")
	require.Equal(t, cli.NotDone, code)
	require.Contains(t, stderr, "rpc ask: dial "+addr+": not sent: ")
	require.Less(t, time.Since(start), dialTime)
	for _, args := range [][]string{{"-window", "0"}, {"-window", "65537"}} {
		_, _, code := runAsk(t, addr, "", args...)
		require.Equal(t, cli.BadUsage, code)
	}
	require.Equal(t, cli.BadUsage, cli.Run(t.Context(), command(), []string{"serve", "-in-flight", "0"}, cli.Std{Out: io.Discard, Err: io.Discard}))
}
