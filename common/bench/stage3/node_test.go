package stage3_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
	"dss.example/common/bench/stage3"
)

// installed makes programs of a shell's words the only ones that are there, and returns the
// cache of the user, which is empty.
func installed(t *testing.T, programs map[string]string) (cache string) {
	t.Helper()
	bin := t.TempDir()
	for name, words := range programs {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+words+"\n"), 0o700))
	}
	cache = t.TempDir()
	t.Setenv("PATH", bin)
	t.Setenv("XDG_CACHE_HOME", cache)
	return cache
}

func yjs(t *testing.T) (harness.System, harness.Peer) {
	t.Helper()
	s := stage3.Stage()
	i := slices.IndexFunc(s.Systems, func(s harness.System) bool { return s.Name == "yjs" })
	k := slices.IndexFunc(s.Peers, func(p harness.Peer) bool { return p.Kind == "yjs" })
	return s.Systems[i], s.Peers[k]
}

func TestPackagesAreFetchedOnceByTheirLock(t *testing.T) {
	calls := filepath.Join(t.TempDir(), "calls")
	cache := installed(t, map[string]string{"npm": `echo "$@" >>` + calls + ` && read -r first <"$3/package-lock.json" && : >"$3/fetched"`})
	system, _ := yjs(t)
	require.NoError(t, system.Fetch(t.Context()))
	require.NoError(t, system.Fetch(t.Context()))
	said, err := os.ReadFile(calls)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(said), "\n"), "what is there is not fetched again: %s", said)
	require.Regexp(t, "^ci --prefix .* --ignore-scripts ", string(said), "no package runs anything while it is fetched")
	whole, err := filepath.Glob(filepath.Join(cache, "dss-bench", "*", "*"))
	require.NoError(t, err)
	var names []string
	for _, name := range whole {
		names = append(names, filepath.Base(name))
	}
	require.Empty(t, cmp.Diff([]string{"fetched", "package-lock.json", "package.json", "peers.mjs"}, names))
}

func TestPackagesThatCannotBeFetchedAreNamedAndLeaveNothing(t *testing.T) {
	cache := installed(t, map[string]string{"npm": `echo "no such host" >&2; exit 1`})
	system, _ := yjs(t)
	err := system.Fetch(t.Context())
	require.ErrorContains(t, err, "npm packages: not fetched: npm: exit status 1: no such host")
	left, err := filepath.Glob(filepath.Join(cache, "dss-bench", "*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestAPeerInNodeIsToldTheSizeAndTheTimeAndItsReportIsRead(t *testing.T) {
	installed(t, map[string]string{"node": `[ "$3 $4 $5 $6" = "yjs 500 10 2000" ] && echo '{"ops":1000,"ops_per_second":7}'`})
	_, peer := yjs(t)
	turn := harness.Turn{Load: "converge", Scale: 0.05, Warmup: 10 * time.Millisecond, For: 2 * time.Second}
	r, err := peer.Drive("", turn)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(&load.Report{Ops: 1000, Rate: 7}, r))
	turn.Scale = 1
	_, err = peer.Drive("", turn)
	require.ErrorContains(t, err, "node: exit status 1")
}

func TestAPeerInNodeThatPrintsNoReportHasNone(t *testing.T) {
	installed(t, map[string]string{"node": "echo hello"})
	_, peer := yjs(t)
	_, err := peer.Drive("", harness.Turn{Load: "converge", Scale: 1})
	require.ErrorIs(t, err, harness.ErrReport)
}

// TestNoRegistryIsNamedInTheLock: whoever fetches asks the one that npm is told of.
func TestNoRegistryIsNamedInTheLock(t *testing.T) {
	lock, err := os.ReadFile(filepath.Join("npm", "package-lock.json"))
	require.NoError(t, err)
	require.NotContains(t, string(lock), `"resolved"`)
	require.Contains(t, string(lock), `"integrity": "sha512-`)
}
