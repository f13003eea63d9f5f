package head_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/head"
)

// hostile returns names that lead astray on some system.
func hostile() []string {
	names := []string{
		"", ".", "..", "../x", "../../etc/passwd", "/", "/etc/passwd", "//", "a/../../b", `..\x`, `C:\x`, "C:x",
		"~0", "lock", "floor", "head-main", "a.", "a ", " a", "a:b", "a*", "a?", "a|b", "a<b>", `a"b`, "%", "%2e", "%2e%2e%2fx",
		"%00", "a\x00b", "a\nb", "a\tb", "\x7f", "\x1b[2J", "\xff", "a\xc0\xaf", "\u202egnp", "\ufeffa", "\u200b", "\u00a0",
		"Main", "MAIN", "maın", "mаin", "ｍain", "é", "e\u0301", "K", "ſ", "ß", "ẞ", "🦀", strings.Repeat("x", 80), strings.Repeat("x", 81),
		strings.Repeat("/", 80), strings.Repeat("é", 40), strings.Repeat("é", 41), strings.Repeat("../", 26),
	}
	for _, device := range []string{"con", "prn", "aux", "nul", "com1", "lpt9", "conin$"} {
		names = append(names, device, strings.ToUpper(device), device+".txt", device+" ", device+"/x")
	}
	for c := range 128 {
		names = append(names, fmt.Sprintf("x%c", c), string([]byte{'x', byte(c) | 0x80}))
	}
	return names
}

func TestHostileNamesStayInTheDirectoryAndApart(t *testing.T) {
	root := t.TempDir()
	d, err := disk.OpenDir(filepath.Join(root, "data"))
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	blobs := blob.NewMemory()
	s, err := head.Open(disk.FS{Disk: d}, ".", blobs)
	require.NoError(t, err)
	ids := map[string]blob.ID{}
	for _, name := range hostile() {
		id, err := blobs.Put(blob.Raw, []byte(name))
		require.NoError(t, err)
		if head.CheckName(name) != nil {
			_, err = s.Set(name, head.None, id)
			require.ErrorIs(t, err, head.ErrBadName, "%q", name)
			continue
		}
		if _, twice := ids[name]; !twice {
			_, err = s.Set(name, head.None, id)
			require.NoError(t, err, "%q", name)
		}
		ids[name] = id
	}
	heads, err := s.List()
	require.NoError(t, err)
	got := map[string]blob.ID{}
	for _, h := range heads {
		got[h.Name] = h.ID
	}
	require.Empty(t, cmp.Diff(ids, got))
	require.NoError(t, s.Close())
	requireLegal(t, root, len(ids))
}

// requireLegal demands that a directory holds nothing but its "data", with one file more
// than heads, whose names are legal and differ on every system.
func requireLegal(t *testing.T, root string, heads int) {
	t.Helper()
	above, err := os.ReadDir(root)
	require.NoError(t, err)
	require.Len(t, above, 1)
	files, err := os.ReadDir(filepath.Join(root, "data"))
	require.NoError(t, err)
	require.Len(t, files, heads+1)
	folded := map[string]bool{}
	for _, f := range files {
		require.NoError(t, disk.CheckName(f.Name()))
		folded[strings.ToLower(f.Name())] = true
	}
	require.Len(t, folded, heads+1)
}

func TestCheckNameTellsWhatIsWrong(t *testing.T) {
	for name, want := range map[string]string{
		"":                      "empty",
		strings.Repeat("x", 81): "81 bytes, want at most 80",
		"\xff":                  "UTF-8",
		"a\nb":                  `'\n'`,
		"\u202egnp":             "printed",
	} {
		err := head.CheckName(name)
		require.ErrorIs(t, err, head.ErrBadName)
		require.ErrorContains(t, err, want)
	}
	for _, name := range []string{"main", "tag/v1.0", "Größe", "a b", "..", strings.Repeat("x", 80)} {
		require.NoError(t, head.CheckName(name), name)
	}
}
