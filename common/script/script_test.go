package script_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/script"
	"dss.example/common/script/scripttest"
	"dss.example/common/sim/toys/chain"
)

func world() script.World {
	return script.World{Config: chain.World(chain.None), Command: func(_ string, words []string) (machine.Data, error) {
		var c chain.Cmd
		switch words[0] {
		case "append":
			return chain.Cmd{Kind: chain.Append, Value: words[1]}, nil
		case "fetch":
			_, err := fmt.Sscan(words[1], &c.Pos)
			return chain.Cmd{Kind: chain.Fetch, Pos: c.Pos}, err
		}
		return nil, fmt.Errorf("unknown command %q", words[0])
	}}
}

func TestScriptsOfTheChain(t *testing.T) { scripttest.Run(t, "testdata/*.txt", world) }

func TestAScriptThatExpectsSomethingElseComesOutDifferent(t *testing.T) {
	want := "pending\n----\nsomething\n"
	got, err := script.Run(want, world(), nil)
	require.NoError(t, err)
	require.Equal(t, "pending\n----\nnothing\n", got)
}

func TestMistakesInAScriptNameTheirLineAndWhatIsRight(t *testing.T) {
	for text, says := range map[string]string{
		"# a\nfly 1":              "line 2: fly 1: unknown directive",
		"ask 77/client append x":  "no address 77/client",
		"ask client append x":     "want NODE/ROLE",
		"deliver #7":              "nothing on its way",
		"crash 8":                 "node 8 is not up",
		"restart 1":               "node 1 is not down",
		"advance soon":            "invalid duration",
		"crash 1\n----\ncrash x1": "",
		"crash one":               `node "one": want a number`,
		"ask 11/client dance":     "unknown command",
	} {
		_, err := script.Run(text, world(), nil)
		if says == "" {
			require.NoError(t, err, text) // what follows the dashes is output
			continue
		}
		require.ErrorIs(t, err, script.ErrScript, text)
		require.ErrorContains(t, err, says, text)
	}
}
