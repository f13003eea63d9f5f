package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/daemon/cli"

	"dss.example/p2-persist/head"
)

func TestHelpGoesToTheStandardOutputWithAnExample(t *testing.T) {
	t.Parallel()
	verbs := []string{"blob"}
	for _, v := range command().Verbs {
		verbs = append(verbs, "blob "+v.Name)
	}
	d := newDesk(t)
	for _, verb := range verbs {
		r := d.run(append(strings.Fields(verb)[1:], "-h")...)
		require.Zero(t, r.code, verb)
		require.Empty(t, r.err, verb)
		require.True(t, strings.HasPrefix(r.out, verb+": "), r.out)
		require.Contains(t, r.out, "\nusage: "+verb)
		require.Contains(t, r.out, "\nexample:\n  blob ", verb)
		for line := range strings.Lines(r.out) {
			require.LessOrEqual(t, len(line), 180, line)
		}
	}
	require.NoDirExists(t, d.path("store"))
}

func TestWithoutAStoreBlobSaysWhichToName(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.unset = true
	for _, args := range [][]string{{"ls"}, {"put", "x"}, {"snapshot", "."}, {"fsck"}} {
		require.NoError(t, writeAt(d.dir, "x", nil, epoch))
		r := d.run(args...)
		require.Equal(t, 2, r.code)
		require.Equal(t, "blob "+args[0]+": flag -store is missing: want the store's directory, by it or by $BLOB_STORE\n", r.err)
	}
}

// many makes a tree of n small files in directories of 100.
func (d *desk) many(tree string, n int) {
	d.t.Helper()
	for i := range n {
		dir := d.path(fmt.Sprintf("%s/d%03d", tree, i/100))
		if i%100 == 0 {
			require.NoError(d.t, os.MkdirAll(dir, 0o755))
		}
		name := fmt.Sprintf("%s/f%05d", dir, i)
		require.NoError(d.t, os.WriteFile(name, fmt.Appendf(nil, "file %d, as it was at first\n", i), 0o644))
		require.NoError(d.t, os.Chtimes(name, epoch, epoch))
	}
}

func TestTenThousandFilesThereAndBack(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.many("tree", 10_000)
	first := listing(t, d.path("tree"))
	d.done("snapshot", "-time", "2026-01-02T10:00:00Z", "-m", "first", "tree")
	for i := 0; i < 10_000; i += 1000 { // one in a thousand changes
		name := d.path(fmt.Sprintf("tree/d%03d/f%05d", i/100, i))
		require.NoError(t, os.WriteFile(name, []byte("changed\n"), 0o644))
	}
	require.NoError(t, os.RemoveAll(d.path("tree/d099")))
	second := listing(t, d.path("tree"))
	var took taken
	require.NoError(t, json.Unmarshal([]byte(d.done("snapshot", "-json", "-m", "second", "tree")), &took))
	require.EqualValues(t, 9900, took.Files)
	require.EqualValues(t, 10*len("changed\n"), took.Read, "only what has changed is read")
	require.Less(t, took.Stored, int64(200_000))

	log := strings.Split(strings.TrimSpace(d.done("log", "-short")), "\n")
	require.Len(t, log, 2)
	require.Equal(t, "+ 0 (0 B), - 101 (2.9 KiB), M 10 (80 B)\n", d.done("diff", "-stat", "main~1", "main"))
	d.done("get", "-at", "2026-01-03", "-o", "one", "main:d001/f00123")
	info, err := os.Stat(d.path("one"))
	require.NoError(t, err)
	require.True(t, epoch.Equal(info.ModTime()), info.ModTime())
	d.done("restore", "-at", "2026-01-03", "main", "then")
	require.Empty(t, cmp.Diff(first, listing(t, d.path("then"))))
	r := d.run("restore", "main", "tree")
	require.Equal(t, result{err: "9900 files, 288.7 KiB: 0 B written\n"}, r, "every byte and time is as it is on the disk")
	require.Empty(t, cmp.Diff(second, listing(t, d.path("tree"))))
	require.Contains(t, d.done("verify"), ": 0 damaged\n")

	d.done("export", "-o", "all.car", "main")
	require.Equal(t, strings.Fields(log[0])[0], d.id("-store", d.path("other"), "import", "-branch", "main", "all.car"))
	require.Equal(t, d.done("log"), d.done("-store", d.path("other"), "log"))
	require.Equal(t, d.done("stats"), d.done("-store", d.path("other"), "stats"), "it holds the same blobs")

	d.done("branch", "-move", "main", "main~1")
	require.Contains(t, d.done("gc", "-live", "1"), " deleted (")
	d.done("restore", "main", "then")
	require.Empty(t, cmp.Diff(first, listing(t, d.path("then"))))
	require.Contains(t, d.done("fsck"), ": healthy\n")
}

func TestADurationAgoIsCountedFromNow(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	require.NoError(t, writeAt(d.dir, "tree/a", []byte("old"), epoch))
	for i, text := range []string{"old", "new"} {
		require.NoError(t, writeAt(d.dir, "tree/a", []byte(text), epoch.Add(time.Duration(i)*time.Hour)))
		past := time.Now().Add(time.Duration(2*i-3) * time.Hour).Format(time.RFC3339)
		d.done("snapshot", "-time", past, "tree")
	}
	for _, args := range [][]string{{"-at", "2h", "main:a"}, {"-at=-2h", "main:a"}, {"main@-2h:a"}, {"main@{2h ago}:a"}, {"main~:a"}} {
		require.Equal(t, "old", d.done(append([]string{"cat"}, args...)...), "%q", args)
	}
	require.Equal(t, "new", d.done("cat", "-at", "30m", "main:a"))
	r := d.run("cat", "-at", "1d", "main:a")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "the first snapshot is of ")
}

func TestHolesStayHoles(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	f, err := os.Create(d.path("sparse"))
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("end"), 64<<20)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	d.done("put", "-head", "sparse", "sparse")
	require.Less(t, strings.Count(d.done("dump", "-hex", "sparse"), "link to"), 3, "zeros are not stored")
	d.done("get", "-o", "copy", "sparse")
	want, err := os.ReadFile(d.path("sparse"))
	require.NoError(t, err)
	got, err := os.ReadFile(d.path("copy"))
	require.NoError(t, err)
	require.True(t, string(want) == string(got))
	require.Equal(t, string(want), d.done("cat", "sparse"))
}

func TestProgressIsToldOnTheStandardErrorIfWanted(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.small(3)
	r := d.run("snapshot", "-progress", "tree")
	require.Regexp(t, `^blob: 1 file, 19.5 KiB, 19.5 KiB of it read\n`, r.err)
	require.Len(t, strings.Split(r.out, "\n"), 2)
	for _, args := range [][]string{
		{"verify"},
		{"gc"},
		{"restore", "main", "out"},
		{"export", "-o", "x.car", "main"},
		{"import", "x.car"},
		{"get", "-o", "one", "main:a000"},
		{"fsck"},
		{"put", "x.car"},
	} {
		loud, quiet := d.run(append(args, "-progress")...), result{}
		require.Zero(t, loud.code, "%q: %+v", args, loud)
		require.Contains(t, loud.err, "blob: ", "%q", args)
		require.NoError(t, os.RemoveAll(d.path("out")))
		require.NoError(t, os.RemoveAll(d.path("one")))
		quiet = d.run(args...)
		require.Equal(t, quiet.out, loud.out, "%q", args)
		require.NotContains(t, quiet.err, "blob: ", "%q", args)
		require.NoError(t, os.RemoveAll(d.path("one")))
	}
}

func TestSizesAreReadAndPrintedInTheirUnits(t *testing.T) {
	t.Parallel()
	people, programs := &app{}, &app{exact: true}
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1 << 20: "1.0 MiB", 5 << 30: "5.0 GiB", 1 << 62: "4.0 EiB",
	} {
		require.Equal(t, want, people.size(n))
		require.Equal(t, fmt.Sprint(n), programs.size(n))
	}
	for text, want := range map[string]rateValue{
		"7": 7, "7B": 7, "7K": 7 << 10, "7KiB": 7 << 10, "7KB": 7000, "50MB": 50e6, "50M": 50 << 20, "2G": 2 << 30, "2GB": 2e9,
	} {
		var r rateValue
		require.NoError(t, r.Set(text), text)
		require.Equal(t, want, r, text)
	}
	for _, text := range []string{"", "0", "-1", "MB", "1TB", "1 MB", "1.5MB", "99999999999G", "1iB", "1KK"} {
		require.Error(t, new(rateValue).Set(text), text)
	}
}

func TestAfterAFailedWriteOfANameTheOutcomeIsUnknown(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	s := &store{Std: cli.Std{Err: &said}}
	err := s.settle(t.Context(), fmt.Errorf("branch: %w", head.ErrFailed), func() error { return nil })
	require.Equal(t, cli.Unknown, cli.Code(err))
	err = s.settle(t.Context(), blob.ErrFailed, func() error { return nil })
	require.Equal(t, cli.NotDone, cli.Code(err), "no name was touched yet")
	err = s.settle(t.Context(), nil, func() error { return blob.ErrFailed })
	require.Equal(t, cli.NotDone, cli.Code(err), "what could not be closed is told")
	require.Empty(t, said.String())
}

func TestATerminalSeesOneLineThatIsDrawnAgainAndWiped(t *testing.T) {
	t.Parallel()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a device, as a terminal is
	require.NoError(t, err)
	defer null.Close()
	s := &store{app: &app{}, Std: cli.Std{Err: null}}
	var seen strings.Builder
	p := s.progress()
	require.Equal(t, null, p.w)
	p.w = &seen
	for range 3 {
		p.show(func() string { return "1 file" })
		p.next = epoch // as if time went by
	}
	p.done()
	require.Equal(t, strings.Repeat("\r\x1b[K1 file", 3)+"\r\x1b[K", seen.String())

	s.Err = &seen
	p = s.progress()
	p.show(func() string { panic("nobody wants to know") })
	p.done()
}
