package pack_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/pack"
	"dss.example/p2-persist/segment"
)

// tiny returns the disk of a closed store with two packs, of a few tiny blobs and one
// that fills the first.
func tiny(t *testing.T) (*disk.Memory, []blob.ID) {
	t.Helper()
	r := newRoom(t, small())
	var ids []blob.ID
	for _, text := range []string{"a", "b", strings.Repeat("x", 3800), "c", "deleted", "d"} {
		id, err := r.Put(blob.Raw, []byte(text))
		require.NoError(t, err)
		ids = append(ids, id)
	}
	require.NoError(t, r.Delete(ids[4:5]))
	require.NoError(t, r.Close())
	require.Contains(t, r.files(t), "idx-0000000001")
	return r.disk, append(ids[:4:4], ids[5])
}

// requireNoLie demands that each blob reads as itself or as damaged, never as absent, and
// that the store can be used.
func requireNoLie(t *testing.T, m *disk.Memory, ids []blob.ID) (corrupt int) {
	t.Helper()
	r := &room{disk: m, options: small()}
	r.open(t)
	for _, id := range ids {
		b, err := r.Get(id)
		if err != nil {
			require.ErrorIs(t, err, blob.ErrCorrupt)
			corrupt++
			continue
		}
		require.NoError(t, id.Check(b))
	}
	r.put(t, 99)
	r.reopen(t)
	_, err := r.Get(idOf(99))
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return corrupt
}

func TestEveryFlippedBitIsSeenAndNeverReturned(t *testing.T) {
	m, ids := tiny(t)
	corrupt := 0
	for _, file := range []string{"pack-0000000001", "pack-0000000002", "idx-0000000001"} {
		b, err := disk.FS{Disk: m}.ReadFile(dir+"/"+file, 1<<20)
		require.NoError(t, err)
		content := len(bytes.TrimRight(b, "\x00"))
		for at := range content {
			if at > 500 && at < content-100 && at%50 != 0 { // the large blob: a bit here and there
				continue
			}
			for bit := range uint(8) {
				damaged := m.Image(disk.KeepAll)
				require.True(t, damaged.Flip(dir+"/"+file, int64(at), bit))
				corrupt += requireNoLie(t, damaged, ids)
			}
		}
	}
	require.Greater(t, corrupt, 1000)
}

func TestEveryTruncationIsSeen(t *testing.T) {
	m, ids := tiny(t)
	for _, file := range []string{"pack-0000000001", "pack-0000000002", "idx-0000000001"} {
		b, err := disk.FS{Disk: m}.ReadFile(dir+"/"+file, 1<<20)
		require.NoError(t, err)
		content := len(bytes.TrimRight(b, "\x00"))
		for at := range content {
			if at > 500 && at < content-100 && at%50 != 0 {
				continue
			}
			damaged := m.Image(disk.KeepAll)
			f, err := disk.FS{Disk: damaged}.Open(dir + "/" + file)
			require.NoError(t, err)
			require.NoError(t, f.Truncate(int64(at)))
			requireNoLie(t, damaged, ids)
		}
	}
}

func TestLostPackIsDamageAndItsBlobsAreKnown(t *testing.T) {
	m, ids := tiny(t)
	require.NoError(t, disk.FS{Disk: m}.Remove(dir+"/pack-0000000001"))
	require.Equal(t, 3, requireNoLie(t, m, ids))
	r := &room{disk: m, options: small()}
	r.open(t)
	require.Equal(t, 3, r.Stats().Damaged)
}

func TestLastPackThatIsLostIsDamage(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, seq(0, 4)...)
	require.NoError(t, r.Close())
	fs := disk.FS{Disk: r.disk}
	require.NoError(t, fs.Rename(dir+"/idx-0000000001", dir+"/idx-0000000003"))
	r.open(t) // an index file that has no pack, and is another one's
	require.NotZero(t, r.Stats().Lost)
	r.put(t, 9)
	require.Contains(t, r.files(t), "pack-0000000004")
	r.reopen(t)
	_, err := r.Get(idOf(9))
	require.NoError(t, err)
}

func TestIndexFileIsRebuiltWhenItIsMissingOrLies(t *testing.T) {
	for name, spoil := range map[string]func(fs disk.FS) error{
		"missing": func(fs disk.FS) error { return fs.Remove(dir + "/idx-0000000001") },
		"another pack's": func(fs disk.FS) error {
			b, err := fs.ReadFile(dir+"/idx-0000000002", 1<<20)
			return errors.Join(err, fs.Replace(dir+"/idx-0000000001", b))
		},
		"too short": func(fs disk.FS) error { return fs.Replace(dir+"/idx-0000000001", []byte("packidx")) },
		"too long":  func(fs disk.FS) error { return fs.Replace(dir+"/idx-0000000001", make([]byte, 99)) },
	} {
		r := newRoom(t, small())
		r.put(t, seq(0, 9)...)
		require.NoError(t, r.Close())
		require.NoError(t, spoil(disk.FS{Disk: r.disk}), name)
		r.open(t)
		require.Equal(t, 1, r.Stats().Rebuilt, name)
		r.has(t, seq(0, 9)...)
		r.reopen(t)
		require.Zero(t, r.Stats().Rebuilt, name)
		r.has(t, seq(0, 9)...)
	}
}

// damage flips a bit of one blob, in its newest record.
func (r *room) damage(t *testing.T, n int) {
	t.Helper()
	require.NoError(t, r.Close())
	require.NoError(t, (&memoryDisk{disk: r.disk}).Damage(idOf(n)))
	r.open(t)
}

func TestPutHealsABlobThatIsKnownToBeDamaged(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, seq(0, 5)...)
	r.damage(t, 1)
	_, err := r.Get(idOf(1))
	require.ErrorIs(t, err, blob.ErrCorrupt)
	require.Equal(t, 1, r.Stats().Damaged)
	r.put(t, 1)
	require.Zero(t, r.Stats().Damaged)
	r.has(t, seq(0, 5)...)
	r.crash(t)
	r.has(t, seq(0, 5)...)
}

func TestDiskThatCannotReadIsNotDamage(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, 1)
	r.disk.Inject(func(_ int, c disk.Call) disk.Fault {
		if c.Op == disk.Read {
			return disk.Fault{Code: disk.IO}
		}
		return disk.Fault{}
	})
	_, err := r.Get(idOf(1))
	require.ErrorIs(t, err, disk.IO)
	require.NotErrorIs(t, err, blob.ErrCorrupt)
	r.disk.Inject(nil)
	r.has(t, 1)
}

func TestVerifyFindsEveryDamagedBlob(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, seq(0, 10)...)
	r.delete(t, 5)
	st, err := r.Verify(context.Background(), pack.VerifyOptions{})
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(pack.VerifyStats{Blobs: 9, Bytes: 9 << 10}, st))
	for _, n := range []int{1, 8, 9} { // in a pack of each kind
		r.damage(t, n)
	}
	seen := 0
	st, err = r.Verify(context.Background(), pack.VerifyOptions{Progress: func(pack.VerifyStats) { seen++ }})
	require.NoError(t, err)
	require.ElementsMatch(t, []blob.ID{idOf(1), idOf(8), idOf(9)}, st.Damaged)
	require.Equal(t, r.Stats().Packs, seen)
	require.Equal(t, 3, r.Stats().Damaged)
}

// A record that checks may still hold what its ID does not name.
func TestGetHashesWhatItReads(t *testing.T) {
	r := newRoom(t, small())
	r.put(t, 1)
	require.NoError(t, r.Close())
	fs := disk.FS{Disk: r.disk}
	w, err := segment.Create(fs, dir+"/pack-0000000002", segment.Header{Kind: 'P', First: 2 << 32}, pack.MinPackSize)
	require.NoError(t, err)
	b, err := fs.ReadFile(dir+"/pack-0000000001", 1<<20)
	require.NoError(t, err)
	id := idOf(1)
	at := bytes.Index(b, id[:])
	_, err = w.Append(1, b[at:at+40], []byte("something else"))
	require.NoError(t, err)
	require.NoError(t, w.Publish(fs, dir+"/pack-0000000002"))
	require.NoError(t, w.Close())
	r.open(t)
	_, err = r.Get(id)
	require.ErrorIs(t, err, blob.ErrCorrupt)
}
