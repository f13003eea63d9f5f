//go:build unix

package demo_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/demo"
)

func TestTheTableIsAlignedAndTellsErrorsInFullBelow(t *testing.T) {
	var b strings.Builder
	require.NoError(t, demo.WriteTable(&b, []demo.Row{
		{What: "loaded 9,531 files of the Go tree", Rate: "12.3k keys/s"},
		{What: "wrote for 10 s", Broken: "one frame in fifty lost, connections cut", Note: "linearizable", Rate: "4.1k ops/s"},
		{What: "killed the server", Broken: "kill -9", Err: errors.New("key a: lost\nwrite 7 of session 3")},
	}))
	want := `
what was done              what was broken        verdict       rate
-------------------------  ---------------------  ------------  ------------
loaded 9,531 files of the  nothing                held          12.3k keys/s
Go tree
wrote for 10 s             one frame in fifty     linearizable  4.1k ops/s
                           lost, connections cut
killed the server          kill -9                FAILED

killed the server:
  key a: lost
  write 7 of session 3
`
	require.Empty(t, cmp.Diff(want, b.String()))
}

func TestATableFitsInto80ColumnsAndLosesNoWord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([a-zé]{1,40} ){0,12}`)
		r := demo.Row{
			What: text.Draw(t, "what"), Broken: text.Draw(t, "broken"),
			Note: text.Draw(t, "note"), Rate: text.Draw(t, "rate"),
		}
		var b strings.Builder
		require.NoError(t, demo.WriteTable(&b, []demo.Row{r}))
		letters := 0
		for _, line := range strings.Split(b.String(), "\n") {
			require.LessOrEqual(t, len([]rune(line)), 80)
		}
		body := strings.SplitN(b.String(), "\n", 4)[3]
		for _, c := range body {
			if c != ' ' && c != '\n' {
				letters++
			}
		}
		want := strings.Join([]string{r.What, orElse(r.Broken, "nothing"), orElse(r.Note, "held"), r.Rate}, "")
		require.Equal(t, len([]rune(strings.ReplaceAll(want, " ", ""))), letters)
	})
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
