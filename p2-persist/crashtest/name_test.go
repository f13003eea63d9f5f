package crashtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/common/house/tally"
	"dss.example/p2-persist/dir"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
)

// hostileNames returns names that lead out of a directory, or to another file than they
// seem to, on some system or for some program. outside is a path that is not to be made.
func hostileNames(outside string) []string {
	names := []string{
		"", ".", "/", "//", "~", "~root", "~/x", "-", "-rf", "$HOME", "`x`", "*", "?", "a.", "a ", " a", "a:", "a:b", "C:x", `C:\x`,
		`\\host\share`, `\\?\C:\x`, "file:///x", "lock", "floor", "Main", "MAIN", "mаin", "ｍain", "maın", "é", "e\u0301", "K", "ß", "🦀",
		"\ufeffa", "\u200b", "\u00a0", "\u202egnp.exe", "a\u2028b", "\xff", "a\xc0\xaf", "\xed\xa0\x80", "a\xf8\x88\x80\x80\x80",
		outside, "/" + outside, outside + "/", "." + outside, "link-out/escaped", "link-out/../escaped", "link-out", "link-up/escaped",
	}
	for _, device := range []string{"con", "prn", "aux", "nul", "com1", "com¹", "lpt9", "conin$", "conout$"} {
		names = append(names, device, strings.ToUpper(device), device+".txt", device+" .x", "x/"+device)
	}
	for c := range 0x20 {
		names = append(names, fmt.Sprintf("a%cb", c))
	}
	for _, length := range []int{80, 81, 255, 256, 1023, 1024, 1025, 4096, 1 << 16} {
		names = append(names, strings.Repeat("n", length), strings.Repeat("../", length/3))
	}
	for _, up := range []string{
		"..", "../..", "../../../../../../../..", "...", ". .", ".. ", " ..", "..;", "..\x00", "%2e%2e", "%252e%252e", "．．", "․․", "\u200b..",
	} {
		for _, slash := range []string{"/", "//", "/./", `\`, "%2f", "%5c", "∕", "／"} {
			names = append(names, up+slash+"escaped", "x"+slash+up+slash+up+slash+"escaped", slash+up, up+slash)
		}
	}
	return names
}

// sandbox is a directory with a file that must stay as it is and a directory in which all
// must stay, with symbolic links in it that lead out.
type sandbox struct{ top, inside string }

const precious = "precious"

func newSandbox(t *testing.T) sandbox {
	t.Helper()
	top := t.TempDir()
	s := sandbox{top, filepath.Join(top, "inside")}
	require.NoError(t, os.WriteFile(filepath.Join(top, precious), []byte(precious), 0o600))
	require.NoError(t, os.Mkdir(s.inside, 0o755))
	require.NoError(t, os.Symlink(top, filepath.Join(s.inside, "link-out")))
	require.NoError(t, os.Symlink("..", filepath.Join(s.inside, "link-up")))
	return s
}

func (s sandbox) outside() string { return filepath.Join(s.top, "escaped") }

// requireNothingEscaped demands that all is inside.
func (s sandbox) requireNothingEscaped(t *testing.T, name string) {
	t.Helper()
	entries, err := os.ReadDir(s.top)
	require.NoError(t, err)
	require.Len(t, entries, 2, "%q", name)
	b, err := os.ReadFile(filepath.Join(s.top, precious))
	require.NoError(t, err)
	require.Equal(t, precious, string(b), "%q", name)
}

// requireOnly demands that an error is one of those that are promised, or none.
func requireOnly(t *testing.T, name string, err error, promised ...error) {
	t.Helper()
	if err == nil || slices.ContainsFunc(promised, func(p error) bool { return errors.Is(err, p) }) {
		return
	}
	require.NoError(t, err, "%q", name)
}

// requireTold demands besides that a refusal says why, in few words, and shows nobody's
// terminal a stranger's name as it is.
func requireTold(t *testing.T, name string, err error, promised ...error) {
	t.Helper()
	requireOnly(t, name, err, promised...)
	if err == nil {
		return
	}
	text := err.Error()
	require.Contains(t, text, ": ", "%q: why?", name)
	require.Less(t, len(text), 2<<10, "%q", name)
	odd := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
	require.Negative(t, odd, "%q: %q", name, text)
}

// each tries every hostile name at one door.
func (s sandbox) each(t *testing.T, try func(name string)) {
	t.Helper()
	names := hostileNames(s.outside())
	require.GreaterOrEqual(t, len(names), 300)
	for _, name := range names {
		try(name)
		s.requireNothingEscaped(t, name)
	}
	tally.Add(t, "badinputs", len(names))
}

func TestNoNameOfAFileLeadsOutOfTheDisk(t *testing.T) {
	s := newSandbox(t)
	d, err := disk.OpenDir(s.inside)
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	files := disk.FS{Disk: d}
	require.NoError(t, files.Replace("moved", []byte("moved")))
	s.each(t, func(name string) {
		refusals := []error{disk.BadName, disk.NotFound, disk.Exists, disk.WrongKind}
		f, err := files.Create(name)
		requireTold(t, name, err, refusals...)
		if err == nil {
			require.NoError(t, disk.CheckName(name))
			require.NoError(t, f.Close())
			require.NoError(t, files.Remove(name))
		}
		requireTold(t, name, files.MakeAll(name), refusals...)
		_, err = files.List(name)
		requireTold(t, name, err, refusals...)
		err = files.Rename("moved", name)
		requireTold(t, name, err, append(refusals, disk.BadCall)...)
		if err == nil {
			require.NoError(t, files.Rename(name, "moved"))
		}
	})
}

func TestNoNameOfAHeadOrATagLeadsOut(t *testing.T) {
	s := newSandbox(t)
	p, closeAll := openReal(t, s.inside)
	defer closeAll()
	id, err := history.Save(p.Blobs, history.Snapshot{Root: blob.Sum(blob.Raw, bytesOf(1)), Time: 1, Author: "a"})
	require.NoError(t, err)
	require.NoError(t, p.Blobs.Sync())
	s.each(t, func(name string) {
		_, err := p.Heads.Set(name, head.None, id)
		requireTold(t, name, err, head.ErrBadName, head.ErrConflict)
		if err == nil {
			h, err := p.Heads.Get(name)
			require.NoError(t, err)
			require.Equal(t, name, h.Name)
		}
		requireTold(t, name, p.History().Tag(name, id), history.ErrBadName)
	})
}

// openReal opens a store in a directory of the system.
func openReal(t *testing.T, path string) (*place, func()) {
	t.Helper()
	d, err := disk.OpenDir(path)
	require.NoError(t, err)
	p, _, err := open(d)
	require.NoError(t, err)
	return p, func() { require.NoError(t, p.close()) }
}

func TestNoNameIsTakenForThatOfABlob(t *testing.T) {
	s := newSandbox(t)
	s.each(t, func(name string) {
		_, err := blob.Parse(name)
		require.Error(t, err)
		requireTold(t, name, err, blob.ErrBadID)
		require.ErrorContains(t, err, "want")
	})
}

// entry writes a directory by hand, for Save would refuse it.
func entry(t *testing.T, store blob.Store, name string, fields map[string]any) blob.ID {
	t.Helper()
	stand := strings.Repeat("N", len(name)) // of the same length, but UTF-8
	fields["name"] = stand
	b, err := object.Encode(map[string]any{"v": 1, "kind": "dir", "entries": []map[string]any{fields}})
	require.NoError(t, err)
	id, err := store.Put(blob.DAGCBOR, bytes.Replace(b, []byte(stand), []byte(name), 1))
	require.NoError(t, err)
	return id
}

func TestNoNameInADirectoryLeadsOutOfWhereItIsRestored(t *testing.T) {
	s := newSandbox(t)
	to, err := os.OpenRoot(s.inside)
	require.NoError(t, err)
	defer to.Close()
	store := blob.NewMemory()
	contents, err := dir.Save(store, nil)
	require.NoError(t, err)
	s.each(t, func(name string) {
		for _, fields := range []map[string]any{
			{"kind": "dir", "mode": 0o755, "mtime": 1, "link": contents},
			{"kind": "symlink", "target": "x"},
		} {
			id := entry(t, store, name, fields)
			for _, existing := range []dir.Existing{dir.Refuse, dir.Keep, dir.Replace} {
				_, err := dir.Restore(context.Background(), store, id, to, dir.RestoreOptions{Existing: existing})
				requireOnly(t, name, err, dir.ErrIncomplete, dir.ErrMalformed)
			}
		}
		requireNoWayOut(t, s, to, name)
	})
}

// requireNoWayOut restores a symbolic link with a hostile target and a file through it.
func requireNoWayOut(t *testing.T, s sandbox, to *os.Root, target string) {
	t.Helper()
	store := blob.NewMemory()
	below, err := dir.Save(store, []dir.Entry{{Name: "escaped", Kind: dir.Symlink, Target: "x"}})
	require.NoError(t, err)
	link, err := dir.Save(store, []dir.Entry{{Name: "way", Kind: dir.Symlink, Target: target}})
	if err != nil {
		requireTold(t, target, err, dir.ErrEntry)
		return
	}
	through, err := dir.Save(store, []dir.Entry{{Name: "way", Kind: dir.Dir, Mode: 0o755, Link: below}})
	require.NoError(t, err)
	for _, anySymlink := range []bool{false, true} {
		for _, id := range []blob.ID{link, through} {
			_, err := dir.Restore(context.Background(), store, id, to, dir.RestoreOptions{AnySymlink: anySymlink})
			requireOnly(t, target, err, dir.ErrIncomplete)
			s.requireNothingEscaped(t, target)
		}
		require.NoError(t, to.RemoveAll("way"))
	}
}
