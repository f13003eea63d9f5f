package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"

	"dss.example/p2-persist/car"
	"dss.example/p2-persist/datadir"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
	"dss.example/p2-persist/pack"
)

// endless makes a tree with some files, and one behind them that takes minutes to read:
// zeros that no disk holds.
func (d *desk) endless() {
	d.small(40)
	d.t.Helper()
	f, err := os.Create(d.path("tree/z"))
	require.NoError(d.t, err)
	require.NoError(d.t, f.Truncate(1<<40))
	require.NoError(d.t, f.Close())
}

func (d *desk) small(n int) {
	d.t.Helper()
	for i := range n {
		name := fmt.Sprintf("tree/a%03d", i)
		require.NoError(d.t, writeAt(d.dir, name, noise(name, 20_000), epoch))
	}
}

func TestAKilledSnapshotLosesNothingAndIsTakenAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.small(10)
	first := d.id("snapshot", "tree")
	before := listing(t, d.path("tree"))
	for range 3 {
		d.endless()
		p := d.start("snapshot", "-progress", "-full", "tree")
		require.Contains(t, p.line(), "file", "it is in the middle")
		p.signal(syscall.SIGKILL)
		require.Equal(t, -1, p.wait().code)
		require.Equal(t, first, strings.Fields(d.done("log", "-short"))[0])
		require.Contains(t, d.done("verify"), ": 0 damaged")
	}
	d.done("restore", first, "out")
	require.Empty(t, cmp.Diff(before, listing(t, d.path("out"))))

	require.NoError(t, os.Remove(d.path("tree/z")))
	d.done("snapshot", "tree")
	d.done("restore", "main", "again")
	require.Empty(t, cmp.Diff(listing(t, d.path("tree")), listing(t, d.path("again"))))
}

func TestAnInterruptedSnapshotSaysWhatIsKeptAndGoesOn(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		d := newDesk(t)
		d.endless()
		p := d.start("snapshot", "-progress", "tree")
		require.Contains(t, p.line(), "file")
		p.signal(signal)
		r := p.wait()
		require.Equal(t, interrupted, r.code, "%+v", r)
		require.Empty(t, r.out)
		require.Contains(t, r.err, "blob: interrupted; what was stored is kept, branch main has not moved: the same command goes on from there\n")
		require.Empty(t, d.done("branch"))

		require.NoError(t, os.Remove(d.path("tree/z")))
		var took taken
		require.NoError(t, json.Unmarshal([]byte(d.done("snapshot", "-json", "tree")), &took))
		require.Positive(t, took.Dedups, "what was stored is not stored again")
		require.EqualValues(t, 40, took.Files)
	}
}

func TestAnInterruptWakesWhoWaitsForInput(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p := d.start("put", "-progress", "-head", "notes", "-")
	_, err := p.in.Write(make([]byte, 1<<16))
	require.NoError(t, err)
	require.Contains(t, p.line(), "read")
	p.signal(os.Interrupt)
	r := p.wait()
	require.Equal(t, interrupted, r.code)
	require.Contains(t, r.err, "blob: interrupted; no name has changed\n")
	require.Empty(t, d.done("head"))
}

func TestTwoProgramsNeverUseOneStore(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p := d.start("put", "-progress", "-")
	_, err := io.WriteString(p.in, "first ")
	require.NoError(t, err)
	require.Contains(t, p.line(), "read")
	for _, args := range [][]string{{"ls"}, {"put", "-"}, {"gc"}, {"fsck"}, {"serve"}} {
		r := d.run(args...)
		require.Equal(t, 1, r.code)
		require.Equal(t, fmt.Sprintf("blob %s: -store %s: another program uses it: want to wait until that ends\n", args[0], d.path("store")), r.err)
	}
	_, err = io.WriteString(p.in, "second")
	require.NoError(t, err)
	require.NoError(t, p.in.Close())
	r := p.wait()
	require.Zero(t, r.code)
	require.Equal(t, "first second", d.done("cat", strings.TrimSpace(r.out)))
}

// with lets fn use the store as a program would.
func (d *desk) with(fn func(*datadir.Store)) {
	d.t.Helper()
	on, err := disk.OpenDir(d.path("store"))
	require.NoError(d.t, err)
	s, err := datadir.OpenStore(on, pack.Options{})
	require.NoError(d.t, err)
	fn(s)
	require.NoError(d.t, s.Close())
}

// hostile makes a branch of one snapshot, of a directory that was written by hand.
func (d *desk) hostile(branch string, entry map[string]any) {
	d.t.Helper()
	d.with(func(s *datadir.Store) {
		contents, err := s.Blobs.Put(blob.Raw, []byte("mine"))
		require.NoError(d.t, err)
		if entry["kind"] == "file" {
			entry["link"], entry["size"] = contents, 4
		}
		root, err := object.Save(s.Blobs, map[string]any{"v": 1, "kind": "dir", "entries": []any{entry}})
		require.NoError(d.t, err)
		_, err = s.History().Commit(branch, history.Snapshot{Root: root, Time: 1})
		require.NoError(d.t, err)
	})
}

func TestNoNameFromTheStoreLeadsOut(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.hostile("good", map[string]any{"name": "good", "kind": "file", "mode": 0o644})
	require.Equal(t, "mine", d.done("cat", "good:good"), "but for the name all is as it should be")
	names := []string{"..", ".", "../escape", "/escape", "a/b", "a/../../escape", "", strings.Repeat("x", 256)}
	for i, name := range names {
		branch := fmt.Sprint("b", i)
		d.hostile(branch, map[string]any{"name": name, "kind": "file", "mode": 0o644})
		for _, args := range [][]string{
			{"restore", "-existing", "replace", branch, "out"}, {"ls", branch}, {"tree", branch}, {"cat", branch + ":" + name},
		} {
			r := d.run(args...)
			require.NotZero(t, r.code, "%q", args)
			require.NotContains(t, r.out, "mine")
		}
		require.Empty(t, listing(t, d.path("out")), "%q", name)
		require.Equal(t, []string{"out", "store"}, d.names(), "%q", name)
	}
}

// names returns what stands in the folder.
func (d *desk) names() (names []string) {
	list, err := os.ReadDir(d.dir)
	require.NoError(d.t, err)
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestARestoreFollowsNoSymbolicLinkOut(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.hostile("link", map[string]any{"name": "out", "kind": "symlink", "target": "../secret"})
	r := d.run("restore", "link", "target")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "symbolic link could lead out")
	d.done("restore", "-any-symlink", "link", "target")

	require.NoError(t, writeAt(d.dir, "tree/out/file", []byte("new"), epoch))
	require.NoError(t, os.Mkdir(d.path("secret"), 0o755))
	d.done("snapshot", "tree")
	r = d.run("restore", "main", "target")
	require.Equal(t, 1, r.code)
	require.Empty(t, listing(t, d.path("secret")), "the link that was there was not followed")
	d.done("restore", "-existing", "replace", "main", "target")
	require.Empty(t, listing(t, d.path("secret")))
	require.Equal(t, "new", string(must(os.ReadFile(d.path("target/out/file")))))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestNamesThatWouldSteerATerminalAreQuoted(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	evil := "\x1b[31mred\nline\u202e"
	require.NoError(t, writeAt(d.dir, "tree/"+evil, []byte("x"), epoch))
	require.NoError(t, os.Symlink(evil, d.path("tree/link")))
	d.done("snapshot", "-m", "evil \x1b[31m\nmessage", "tree")
	for _, args := range [][]string{{"ls"}, {"ls", "-l"}, {"tree"}, {"log"}, {"log", "-short"}, {"dump", "main:"}, {"diff", "main", "main"}} {
		out := d.done(args...)
		require.NotContains(t, out, "\x1b", "%q", args)
		require.NotContains(t, out, "\u202e", "%q", args)
	}
	require.Contains(t, d.done("ls"), `"\x1b[31mred\nline\u202e"`)
	var e entryJSON
	require.NoError(t, json.Unmarshal([]byte(strings.SplitAfter(d.done("ls", "-json"), "\n")[0]), &e))
	require.Equal(t, evil, e.Path)
}

func TestAFlippedBitIsFoundAndHealedByAnotherSnapshot(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.small(3)
	d.done("snapshot", "tree")
	id := strings.Fields(d.done("ls", "-json", "main:a001"))[0]
	var e entryJSON
	require.NoError(t, json.Unmarshal([]byte(id), &e))
	d.flipIn(noise("tree/a001", 20_000)[5000:5100])

	r := d.run("verify")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.out, "damaged  "+e.ID.String()+"\n")
	require.Contains(t, r.out, ": 1 damaged\n")
	r = d.run("verify", "-json")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.out, fmt.Sprintf(`"damaged":[%q]`, e.ID))
	r = d.run("fsck")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.out, "damaged blob branch/main:a001 "+e.ID.String())
	require.Equal(t, r.out, d.run("fsck", "-mend").out, "nobody but the owner has its bytes")
	r = d.run("cat", "main:a001")
	require.Equal(t, 1, r.code)
	require.Empty(t, r.out, "no wrong byte is printed")
	r = d.run("restore", "main", "out")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "a001")
	require.Len(t, listing(t, d.path("out")), 2, "the others are there")
	require.Equal(t, 1, d.run("export", "-o", "x.car", "main").code)
	require.NoFileExists(t, d.path("x.car"))
	require.NoFileExists(t, d.path("x.car.blob-part"))
	require.Equal(t, 1, d.run("get", "-o", "x", "main:a001").code)
	require.NoFileExists(t, d.path("x"))
	require.NoFileExists(t, d.path("x.blob-part"))

	d.done("snapshot", "-full", "tree")
	require.Contains(t, d.done("verify"), ": 0 damaged\n")
	require.Equal(t, 1, d.run("fsck").code, "the damaged record is still there")
	d.done("fsck", "-mend")
	d.done("fsck")
	d.done("restore", "main", "out")
	require.Empty(t, cmp.Diff(listing(t, d.path("tree")), listing(t, d.path("out"))))
}

func TestADamagedDirectoryIsHealedByAFullSnapshot(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.small(2)
	d.done("snapshot", "tree")
	d.flipIn([]byte("da001"))
	r := d.run("snapshot", "tree")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "blob is damaged")
	require.Contains(t, r.err, ": want -full, which does not ask the snapshot before\n")
	d.done("snapshot", "-full", "tree")
	require.Equal(t, "a000\na001\n", d.done("ls"))
}

// flipIn flips a bit of some bytes, wherever a pack has them.
func (d *desk) flipIn(some []byte) {
	d.t.Helper()
	packs, err := filepath.Glob(d.path("store/blobs/pack-*"))
	require.NoError(d.t, err)
	for _, file := range packs {
		if i := strings.Index(string(must(os.ReadFile(file))), string(some)); i >= 0 {
			require.NoError(d.t, flip(file, i))
			return
		}
	}
	require.Fail(d.t, "no pack has them")
}

func TestNoNameLeadsToAnImportThatIsNotWhole(t *testing.T) {
	t.Parallel()
	for name, missing := range map[string]func(blob.ID) bool{
		"raw bytes":   func(id blob.ID) bool { return id.Codec() == blob.Raw },
		"a directory": func(id blob.ID) bool { return id.Codec() == blob.DAGCBOR },
	} {
		d := newDesk(t)
		d.small(2)
		tip := must(blob.Parse(d.id("snapshot", "tree")))
		d.with(func(s *datadir.Store) {
			f, err := os.Create(d.path("part.car"))
			require.NoError(t, err)
			_, err = car.Export(f, s.Blobs, []blob.ID{tip}, func(yield func(blob.ID, error) bool) {
				for id, err := range s.History().Mark() {
					if (id == tip || !missing(id)) && !yield(id, err) {
						return
					}
				}
			})
			require.NoError(t, errors.Join(err, f.Close()))
		})
		r := d.run("-store", d.path("other"), "import", "-branch", "main", "part.car")
		require.Equal(t, 1, r.code, name)
		require.Contains(t, r.err, "all blobs of the CAR are stored, but ", name)
		require.Empty(t, d.done("-store", d.path("other"), "branch"))
	}
}

func TestADamagedHeadStopsTheCollectorAndCanBeTakenAway(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.small(2)
	d.done("snapshot", "tree")
	d.done("tag", "v1")
	heads := must(filepath.Glob(d.path("store/heads/head-branch*")))
	require.Len(t, heads, 1)
	require.NoError(t, flip(heads[0], 10))
	for _, args := range [][]string{{"gc"}, {"branch"}, {"snapshot", "tree"}, {"ls"}} {
		r := d.run(args...)
		require.Equal(t, 1, r.code, "%q", args)
		require.Contains(t, r.err, "head is damaged")
	}
	require.Equal(t, 1, d.run("fsck").code)
	d.done("head", "-delete", "branch/main")
	d.done("branch", "main", "v1")
	d.done("gc")
	require.Contains(t, d.done("ls"), "a000\n")
}

func TestWhatCannotBeKeptIsListedAndLeftOutIfWanted(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.small(2)
	deep := "tree/" + strings.Repeat("d/", 300)
	require.NoError(t, os.MkdirAll(d.path(deep), 0o755))
	r := d.run("snapshot", "tree")
	require.Equal(t, 1, r.code)
	require.Empty(t, r.out)
	require.Contains(t, r.err, "more than 256 directories in each other\n")
	require.Contains(t, r.err, "1 path could not be read: want -exclude for it, or -skip-errors\n")
	require.Empty(t, d.done("branch"))
	d.done("snapshot", "-skip-errors", "tree")
	require.Equal(t, "a000\na001\nd/\n", d.done("ls"))
}

func TestServingEndsInOrderAtASignal(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.small(1)
	d.done("snapshot", "tree")
	p := d.start("serve", "-listen", "127.0.0.1:0")
	url, ok := strings.CutPrefix(p.printed(), "blob serving on ")
	require.True(t, ok)
	get := func(path string) (int, string) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		req := must(http.NewRequestWithContext(ctx, http.MethodGet, url+path, nil))
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		return resp.StatusCode, string(must(io.ReadAll(resp.Body)))
	}
	code, body := get("at/main/a000")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, string(noise("tree/a000", 20_000)), body)
	http.DefaultClient.CloseIdleConnections()
	p.signal(syscall.SIGTERM)
	require.Zero(t, p.wait().code)
	require.Contains(t, d.done("ls"), "a000", "the store is free again")
}
