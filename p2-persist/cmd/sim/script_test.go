package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/script"
	"dss.example/common/script/scripttest"
)

func TestScripts(t *testing.T) {
	scripttest.Run(t, "../../testdata/*.txt", scripted)
}

// TestAScriptSeesAServerThatIsNotTheSame shows that the scripts can fail.
func TestAScriptSeesAServerThatIsNotTheSame(t *testing.T) {
	want, err := os.ReadFile("../../testdata/acknowledged.txt")
	require.NoError(t, err)
	got, err := script.Run(strings.Replace(string(want), "stall 1", "# stall 1", 1), scripted(), nil)
	require.NoError(t, err)
	require.NotEqual(t, string(want), got)
	_, err = script.Run("ask 1/table checkpoint twice", scripted(), nil)
	require.ErrorIs(t, err, script.ErrScript)
}
