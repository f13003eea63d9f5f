package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatCannotBeServedIsSaidInOneLine(t *testing.T) {
	g := newGroup(t, 3)
	g.start(1)
	foreign, listen := t.TempDir(), freeAddress(t)
	require.NoError(t, os.WriteFile(filepath.Join(foreign, "letters"), nil, 0o600))
	alone := func(id string, more ...string) []string {
		return append([]string{"-id", id, "-peers", "1=" + listen + ",2=127.0.0.1:1,3=127.0.0.1:2", "-listen", listen}, more...)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		said string
	}{
		"the directory is in use":         {alone("1", "-data", g.data(1)), 1, "locked by another"},
		"the directory is another's":      {alone("2", "-data", g.data(1)), 1, `says "stage 4, replica 1\n", want "stage 4, replica 2\n"`},
		"the directory is something else": {alone("1", "-data", foreign), 1, `it holds "letters": want an empty directory`},
		"no directory":                    {alone("1"), 2, "flag -data is missing"},
		"no peers":                        {[]string{"-data", foreign}, 2, "want -id 1 -peers 1=ADDR,2=ADDR,3=ADDR"},
		"quorums that need not meet":      {alone("1", "-data", foreign, "-quorum2", "1"), 2, "quorums of 2 and 1 for 3 peers"},
		"a long heartbeat":                {alone("1", "-data", foreign, "-heartbeat", "1s"), 2, "bad value 200ms for -election: want at least two heartbeats, 2s"},
		"a lease that is too long":        {alone("1", "-data", foreign, "-lease", "1s"), 2, "bad value 1s for -lease: want 0 to -election, 200ms"},
		"no slots":                        {alone("1", "-data", foreign, "-alpha", "0"), 2, `bad value "0" for -alpha: want 1 to 4096`},
		"TLS without an authority":        {alone("1", "-data", foreign, "-tls-cert", os.Args[0], "-tls-key", os.Args[0]), 2, "want the authority"},
	} {
		p := start(t, c.args...)
		require.Equal(t, c.code, p.end(t), "%s: %s", name, &p.said)
		require.Contains(t, p.said.String(), c.said, name)
		require.Empty(t, p.line, name)
	}
}
