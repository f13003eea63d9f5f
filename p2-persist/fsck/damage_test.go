package fsck_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/checkpoint"
	"dss.example/p2-persist/datadir"
	"dss.example/p2-persist/dir"
	"dss.example/p2-persist/durable"
	"dss.example/p2-persist/fsck"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
	"dss.example/p2-persist/pack"
	"dss.example/p2-persist/tree"
)

func TestDamagedBlobIsNamedWithTheWayToIt(t *testing.T) {
	for name, c := range map[string]struct {
		spoil []byte
		want  []string
	}{
		"file":          {text(1, 600), []string{"damaged blob|branch/main:a.txt"}},
		"file below":    {text(5, 500), []string{"damaged blob|branch/main:doc/new"}},
		"part of large": {text(3, 1024), []string{"damaged blob|branch/main:doc/large"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := library(t)
			r.flip(c.spoil)
			report := r.check()
			require.False(t, report.IsHealthy())
			at := report.Findings[0]
			require.Equal(t, fsck.BadRecord, at.Kind)
			require.Regexp(t, `^blobs/pack-000000000\d at byte \d+$`, at.Where)
			require.Equal(t, blob.Sum(blob.Raw, c.spoil), at.ID)
			require.Equal(t, at.ID, report.Findings[1].ID)
			requireFound(t, report, append(c.want, "damaged record|"+at.Where)...)
			requireFound(t, r.mend(), append(c.want, "damaged record|"+at.Where)...)
		})
	}
}

func TestDamagedBlobThatOnlyThePastHasIsNamedByTheSnapshotBefore(t *testing.T) {
	r := newRoom(t)
	r.with(func() {
		r.snapshot("main", files())
		r.snapshot("main", fstest.MapFS{"a.txt": {Data: text(1, 600), Mode: 0o644}})
		r.snapshot("main", fstest.MapFS{})
	})
	r.flip(text(2, 700))
	r.flip(text(1, 600))
	report := r.check()
	where := []string{}
	for _, f := range report.Findings {
		if f.Kind == fsck.DamagedBlob {
			where = append(where, f.Where)
		}
	}
	require.ElementsMatch(t, []string{"branch/main~1:a.txt", "branch/main~2:doc/b.txt"}, where)
}

func TestDamagedBlobToWhichNothingLeadsIsDeleted(t *testing.T) {
	r := library(t)
	r.with(func() { r.put(text(77, 300)); r.put(text(78, 300)) })
	r.flip(text(77, 300))
	report := r.check()
	record := report.Findings[0].Where
	requireFound(t, report, "damaged record|"+record+"|mend", "damaged blob||mend", "unreachable blobs|")
	mended := r.mend()
	requireFound(t, mended, "unreachable blobs|")
	require.True(t, mended.IsHealthy())
	require.Equal(t, []string{"damaged record|" + record + "|mend", "damaged blob||mend"}, found(mended.Mended))
	r.with(func() {
		_, err := r.Blobs.Get(blob.Sum(blob.Raw, text(77, 300)))
		require.ErrorIs(t, err, blob.ErrNotFound)
	})
}

func TestDamagedObjectLeavesUnknownWhatIsNeededAndNothingIsDeleted(t *testing.T) {
	r := library(t)
	var root []byte
	r.with(func() {
		s, err := history.Load(r.Blobs, tip(r, "branch/main"))
		require.NoError(t, err)
		root, err = r.Blobs.Get(s.Root)
		require.NoError(t, err)
		r.put(text(77, 300))
	})
	r.flip(text(77, 300))
	r.flip(root)
	report := r.mend()
	kinds := map[fsck.Kind]int{}
	for _, f := range report.Findings {
		require.Empty(t, f.Mend)
		kinds[f.Kind]++
	}
	require.Empty(t, cmp.Diff(map[fsck.Kind]int{
		fsck.BadRecord: 2, fsck.DamagedBlob: 2, fsck.Unknown: 1, fsck.Unreachable: 1,
	}, kinds))
	require.Empty(t, report.Mended)
}

func tip(r *room, name string) blob.ID {
	h, err := r.Heads.Get(name)
	require.NoError(r.t, err)
	return h.ID
}

func TestMissingBlobIsNamedWithTheWayToIt(t *testing.T) {
	r := library(t)
	r.with(func() { require.NoError(t, r.Blobs.Delete([]blob.ID{blob.Sum(blob.Raw, text(2, 700))})) })
	requireFound(t, r.check(), "missing blob|branch/main:doc/b.txt")
	requireFound(t, r.mend(), "missing blob|branch/main:doc/b.txt")
}

func TestMissingBlobIsSaidOnceThoughItIsMetTwice(t *testing.T) {
	r := newRoom(t)
	r.with(func() {
		lost := blob.Sum(blob.Raw, text(1, 100))
		root, err := dir.Save(r.Blobs, []dir.Entry{
			{Name: "f", Kind: dir.File, Size: 100, Link: lost}, {Name: "g", Kind: dir.File, Size: 101, Link: lost},
		})
		require.NoError(t, err)
		r.commit("x", root)
	})
	require.Len(t, r.check().Findings, 1)
}

func TestMissingObjectHidesWhatItLedTo(t *testing.T) {
	r := newRoom(t)
	r.with(func() {
		lost := r.object([]byte{0xa0})
		r.point("other", lost)
		require.NoError(t, r.Blobs.Delete([]blob.ID{lost}))
	})
	requireFound(t, r.check(), "missing blob|other", "unknown what is needed|")
}

func TestDamagedHeadIsNamed(t *testing.T) {
	r := library(t)
	require.True(t, r.disk.Flip("heads/head-branch%2fmain", 20, 1))
	require.NoError(t, r.fs.Replace("heads/head-UP", []byte("x")))
	report := r.mend()
	requireFound(t, report, "damaged head|branch/main", "damaged head|heads/head-UP",
		"unknown what is needed|", "unreachable blobs|")
	require.Equal(t, 1, report.Heads)
}

func TestDamagedFloorIsFoundAndTheRestIsChecked(t *testing.T) {
	r := library(t)
	r.with(func() { require.NoError(t, r.History().DeleteTag("v1")) })
	require.True(t, r.disk.Flip("heads/floor", 2, 1))
	r.flip(text(1, 600))
	kinds := []fsck.Kind{}
	for _, f := range r.check().Findings {
		kinds = append(kinds, f.Kind)
	}
	require.Equal(t, []fsck.Kind{fsck.BadRecord, fsck.BadHead, fsck.DamagedBlob}, kinds)
}

func TestUnrecognisableRecordsAreDiscardedIfNothingIsMissing(t *testing.T) {
	r := library(t)
	r.with(func() { r.put(text(77, 300)) })
	name, at := r.record(text(77, 300))
	require.True(t, r.disk.Flip(name, at+2, 0)) // the head's checksum
	report := r.check()
	record := report.Findings[0].Where
	requireFound(t, report, "damaged record|"+record+"|mend")
	requireFound(t, r.mend())
}

func TestUnrecognisableRecordsStayIfOneMayBeWhatIsMissing(t *testing.T) {
	r := library(t)
	r.with(func() { r.point("x", r.put(text(77, 300))); r.put(text(78, 300)) })
	name, at := r.record(text(77, 300))
	require.True(t, r.disk.Flip(name, at+2, 0))
	report := r.mend()
	record := report.Findings[0].Where
	requireFound(t, report, "damaged record|"+record, "missing blob|x", "unreachable blobs|")
}

// record returns where the record of raw bytes begins.
func (r *room) record(b []byte) (file string, at int64) {
	id := blob.Sum(blob.Raw, b)
	names, err := r.fs.List("blobs")
	require.NoError(r.t, err)
	for _, name := range names {
		content, err := r.fs.ReadFile("blobs/"+name, 1<<27)
		require.NoError(r.t, err)
		if at := strings.Index(string(content), string(id[:])); at >= 0 && strings.HasPrefix(name, "pack-") {
			return "blobs/" + name, int64(at) - 24
		}
	}
	require.FailNow(r.t, "no such record")
	return "", 0
}

func TestPackThatIsDamagedBehindItsRecordsIsCopied(t *testing.T) {
	for name, spoil := range map[string]func(r *room){
		"too short":   func(r *room) { r.truncate("blobs/pack-0000000001", 4090) },
		"not zero":    func(r *room) { require.True(t, r.disk.Flip("blobs/pack-0000000001", 4090, 1)) },
		"no header":   func(r *room) { require.True(t, r.disk.Flip("blobs/pack-0000000001", 3, 1)) },
		"short, last": func(r *room) { r.truncate("blobs/"+r.last("blobs"), 4000) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newLibraryOf(t, 0)
			spoil(r)
			report := r.check()
			require.False(t, report.IsHealthy())
			require.Len(t, report.Findings, 1)
			require.Equal(t, fsck.BadRecord, report.Findings[0].Kind)
			requireFound(t, r.mend())
		})
	}
}

func TestBlobsOfALostPackAreAllCounted(t *testing.T) {
	r := newRoom(t)
	s, err := datadir.OpenStore(r.disk, pack.Options{PackSize: 1 << 20})
	require.NoError(t, err)
	r.Store = s
	links := []blob.ID{}
	for n := range 9000 {
		links = append(links, r.put(text(n, 100)))
	}
	b, err := object.Encode(links)
	require.NoError(t, err)
	r.point("all", r.object(b))
	require.NoError(t, s.Close())
	require.NoError(t, r.fs.Remove("blobs/pack-0000000001"))
	report := r.check()
	const header, record = 32, 24 + 36 + 4 + 100
	require.Equal(t, 1+(1<<20-header)/record, len(report.Findings)+report.More)
}

func TestLostPackIsNamedAndWhatWasInItIsDamaged(t *testing.T) {
	r := library(t)
	require.NoError(t, r.fs.Remove("blobs/pack-0000000001"))
	report := r.mend()
	require.Equal(t, "lost pack|blobs/pack-0000000001", found(report.Findings)[0])
	require.Contains(t, found(report.Findings), "damaged blob|branch/main:doc/large")
}

func TestLostPackOfWhichNothingIsNeededIsDiscarded(t *testing.T) {
	r := newRoom(t)
	r.with(func() {
		for n := range 10 {
			r.put(text(n, 1000))
		}
	})
	require.NoError(t, r.fs.Remove("blobs/pack-0000000001"))
	report := r.mend()
	requireFound(t, report, "unreachable blobs|")
	require.Contains(t, found(report.Mended), "lost pack|blobs/pack-0000000001|mend")
	names, err := r.fs.List("blobs")
	require.NoError(t, err)
	require.NotContains(t, names, "idx-0000000001")
}

func TestIndexFileIsMadeAnew(t *testing.T) {
	const index = "blobs/idx-0000000001"
	for name, spoil := range map[string]func(r *room) error{
		"missing": func(r *room) error { return r.fs.Remove(index) },
		"damaged": func(r *room) error {
			r.disk.Flip(index, 50, 1)
			return nil
		},
		"that of another pack": func(r *room) error {
			b, err := r.fs.ReadFile("blobs/idx-0000000002", 1<<20)
			return errors.Join(err, r.fs.Replace(index, b))
		},
		"too long": func(r *room) error { return r.fs.Replace(index, make([]byte, 1<<16)) },
		"that of another time": func(r *room) error {
			b, err := newLibraryOf(r.t, 50).fs.ReadFile(index, 1<<20)
			return errors.Join(err, r.fs.Replace(index, b))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newLibraryOf(t, 0)
			require.NoError(t, spoil(r))
			requireFound(t, r.check(), "index file|"+index+"|mend")
			mended := r.mend()
			requireFound(t, mended)
			require.Len(t, mended.Mended, 1)
		})
	}
}

// newLibraryOf is a store of several packs with other contents for other numbers.
func newLibraryOf(t testing.TB, n int) *room {
	r := newRoom(t)
	r.with(func() {
		r.snapshot("main", fstest.MapFS{
			"a": {Data: text(n+1, 3000), Mode: 0o644}, "b": {Data: text(n+2, 3000), Mode: 0o644},
			"c": {Data: text(n+3, 3000), Mode: 0o644}, "d": {Data: text(n+4, 3000), Mode: 0o644},
		})
	})
	return r
}

func TestTornTailIsCut(t *testing.T) {
	r := library(t)
	last := "blobs/" + r.last("blobs")
	require.True(t, r.disk.Flip(last, 4000, 1)) // behind the last record
	report := r.check()
	require.True(t, report.IsHealthy())
	require.Regexp(t, `^torn tail\|`+last+` at byte \d+\|mend$`, found(report.Findings)[0])
	requireFound(t, r.mend())
}

func TestTemporaryFilesAreRemovedAndStrangeOnesAreNot(t *testing.T) {
	r := library(t)
	r.log()
	want := []string{}
	for _, name := range []string{"blobs/~1", "heads/~2", "log/~3"} {
		require.NoError(t, r.fs.Replace(name, []byte("x")))
		want = append(want, "temporary file|"+name+"|mend")
	}
	requireFound(t, r.check(), want...)
	require.True(t, r.check().IsHealthy())
	strange := []string{}
	for _, name := range []string{"blobs/notes", "blobs/pack-12", "blobs/idx-4000000000", "heads/notes", "log/x"} {
		require.NoError(t, r.fs.Replace(name, []byte("x")))
		strange = append(strange, "strange file|"+name)
	}
	report := r.mend()
	requireFound(t, report, strange...)
	require.Len(t, report.Mended, 3)
}

func TestDamagedLogIsSaidAndNotChanged(t *testing.T) {
	r := library(t)
	r.log()
	names, err := r.fs.List("log")
	require.NoError(t, err)
	require.True(t, r.disk.Flip("log/"+names[0], 200, 1))
	report := r.check()
	require.Regexp(t, `^damaged log\|log/`+names[0]+` at byte \d+$`, found(report.Findings)[0])
	require.Contains(t, report.Findings[0].What, "lost")
	require.NoError(t, r.fs.Remove("log/"+names[1]))
	before := r.disk.Sum()
	require.Len(t, r.mend().Findings, 2)
	require.Equal(t, before, r.disk.Sum())
}

func TestLogThatIsDamagedBeyondUseIsSaid(t *testing.T) {
	r := library(t)
	r.log()
	require.NoError(t, r.fs.Replace("log/00000000000099999999.wal", []byte("x")))
	requireFound(t, r.check(), "damaged log|log")
}

func TestTornTailOfTheLogIsTheServers(t *testing.T) {
	r := library(t)
	r.log()
	names, err := r.fs.List("log")
	require.NoError(t, err)
	require.True(t, r.disk.Flip("log/"+names[len(names)-2], 505, 1)) // "lock" is the last
	before := r.disk.Sum()
	requireFound(t, r.mend(), "torn tail|log")
	require.Equal(t, before, r.disk.Sum())
}

// state is what a checkpoint holds.
type state map[string]string

func (s state) Pairs(string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for key, value := range s {
			if !yield(key, []byte(value)) {
				return
			}
		}
	}
}

func TestCheckpointThatCannotBeReadIsSaid(t *testing.T) {
	r := newRoom(t)
	var root blob.ID
	r.with(func() {
		k, err := checkpoint.Open(r.Blobs, r.Heads, 0)
		require.NoError(t, err)
		large := string(text(1, tree.MaxValue+1))
		_, err = k.Save(durable.Taken{Mark: durable.Mark{Seq: 7}, View: state{"key": large}}, time.Unix(1, 0))
		require.NoError(t, err)
		root = blob.Sum(blob.Raw, []byte(large))
	})
	requireFound(t, r.check())
	r.with(func() { require.NoError(t, r.Blobs.Delete([]blob.ID{root})) })
	requireFound(t, r.check(), "checkpoint|branch/checkpoints", "missing blob|branch/checkpoints")
	r.with(func() { r.commit("checkpoints", r.put(text(1, 1))) })
	requireFound(t, r.check(), "checkpoint|branch/checkpoints", "missing blob|branch/checkpoints~1")
}

func TestFindingsAreBoundedAndTheRestIsCounted(t *testing.T) {
	r := newRoom(t)
	r.with(func() {
		var links []blob.ID
		for n := range 5000 {
			links = append(links, blob.Sum(blob.Raw, text(n, 100)))
		}
		b, err := object.Encode(links)
		require.NoError(t, err)
		r.point("many", r.object(b))
	})
	report := r.check()
	require.Len(t, report.Findings, fsck.MaxFindings)
	require.Equal(t, 5000-fsck.MaxFindings, report.More)
	require.False(t, report.IsHealthy())
}

func TestStoreThatIsOpenIsRefused(t *testing.T) {
	r := library(t)
	r.with(func() {
		for _, mend := range []bool{false, true} {
			_, err := fsck.Check(context.Background(), r.disk, fsck.Options{Mend: mend})
			require.ErrorIs(t, err, disk.Locked)
		}
	})
}

func TestDiskThatCannotReadIsAnErrorAndNotDamage(t *testing.T) {
	calls := 0
	count := library(t)
	start := count.disk.Stats().Calls
	count.check()
	calls = count.disk.Stats().Calls - start
	for n := range calls {
		r := library(t)
		r.disk.Inject(disk.FailAt(disk.IO, start+n+1))
		report, err := fsck.Check(context.Background(), r.disk, fsck.Options{})
		if err == nil {
			require.True(t, report.IsHealthy(), "call %d: %+v", n, report.Findings)
			continue
		}
		require.ErrorIs(t, err, disk.IO)
	}
}
