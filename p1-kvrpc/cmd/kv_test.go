package cmd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/wire/wiretest"
)

func TestHelpGoesToTheStandardOutputWithAnExample(t *testing.T) {
	verbs := []string{
		"kv", "kv get", "kv put", "kv del", "kv append", "kv cas", "kv txn", "kv scan", "kv watch", "kv lease", "kv lease grant",
		"kv lease keepalive", "kv lease revoke", "kv lease show", "kv lease list", "kv lease hold", "kv stat", "kv members", "kv members add", "kv members remove", "kv members replace", "kv status",
		"kv transfer", "kv load", "kv bench", "kv guarded", "kv inquire", "kv conflicts", "kv probe",
		"kvd", "sim", "demo",
	}
	for _, verb := range verbs {
		words := strings.Fields(verb)
		r := run(t, words[0], append(words[1:], "-h")...)
		require.Zero(t, r.code, verb)
		require.Empty(t, r.err, verb)
		require.True(t, strings.HasPrefix(r.out, verb+": "), r.out)
		require.Contains(t, r.out, "\nusage: "+verb)
		require.Contains(t, r.out, "\nexample:\n  ", verb)
	}
}

func TestAValueOfAnyBytesComesFromTheStandardInputAndBack(t *testing.T) {
	s := serve(t)
	value := "\x00\x01\xff\n\r\x00 ü\n"
	r := launch(t, strings.NewReader(value), "kv", "-s", s.addr, "put", "key", "-").wait()
	require.Equal(t, result{out: "ok rev 2\n"}, r)
	require.Equal(t, value+"\n", s.done("get", "key"))
	r = launch(t, strings.NewReader(value), "kv", "-s", s.addr, "append", "key", "-").wait()
	require.Equal(t, result{out: fmt.Sprintf("ok %d bytes\n", 2*len(value))}, r)
	require.Equal(t, value+value+"\n", s.done("get", "key"))
	r = launch(t, strings.NewReader(strings.Repeat("x", kv.MaxValue+1)), "kv", "-s", s.addr, "put", "key", "-").wait()
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "longer than 4194304 bytes")
}

func TestWithoutAServerKvEndsAtItsTimeOutAndNamesTheAddress(t *testing.T) {
	for _, args := range [][]string{{"get", "a"}, {"put", "a", "b"}, {"stat"}, {"members"}, {"transfer", "2"}, {"status"}, {"guarded", "put", "a", "b"}, {"probe"}} {
		r := run(t, "kv", append([]string{"-s", "127.0.0.1:1", "-timeout", "200ms"}, args...)...)
		require.Equal(t, 1, r.code)
		require.Empty(t, r.out)
		require.Equal(t, 1, strings.Count(r.err, "\n"), r.err)
		require.Contains(t, r.err, "127.0.0.1:1")
		require.Contains(t, r.err, "unavailable, not done")
	}
}

func TestAnyOfTheAddressesWillDo(t *testing.T) {
	s := serve(t)
	require.Equal(t, "ok rev 2\n", done(t, "kv", "-s", "127.0.0.1:1,"+s.addr, "put", "a", "1"))
}

func TestAnInterruptedWatchEndsWith0(t *testing.T) {
	s := serve(t)
	s.done("put", "a/1", "x")
	w := s.start("watch", "-after", "1", "a/")
	require.Equal(t, "2\tput\ta/1\tx", w.line())
	s.done("put", "b", "y")
	s.done("del", "a/1")
	require.Equal(t, "4\tdelete\ta/1", w.line())
	w.signal(os.Interrupt)
	require.Equal(t, result{out: "2\tput\ta/1\tx\n4\tdelete\ta/1\n"}, w.wait())
}

func TestALeaseFromItsGrantToItsEnd(t *testing.T) {
	s := serve(t)
	id, rest, _ := strings.Cut(strings.TrimSpace(s.done("lease", "grant", "1h")), "\t")
	require.Equal(t, "ttl 1h0m0s\tleft 1h0m0s", rest)
	s.done("put", "-lease", id, "a", "1")
	require.True(t, strings.HasSuffix(s.done("lease", "show", id), "\n\ta\n"))
	require.Contains(t, s.done("-json", "lease", "show", id), `"lease":`+id+`,"ttl":"1h0m0s"`)
	require.Contains(t, s.done("lease", "keepalive", id), "left 1h0m0s\n")
	require.True(t, strings.HasPrefix(s.done("lease", "list"), id+"\t"))
	require.Equal(t, "then\nok: a=1@2 lease "+id+"\n", s.done("txn", "-if", "a.lease = "+id, "-then", "get a"))
	require.Equal(t, "ok\n", s.done("lease", "revoke", id))
	require.Equal(t, 1, s.start("get", "a").wait().code)
	require.Equal(t, "", s.done("lease", "list"))
}

func TestAHeldLeaseOutlivesItsTimeAndIsRevokedByAnInterrupt(t *testing.T) {
	s := serve(t)
	hold := s.start("lease", "hold", "1s") // long for a machine, however busy it is
	id, _, _ := strings.Cut(hold.line(), "\t")
	s.done("put", "-lease", id, "worker", "alive")
	clock, _, _ := strings.Cut(s.done("lease", "grant", "2s"), "\t")
	s.done("put", "-lease", clock, "clock", "x")
	s.done("watch", "-after", "2", "-n", "2", "clock") // it is put, and goes with its lease
	require.Equal(t, "alive\n", s.done("get", "worker"), "twice its time has passed")
	hold.signal(os.Interrupt)
	require.Zero(t, hold.wait().code)
	require.Equal(t, "kv get: no such key\n", s.start("get", "worker").wait().err)
}

func TestLoadPutsAKeyForEachFileAndLeavesOutWhatIsTooLarge(t *testing.T) {
	dir := t.TempDir()
	for i := range 10 {
		name := filepath.Join(dir, "sub", fmt.Sprint(i))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, fmt.Appendf(nil, "file %d", i), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "large"), make([]byte, kv.MaxValue+1), 0o600))
	require.NoError(t, os.Symlink("large", filepath.Join(dir, "link")))
	s := serve(t)
	require.Contains(t, s.done("load", "-shard", "0/2", "-prefix", "p/", dir), " left out, ")
	half := strings.TrimSpace(s.done("scan", "-count"))
	require.Equal(t, "5", half)
	require.Contains(t, s.done("-json", "load", "-shard", "1/2", "-prefix", "p/", dir), `"files":5`)
	require.Equal(t, "10\n", s.done("scan", "-count", "p/sub/"))
	require.Contains(t, s.done("load", "-callers", "1", "-prefix", "p/", dir), "10 files, 60 bytes, 1 left out, ", "again, and all")
	require.Equal(t, "10\n", s.done("scan", "-count"))
	require.Equal(t, "file 7\n", s.done("get", "p/sub/7"))
}

func TestAScanOfManyPagesIsWholeInBothDirections(t *testing.T) {
	const n = 10_050 // more than one answer may hold
	s := serve(t)
	for from := 0; from < n; from += kv.MaxTxnOps {
		args := []string{"txn"}
		for i := from; i < min(from+kv.MaxTxnOps, n); i++ {
			args = append(args, "-then", fmt.Sprintf("put %05d x", i))
		}
		s.done(args...)
	}
	up := strings.Fields(s.done("scan", "-keys"))
	require.Len(t, up, n)
	require.Equal(t, []string{"00000", "10049"}, []string{up[0], up[n-1]})
	down := strings.Fields(s.done("scan", "-keys", "-desc"))
	require.Len(t, down, n)
	require.Equal(t, []string{"10049", "00000"}, []string{down[0], down[n-1]})
	require.Len(t, strings.Fields(s.done("scan", "-keys", "-limit", "10020")), 10_020)
}

func TestBenchMeasures(t *testing.T) {
	s := serve(t)
	require.Regexp(t, `^2 callers, \d+ ops/s, p50 `, s.done("bench", "-callers", "2", "-keys", "10", "-for", "50ms", "-warmup", "1ms"))
	json := s.done("-json", "bench", "-private", "-callers", "2", "-keys", "10", "-for", "50ms", "-warmup", "1ms", "-reads", "100", "-batch", "4")
	require.Contains(t, json, `"ops_per_second":`)
	require.Contains(t, json, `"private":true`)
}

func TestBenchProfilesItsOwnSide(t *testing.T) {
	s := serve(t)
	name := filepath.Join(t.TempDir(), "client.prof")
	s.done("bench", "-callers", "2", "-keys", "10", "-for", "50ms", "-warmup", "1ms", "-profile", name)
	profile, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "\x1f\x8b", string(profile[:2]), "it is compressed, as pprof reads it")
	wrong := s.start("bench", "-keys", "10", "-for", "50ms", "-warmup", "1ms", "-profile", filepath.Join(name, "x")).wait()
	require.Equal(t, 1, wrong.code)
	require.Contains(t, wrong.err, "kv bench: -profile: open ")
}

func TestMutualTLSEndToEnd(t *testing.T) {
	authority := wiretest.NewAuthority(t)
	files, wrong := authority.Issue(wiretest.Leaf{}), authority.Issue(wiretest.Leaf{SelfSigned: true})
	s := serve(t, "-tls-cert", files.Cert, "-tls-key", files.Key, "-tls-ca", files.CA)
	require.Equal(t, "ok rev 2\n", s.done("-tls-cert", files.Cert, "-tls-key", files.Key, "-tls-ca", files.CA, "put", "a", "1"))
	for name, args := range map[string][]string{
		"no TLS":                 {},
		"no certificate":         {"-tls-ca", files.CA},
		"a stranger's":           {"-tls-ca", files.CA, "-tls-cert", wrong.Cert, "-tls-key", wrong.Key},
		"the server's not known": {"-tls-ca", wrong.Cert, "-tls-cert", files.Cert, "-tls-key", files.Key},
	} {
		r := s.start(append(args, "-timeout", "150ms", "put", "a", "2")...).wait()
		require.Equal(t, 1, r.code, "%s: %+v", name, r)
		require.Equal(t, 1, strings.Count(r.err, "\n"), name)
	}
	require.Equal(t, "1\n", s.done("-tls-cert", files.Cert, "-tls-key", files.Key, "-tls-ca", files.CA, "get", "a"))
}
