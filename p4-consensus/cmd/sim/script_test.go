package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/script"
	"dss.example/common/script/scripttest"
)

func TestScripts(t *testing.T) { scripttest.Run(t, "../../testdata/*.txt", scripted) }

func TestAnOperatorsMistakeInAScriptIsTold(t *testing.T) {
	for _, line := range []string{"change", "change add", "change add x", "change 4 for", "transfer", "transfer 0", "change add 0"} {
		_, err := script.Run("ask 1/paxos "+line, scripted(), nil)
		require.ErrorIs(t, err, script.ErrScript, line)
		require.ErrorContains(t, err, "want transfer N, change add N", line)
	}
	_, err := script.Run("ask 11/session inspect", scripted(), nil)
	require.ErrorIs(t, err, script.ErrScript, "a client's requests are stage 1's")
}
