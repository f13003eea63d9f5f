package consensus_test

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/p4-consensus/cmd/sim/worlds"
)

var (
	named  = regexp.MustCompile("`([^`]+)`")
	isTest = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// evidence is everything that a claim may name: tests, golden scripts, and worlds of the
// simulator.
func evidence(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, k := range worlds.All() {
		all["-world "+k.Name] = true
	}
	tree := os.DirFS(".")
	err := fs.WalkDir(tree, ".", func(file string, _ fs.DirEntry, err error) error {
		switch dir := path.Dir(file); {
		case err != nil:
			return err
		case strings.HasSuffix(file, "_test.go"):
			source, err := fs.ReadFile(tree, file)
			for _, m := range isTest.FindAllSubmatch(source, -1) {
				all[string(m[1])] = true
			}
			return err
		case path.Ext(file) == ".txt" && strings.Contains(dir, "testdata"):
			all[path.Base(file)] = true
		}
		return nil
	})
	require.NoError(t, err)
	return all
}

// claims are the lines of a section of the README.
func claims(t *testing.T, section string) (all []string) {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, text, found := strings.Cut(string(readme), "\n## "+section+"\n")
	require.True(t, found, "no section %q", section)
	text, _, _ = strings.Cut(text, "\n## ")
	for line := range strings.Lines(text) {
		if claim, ok := strings.CutPrefix(line, "- "); ok {
			all = append(all, claim)
		}
	}
	return all
}

func TestEachClaimOfWhereWeLeaveThePapersNamesWhatShowsIt(t *testing.T) {
	there := evidence(t)
	all := claims(t, "Where we leave the papers")
	require.Greater(t, len(all), 20)
	for _, claim := range all {
		shown := named.FindAllStringSubmatch(claim, -1)
		require.NotEmpty(t, shown, "nothing shows that %s", claim)
		for _, m := range shown {
			require.True(t, there[m[1]], "%q is no test, script or world of this stage: %s", m[1], claim)
		}
	}
}
