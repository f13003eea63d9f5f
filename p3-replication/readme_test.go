package replication_test

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/p3-replication/world"
)

var (
	named  = regexp.MustCompile("`([^`]+)`")
	isTest = regexp.MustCompile(`(?m)^func ((?:Test|Example)\w*)\(`)
	shows  = regexp.MustCompile(`^(Test|Example|-world |go (run|test) \./|\S+\.txt$)`)
	where  = regexp.MustCompile(`^(go (?:run|test) \./p3-replication/[\w/]+)`)
)

// evidence is everything that a claim may name: tests and examples, golden scripts, worlds of the
// simulator, programs, and packages that can be tested.
func evidence(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, k := range world.All() {
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
			all["go test ./p3-replication/"+dir] = true
			return err
		case path.Base(file) == "main.go":
			all["go run ./p3-replication/"+dir] = true
		case path.Ext(file) == ".txt" && strings.Contains(dir, "testdata"):
			all[path.Base(file)] = true
		}
		return nil
	})
	require.NoError(t, err)
	return all
}

// lines are those of a section of a file that begin with a mark.
func lines(t *testing.T, file, section, mark string) (all []string) {
	t.Helper()
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	_, text, found := strings.Cut(string(whole), "\n## "+section+"\n")
	require.True(t, found, "no section %q", section)
	text, _, _ = strings.Cut(text, "\n## ")
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, mark); ok {
			all = append(all, rest)
		}
	}
	return all
}

func TestEachClaimOfWhereWeLeaveThePapersNamesWhatShowsIt(t *testing.T) {
	there := evidence(t)
	all := lines(t, "README.md", "Where we leave the papers", "- ")
	require.Greater(t, len(all), 20)
	for _, claim := range all {
		shown := named.FindAllStringSubmatch(claim, -1)
		require.NotEmpty(t, shown, "nothing shows that %s", claim)
		for _, m := range shown {
			require.True(t, there[m[1]], "%q is no test, script or world of this stage: %s", m[1], claim)
		}
	}
}

func TestEachConceptOfTheNotesNamesSomethingThatRuns(t *testing.T) {
	there := evidence(t)
	rows := lines(t, "README.md", "Day 7, and what runs", "| ")
	require.Greater(t, len(rows), 15)
	for _, row := range rows[1:] { // the first is the heading
		shown := 0
		for _, m := range named.FindAllStringSubmatch(row, -1) {
			what := m[1]
			if !shows.MatchString(what) {
				continue // a flag, or another stage's command
			}
			if p := where.FindString(what); p != "" {
				what = p
			}
			require.True(t, there[what], "%q is no test, script, world or program of this stage: %s", what, row)
			shown++
		}
		require.NotZero(t, shown, "nothing that is here shows that %s", row)
	}
}

func TestEachBugOfTheRecordNamesWhatKeepsItOut(t *testing.T) {
	there := evidence(t)
	rows := lines(t, "RECORD.md", "What our own reference got wrong", "| ")
	require.Greater(t, len(rows), 20)
	for _, row := range rows[1:] {
		cells := strings.Split(row, " | ")
		shown := named.FindAllStringSubmatch(cells[len(cells)-1], -1)
		require.NotEmpty(t, shown, "nothing keeps out that %s", row)
		for _, m := range shown {
			require.True(t, there[m[1]] || !shows.MatchString(m[1]), "%q is no test or world of this stage: %s", m[1], row)
		}
	}
}
