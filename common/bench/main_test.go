package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/daemon/cli"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
)

func ask(t *testing.T, c *cli.Command, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = cli.Run(t.Context(), c, args, cli.Std{In: strings.NewReader(""), Out: &out, Err: &err})
	return code, out.String(), err.String()
}

func TestHelpShowsExamples(t *testing.T) {
	code, out, _ := ask(t, program(), "-h")
	require.Zero(t, code)
	for _, want := range []string{"make bench STAGE=1", "-only PEER,PEER,...", "-callers N,N,...", "-svg FILE", "  gob         net/rpc as it comes: the toy\n"} {
		require.Contains(t, out, want)
	}
}

func TestWrongFlagsAreRefusedBeforeAnythingRuns(t *testing.T) {
	for args, want := range map[string]string{
		"-stage 7":         "bench: stage 7 has no benchmark: want one of 1, 2, 3, 4\n",
		"-scale 0":         "bench: bad scale 0: want more than 0, to 1\n",
		"-scale 1.5":       "bench: bad scale 1.5: want more than 0, to 1\n",
		"-callers 1,x":     "bench: bad value \"1,x\" for -callers: want numbers such as 1,64\n",
		"-callers 0":       "bench: bad number of callers 0: want 1 to 10000\n",
		"-only gob,nobody": "bench: stage 1 has no peer \"nobody\": want some of [redis gob jsonrpc cbor grpc echo]\n",
		"-rounds 0":        "bench: rounds, time and callers want positive numbers\n",
	} {
		code, out, err := ask(t, program(), strings.Fields(args)...)
		require.Equal(t, cli.BadUsage, code, args)
		require.Equal(t, want, err)
		require.Empty(t, out)
	}
}

func TestAPeerPrintsTheReportThatTheHarnessReads(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	echo, err := peerOf("echo")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- echo.Serve(ln) }()
	code, out, stderr := ask(t, peerProgram(), "drive", "echo", ln.Addr().String(),
		"-load", "private", "-callers", "2", "-warmup", "1ms", "-for", "20ms")
	require.Zero(t, code, stderr)
	var r load.Report
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Positive(t, r.Ops)
	require.NoError(t, ln.Close())
	<-ended
}

func TestPeersThatItCannotBeAreRefused(t *testing.T) {
	for kind, want := range map[string]string{"nobody": `no peer "nobody"`, "redis": "redis is served by another program"} {
		code, _, stderr := ask(t, peerProgram(), "serve", kind, "127.0.0.1:0")
		require.Equal(t, cli.BadUsage, code)
		require.Contains(t, stderr, want)
	}
}

func TestMembersThatItCannotBeAreRefused(t *testing.T) {
	for args, want := range map[string]string{
		"nobody 0 dir a":   `no peer "nobody"`,
		"gob 0 dir a":      "gob has no members in processes of their own",
		"etcd x dir a":     `bad member "x": want a number from 0`,
		"etcd -- -1 dir a": `bad member "-1": want a number from 0`,
	} {
		code, _, stderr := ask(t, peerProgram(), append([]string{"member"}, strings.Fields(args)...)...)
		require.Equal(t, cli.BadUsage, code, args)
		require.Contains(t, stderr, want)
	}
	code, _, stderr := ask(t, peerProgram(), "member", "etcd", "7", t.TempDir(), "a,b,c,d,e,f")
	require.Equal(t, cli.NotDone, code)
	require.Contains(t, stderr, "member 7 with 6 addresses: want one of 3 with 2 each")
}

func TestAllFilesOfARunAreWritten(t *testing.T) {
	dir := t.TempDir()
	o := options{
		stage: 1, out: filepath.Join(dir, "out"), json: filepath.Join(dir, "a.json"), svg: filepath.Join(dir, "a.svg"),
	}
	require.NoError(t, os.Mkdir(o.out, 0o700))
	s := stages()[0]
	r := &harness.Record{Stage: 1, Title: s.Title, Rounds: 1, For: time.Second, Samples: []harness.Sample{
		{Round: 1, Load: "shared", Callers: 1, System: "ours", Report: load.Report{Ops: 1, Rate: 1}},
	}}
	var out bytes.Buffer
	require.NoError(t, o.write(s, r, &out))
	text, err := os.ReadFile(filepath.Join(o.out, "stage1.txt"))
	require.NoError(t, err)
	require.Equal(t, string(text), out.String())
	for _, name := range []string{o.json, filepath.Join(o.out, "stage1.json")} {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(b, new(harness.Record)))
	}
	for _, name := range []string{o.svg, filepath.Join(o.out, "stage1.svg")} {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		require.True(t, bytes.HasPrefix(b, []byte("<svg ")))
	}
	o.json = filepath.Join(dir, "missing", "a.json")
	require.ErrorIs(t, o.write(s, r, &out), os.ErrNotExist)
}

func TestOutsideTheWorkspaceItSaysSo(t *testing.T) {
	t.Chdir(t.TempDir())
	err := (&options{}).run(context.Background(), harness.Config{}, cli.Std{})
	require.ErrorContains(t, err, "no go.work here or above")
}
