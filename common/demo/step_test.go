//go:build unix

package demo

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// The live line needs a terminal; so these tests make a screen of their own.

func TestWithoutATerminalAStepPrintsAPlainLineEveryFewSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := newShow(&out)
		step := s.Begin("load the tree", 1000, "keys")
		<-time.After(1) // so that nothing is counted at the instant of a line
		for range 12 {
			step.Add(50)
			<-time.After(time.Second)
		}
		require.Equal(t, "50.0 keys/s", step.End())
		require.Equal(t, 12*time.Second+1, step.Took())
		require.Equal(t, "50.0 keys/s", step.End())
		want := []string{
			"load the tree: 250 of 1000 keys (25 %), 50.0 keys/s, 15s left",
			"load the tree: 500 of 1000 keys (50 %), 50.0 keys/s, 10s left",
			"load the tree: 600 of 1000 keys (60 %) in 12s, 50.0 keys/s",
			"",
		}
		require.Empty(t, cmp.Diff(want, strings.Split(out.String(), "\n")))
	})
}

func TestOnATerminalALiveLineIsRedrawnBelowWhatIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := newShow(&out)
		s.screen.terminal = true
		step := s.Begin("wait", 0, "ticks")
		<-time.After(250 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, "wait: 0 ticks, 0.00 ticks/s\r\x1b[Kwait: 0 ticks, 0.00 ticks/s", out.String())
		out.Reset()
		s.Say("hello %d", 1)
		require.Equal(t, "\r\x1b[Khello 1\nwait: 0 ticks, 0.00 ticks/s", out.String())
		out.Reset()
		step.Add(5)
		step.End()
		require.Equal(t, "\r\x1b[Kwait: 5 ticks in 250ms, 20.0 ticks/s\n", out.String())
	})
}

func TestALiveLineNeverWraps(t *testing.T) {
	var out bytes.Buffer
	s := screen{terminal: true, out: &out}
	s.show(strings.Repeat("é", 200))
	require.Equal(t, strings.Repeat("é", 79), out.String())
}

func TestANewStepEndsTheOneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := newShow(&out)
		first := s.Begin("first", 0, "things")
		second := s.Begin("second", 0, "things")
		require.Equal(t, "first: 0 things in 0s, – things/s\n", out.String())
		first.Add(1)
		require.NoError(t, s.end()) // ends the second, or the bubble would hang
		require.NotZero(t, second)
	})
}

func TestRatesHaveThreeDigits(t *testing.T) {
	for want, n := range map[string]int64{
		"0.00 keys/s": 0, "9.00 keys/s": 9, "12.0 keys/s": 12, "123 keys/s": 123, "999 keys/s": 999,
		"1.00k keys/s": 1000, "12.3k keys/s": 12345, "10.0k keys/s": 9999, "1.00M keys/s": 999_999, "4.00G keys/s": 4e9,
	} {
		require.Equal(t, want, Rate(n, "keys", time.Second))
	}
	require.Equal(t, "– keys/s", Rate(5, "keys", 0))
	require.Equal(t, "2.50 keys/s", Rate(5, "keys", 2*time.Second))
}

func TestOutputIsNotATerminalUnlessItIsACharacterDevice(t *testing.T) {
	require.False(t, newScreen(io.Discard).terminal)
}
