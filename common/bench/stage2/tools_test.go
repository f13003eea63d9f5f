package stage2

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/bench/harness"
)

const tiny = 0.001

// build builds the program blob where the harness would have built it.
func build(t *testing.T, bin string) {
	t.Helper()
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	c := exec.CommandContext(t.Context(), "go", "build", "-o", bin+"/", "./p2-persist/cmd/blob")
	c.Dir, c.Env = root, append(os.Environ(), "GOWORK="+filepath.Join(root, "go.work"))
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// TestEveryToolThatIsHereTakesSnapshots drives those that are installed; of the others
// the harness knows the packages.
func TestEveryToolThatIsHereTakesSnapshots(t *testing.T) {
	up := t.TempDir()
	build(t, up)
	for i, x := range tools() {
		if _, err := exec.LookPath(x.kind); err != nil && x.kind != "blob" {
			continue
		}
		t.Run(x.kind, func(t *testing.T) {
			dir := filepath.Join(up, "place-"+string(rune('a'+i)))
			require.NoError(t, os.Mkdir(dir, 0o700))
			for _, name := range append(loadsOf(x), first) { // with the beginning of a second round
				r, err := x.drive(dir, harness.Turn{Load: name, Callers: 1, Scale: tiny})
				require.NoError(t, err, name)
				require.Equal(t, 1, r.Ops)
				require.Positive(t, r.Rate)
				require.Greater(t, r.Ended, r.Began)
				require.Equal(t, r.P50, r.Max)
				if x.kind == "rsync" || x.kind == "cp" {
					require.InDelta(t, 1, r.Space, 0.03, "%s: a copy of the newest", name)
				} else {
					require.Greater(t, r.Space, 1.0, "%s: all that was snapshot, and some more", name)
				}
			}
			if x.verify != nil {
				damage(t, placeOf(dir, tiny).store)
				_, err := x.drive(dir, harness.Turn{Load: verify, Scale: tiny})
				require.ErrorContains(t, err, "exit status", "it reads every byte")
			}
		})
	}
}

// damage changes a byte in the largest file of a store: one of a file's, then.
func damage(t *testing.T, store string) {
	t.Helper()
	var largest string
	var size int64
	require.NoError(t, filepath.WalkDir(store, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > size {
			largest, size = name, info.Size()
		}
		return err
	}))
	b, err := os.ReadFile(largest)
	require.NoError(t, err)
	b[100_000] ^= 1
	require.NoError(t, os.Chmod(largest, 0o600)) // git makes it read-only
	require.NoError(t, os.WriteFile(largest, b, 0o600))
}

// loadsOf are the loads of the system of that tool.
func loadsOf(x tool) []string {
	all := Stage().Systems
	i := slices.IndexFunc(all, func(s harness.System) bool { return s.Name == x.kind })
	if i < 0 { // ours
		return []string{first, second, verify}
	}
	return all[i].Loads
}

func TestACopyIsTheTree(t *testing.T) {
	x := tools()[slices.IndexFunc(tools(), func(x tool) bool { return x.kind == "cp" })]
	dir := filepath.Join(t.TempDir(), "place")
	require.NoError(t, os.Mkdir(dir, 0o700))
	_, err := x.drive(dir, harness.Turn{Load: first, Scale: tiny})
	require.NoError(t, err)
	p := placeOf(dir, tiny)
	want, got := map[string]file{}, map[string]file{}
	for from, into := range map[string]map[string]file{p.tree.dir: want, p.store: got} {
		for name, f := range look(t, from, map[[32]byte]bool{}) {
			short, err := filepath.Rel(from, name)
			require.NoError(t, err)
			into[short] = f
		}
	}
	require.Empty(t, cmp.Diff(want, got))
}

func TestAToolThatFailsIsAnErrorWithItsLastWords(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "place")
	require.NoError(t, os.Mkdir(dir, 0o700))
	broken := tool{kind: "broken", first: [][]string{{"sh", "-c", "echo words >&2; exit 3"}}}
	_, err := broken.drive(dir, harness.Turn{Load: first, Scale: tiny})
	require.ErrorContains(t, err, "exit status 3: words")
	missing := tool{kind: "missing", first: [][]string{{"no-such-program-is-here"}}}
	_, err = missing.drive(dir, harness.Turn{Load: first, Scale: tiny})
	require.ErrorIs(t, err, exec.ErrNotFound)
}

func TestEachLoadOfTheTreeIsProfiledInThisProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "place")
	require.NoError(t, os.Mkdir(dir, 0o700))
	for _, name := range []string{first, second, verify} {
		profile := filepath.Join(dir, name+".prof")
		r, err := tools()[0].drive(dir, harness.Turn{Load: name, Scale: tiny, Profile: profile})
		require.NoError(t, err)
		require.Positive(t, r.Rate)
		info, err := os.Stat(profile)
		require.NoError(t, err)
		require.Positive(t, info.Size())
	}
	left, err := filepath.Glob(filepath.Join(dir, "store*"))
	require.NoError(t, err)
	require.Empty(t, left, "its store is not the one that is measured")
	_, err = tools()[0].drive(dir, harness.Turn{Load: put, Scale: tiny, Profile: filepath.Join(dir, "x")})
	require.Error(t, err)
}
