package topology_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p3-replication/topology"
	"dss.example/p3-replication/topology/proto"
)

func TestAMapIsSymmetricAndHasATimeWithinEachZone(t *testing.T) {
	m := parse(t, world)
	require.Equal(t, []string{"east", "west", "asia"}, m.Zones())
	for pair, want := range map[[2]string]machine.Time{
		{"east", "east"}: ms, {"east", "west"}: 70 * ms, {"west", "east"}: 70 * ms,
		{"asia", "west"}: 120 * ms, {"west", "asia"}: 120 * ms, {"asia", "asia"}: ms / 2,
	} {
		got, ok := m.RTT(pair[0], pair[1])
		require.True(t, ok)
		require.Equal(t, want, got, pair)
	}
	_, ok := m.RTT("east", "moon")
	require.False(t, ok)
}

func TestMapsThatMakeNoSenseAreRefusedWithTheLine(t *testing.T) {
	var many strings.Builder
	for n := range topology.MaxZones + 1 {
		fmt.Fprintf(&many, "z%d%s\n", n, strings.Repeat(" 1ms", n+1))
	}
	for text, want := range map[string]string{
		"# nothing":                       "no zone",
		"a 1ms\nb 1ms":                    `line 2: zone "b" has 1 times: want 2`,
		"a 1ms\n\nb 1ms 1ms 1ms":          `line 3: zone "b" has 3 times: want 2`,
		"a 1ms\na 1ms 1ms":                `line 2: zone "a" twice`,
		"a 5":                             `a round trip of "5"`,
		"a 0ms":                           `a round trip of "0ms"`,
		"a -1ms":                          `a round trip of "-1ms"`,
		"a 61m":                           "at most 1h0m0s",
		strings.Repeat("x", 257) + " 1ms": "a name of 257 bytes",
		many.String():                     `line 65: zone "z64" is one too many`,
	} {
		_, err := topology.ParseMap(text)
		require.ErrorIs(t, err, topology.ErrMap, text)
		require.ErrorContains(t, err, want)
	}
}

func TestALayoutTellsWhereServersAreAndHowFar(t *testing.T) {
	m := parse(t, world)
	l, err := m.Lay(map[machine.Node]string{4: "asia", 7: "west"})
	require.NoError(t, err)
	require.Equal(t, "asia", l.Zone(4))
	require.Empty(t, l.Zone(5))
	require.Equal(t, 120*ms, l.RTT(4, 7))
	require.Equal(t, machine.Time(math.MaxInt64), l.RTT(4, 5))
	require.Equal(t, 60*ms, l.Latency(7, 4))
	require.Zero(t, l.Latency(5, 4))
	_, err = m.Lay(map[machine.Node]string{4: "moon"})
	require.ErrorIs(t, err, topology.ErrMap)
	require.ErrorContains(t, err, `node 4 is in zone "moon": want one of ["east" "west" "asia"]`)
	s := m.Spread(5)
	require.Equal(t, []string{"east", "west", "asia", "east", "west", ""}, []string{s.Zone(1), s.Zone(2), s.Zone(3), s.Zone(4), s.Zone(5), s.Zone(6)})
}

func FuzzParseMap(f *testing.F) {
	f.Add(world)
	f.Add("a 1ms\nb 2h 3ns")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := topology.ParseMap(text)
		if err != nil {
			require.ErrorIs(t, err, topology.ErrMap)
			return
		}
		for _, a := range m.Zones() {
			for _, b := range m.Zones() {
				there, _ := m.RTT(a, b)
				back, _ := m.RTT(b, a)
				require.Equal(t, there, back)
				require.Positive(t, there)
				require.LessOrEqual(t, there, proto.MaxRTT)
			}
		}
	})
}
