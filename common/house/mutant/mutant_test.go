package mutant_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/house/mutant"
)

const header = "rule: add adds\ninstrument: U\nmessage: add is wrong\n"

// tree writes a small module whose test says "add is wrong" if it is.
func tree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":          "module tiny\n\ngo 1.26\n",
		"sum/sum.go":      "package sum\n\n// Add adds.\nfunc Add(a, b int) int {\n\treturn a + b\n}\n",
		"sum/sum_test.go": "package sum\n\nimport \"testing\"\n\nfunc TestAdd(t *testing.T) {\n\tif Add(2, 3) != 5 {\n\t\tt.Fatal(\"add is wrong\")\n\t}\n}\n",
	} {
		name = filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	}
	return root
}

func patchOf(line string) string {
	return header + "--- a/sum/sum.go\n+++ b/sum/sum.go\n@@ -4,3 +4,3 @@\n func Add(a, b int) int {\n-\treturn a + b\n+" + line + "\n }\n"
}

func parsed(t *testing.T, patch string) *mutant.Mutant {
	t.Helper()
	m, err := mutant.Parse("M1", []byte(patch))
	require.NoError(t, err)
	return m
}

func TestPatchIsReadAndApplied(t *testing.T) {
	m := parsed(t, patchOf("\treturn a - b"))
	require.Equal(t, []string{"M1", "add adds", "U", "add is wrong"}, []string{m.ID, m.Rule, m.Instrument, m.Message})
	require.Empty(t, cmp.Diff([]string{"sum/sum.go"}, m.Files()))

	root := tree(t)
	changed, err := m.Apply(root)
	require.NoError(t, err)
	want := "package sum\n\n// Add adds.\nfunc Add(a, b int) int {\n\treturn a - b\n}\n"
	require.Empty(t, cmp.Diff(map[string][]byte{"sum/sum.go": []byte(want)}, changed))

	kept, err := os.ReadFile(filepath.Join(root, "sum/sum.go"))
	require.NoError(t, err)
	require.Contains(t, string(kept), "return a + b", "the tree is not touched")
}

func TestSeveralHunksMayAddAndRemoveLines(t *testing.T) {
	m := parsed(t, header+"--- a/sum/sum.go\t2026-01-01\n+++ b/sum/sum.go\t2026-01-01\n"+
		"@@ -1,3 +1,5 @@\n package sum\n\n+// One.\n+// Two.\n // Add adds.\n@@ -5 +7,0 @@ func Add\n-\treturn a + b\n")
	changed, err := m.Apply(tree(t))
	require.NoError(t, err)
	require.Empty(t, cmp.Diff("package sum\n\n// One.\n// Two.\n// Add adds.\nfunc Add(a, b int) int {\n}\n",
		string(changed["sum/sum.go"])))
}

func TestStalePatchIsNoticed(t *testing.T) {
	for name, replace := range map[string][2]string{
		"context differs":       {" func Add(a, b int) int {", " func Add(a, b uint) int {"},
		"removed line differs":  {"-\treturn a + b", "-\treturn b + a"},
		"line numbers are off":  {"@@ -4,3 +4,3 @@", "@@ -3,3 +3,3 @@"},
		"behind the file's end": {"@@ -4,3 +4,3 @@", "@@ -40,3 +40,3 @@"},
	} {
		t.Run(name, func(t *testing.T) {
			patch := patchOf("\treturn a - b")
			require.Contains(t, patch, replace[0])
			_, err := parsed(t, strings.Replace(patch, replace[0], replace[1], 1)).Apply(tree(t))
			require.ErrorIs(t, err, mutant.ErrStale)
		})
	}
	_, err := parsed(t, strings.ReplaceAll(patchOf(""), "sum.go", "gone.go")).Apply(tree(t))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestPatchOfAnotherFormIsRefused(t *testing.T) {
	files := "--- a/sum/sum.go\n+++ b/sum/sum.go\n"
	for name, patch := range map[string]string{
		"empty":                "",
		"header only":          header,
		"field missing":        "rule: r\nmessage: m\n" + files + "@@ -1 +1 @@\n-a\n+b\n",
		"field twice":          "rule: r\n" + header + files + "@@ -1 +1 @@\n-a\n+b\n",
		"field unknown":        "author: me\n" + header + files + "@@ -1 +1 @@\n-a\n+b\n",
		"no hunk":              header + files,
		"no new name":          header + "--- a/sum/sum.go\n@@ -1 +1 @@\n-a\n+b\n",
		"renames":              header + "--- a/x.go\n+++ b/y.go\n@@ -1 +1 @@\n-a\n+b\n",
		"leaves the tree":      header + "--- a/../x.go\n+++ b/../x.go\n@@ -1 +1 @@\n-a\n+b\n",
		"makes a file":         header + "--- /dev/null\n+++ b/x.go\n@@ -0,0 +1 @@\n+b\n",
		"file twice":           header + strings.Repeat(files+"@@ -1 +1 @@\n-a\n+b\n", 2),
		"hunk too short":       header + files + "@@ -1,2 +1,2 @@\n-a\n+b\n",
		"hunk too long":        header + files + "@@ -1 +1 @@\n-a\n-c\n+b\n",
		"hunk without old":     header + files + "@@ -1,0 +1 @@\n+b\n",
		"hunks overlap":        header + files + "@@ -1,2 +1,2 @@\n-a\n-b\n+a\n+c\n@@ -2 +2 @@\n-a\n+b\n",
		"no newline at end":    header + files + "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n",
		"range is no number":   header + files + "@@ -x +1 @@\n-a\n+b\n",
		"range lacks its sign": header + files + "@@ 1 +1 @@\n-a\n+b\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mutant.Parse("M1", []byte(patch))
			require.ErrorIs(t, err, mutant.ErrPatch)
		})
	}
}

func TestFolderIsLoadedInOrderAndMustNotBeEmpty(t *testing.T) {
	dir := t.TempDir()
	_, err := mutant.Load(dir)
	require.Error(t, err)
	for _, id := range []string{"K2", "K1"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, id+".patch"), []byte(patchOf("")), 0o600))
	}
	all, err := mutant.Load(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"K1", "K2"}, []string{all[0].ID, all[1].ID})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "K3.patch"), nil, 0o600))
	_, err = mutant.Load(dir)
	require.ErrorIs(t, err, mutant.ErrPatch)
}

func TestVerdictTellsKilledFromSurvivedFromBroken(t *testing.T) {
	root := tree(t)
	try := func(patch string, args ...string) (mutant.Verdict, error) {
		return parsed(t, patch).Test(t.Context(), root, root, args...)
	}
	v, err := try(patchOf("\treturn a - b"), "./sum")
	require.NoError(t, err)
	require.True(t, v.Killed && v.Said, v.Output)

	v, err = try(strings.Replace(patchOf("\treturn a - b"), "message: add is wrong", "message: other", 1), "./sum")
	require.NoError(t, err)
	require.True(t, v.Killed && !v.Said, "killed with another message\n%s", v.Output)

	v, err = try(patchOf("\treturn b + a"), "./sum")
	require.NoError(t, err)
	require.False(t, v.Killed, v.Output)

	_, err = try(patchOf("\treturn a +"), "./sum")
	require.ErrorIs(t, err, mutant.ErrBuild)
	_, err = try(patchOf("\treturn a - b"), "./nowhere")
	require.ErrorIs(t, err, mutant.ErrBuild)
	_, err = try(patchOf("\treturn a - b"), "-no-such-flag")
	require.ErrorIs(t, err, mutant.ErrBuild)
}

func TestVerdictOfARunThatWasCutShortIsAnError(t *testing.T) {
	root := tree(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := parsed(t, patchOf("\treturn a - b")).Test(ctx, root, root, "./sum")
	require.ErrorIs(t, err, context.Canceled)
}

func FuzzParseNeverPanicsAndAppliesWhatItRead(f *testing.F) {
	f.Add([]byte(patchOf("\treturn a - b")))
	f.Add([]byte(header + "--- a/x\n+++ b/x\n@@ -1,99999999999999999999 +1 @@\n"))
	f.Fuzz(func(t *testing.T, patch []byte) {
		m, err := mutant.Parse("M1", patch)
		if err != nil {
			require.ErrorIs(t, err, mutant.ErrPatch)
			return
		}
		require.NotEmpty(t, m.Files())
	})
}
