package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/daemon/daemontest"
)

func TestWhatCannotBeServedIsSaidInOneLine(t *testing.T) {
	g := newGroup(t, 3)
	g.start(1)
	foreign, listen := t.TempDir(), daemontest.FreeAddress(t)
	require.NoError(t, os.WriteFile(filepath.Join(foreign, "letters"), nil, 0o600))
	many := "1=" + listen
	for id := 2; id <= 33; id++ {
		many += "," + strings.Replace("N=127.0.0.1:N", "N", string(rune('0'+id/10))+string(rune('0'+id%10)), 2)
	}
	alone := func(id string, more ...string) []string {
		return append([]string{"-id", id, "-peers", "1=" + listen + ",2=127.0.0.1:1,3=127.0.0.1:2", "-listen", listen}, more...)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		said string
	}{
		"the directory is in use":         {alone("1", "-data", g.data(1)), 1, "locked by another"},
		"the directory is another's":      {alone("2", "-data", g.data(1)), 1, `says "stage 3, replica 1\n", want "stage 3, replica 2\n"`},
		"the directory is something else": {alone("1", "-data", foreign), 1, `it holds "letters": want an empty directory`},
		"no directory":                    {alone("1"), 2, "flag -data is missing"},
		"no peers":                        {[]string{"-data", foreign}, 2, "want -id 1 -peers 1=ADDR,2=ADDR,3=ADDR"},
		"too many peers":                  {[]string{"-id", "1", "-peers", many, "-data", foreign}, 2, "33 servers in -peers: want at most 32"},
		"a primary that is nobody":        {alone("1", "-data", foreign, "-primary", "4"), 2, "-primary 4 is not in -peers"},
		"a primary of what is joined":     {alone("1", "-data", foreign, "-primary", "1", "-join", "127.0.0.1:1"), 2, "-primary 1 with -join"},
		"a number that is taken":          {[]string{"-id", "2", "-peers", "2=" + listen, "-join", g.addrs[0], "-data", t.TempDir()}, 1, "come back there, or under another number"},
		"no interval":                     {alone("1", "-data", foreign, "-interval", "0"), 2, "bad value 0s for -interval: want 1ms to 1h"},
		"too many pings":                  {alone("1", "-data", foreign, "-probe", "1us"), 2, "bad value 1µs for -probe: want 1ms to 1h"},
		"too near":                        {alone("1", "-data", foreign, "-near", "8.5"), 2, "bad value 8.5 for -near: want 0 to 8"},
		"no distance":                     {alone("1", "-data", foreign, "-near", "NaN"), 2, "bad value NaN for -near: want 0 to 8"},
		"too eager":                       {alone("1", "-data", foreign, "-eager", "33"), 2, "bad value 33 for -eager: want 0 to 32"},
		"a long zone":                     {alone("1", "-data", foreign, "-zone", strings.Repeat("z", 257)), 2, "a -zone of 257 bytes: want at most 256"},
		"TLS without an authority":        {alone("1", "-data", foreign, "-tls-cert", os.Args[0], "-tls-key", os.Args[0]), 2, "want the authority"},
	} {
		p := start(t, c.args...)
		require.Equal(t, c.code, p.End(t), "%s: %s", name, p.Said())
		require.Contains(t, p.Said(), c.said, name)
		require.Empty(t, p.Line, name)
	}
}
