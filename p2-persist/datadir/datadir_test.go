package datadir_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/datadir"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/pack"
)

// closing is a disk that can be closed.
type closing struct {
	disk.Disk
	closed int
}

func (c *closing) Close() error {
	c.closed++
	return nil
}

func TestWhatIsKeptIsThereAgain(t *testing.T) {
	m := disk.NewMemory()
	dir, err := datadir.Open(m)
	require.NoError(t, err)
	root, err := dir.Blobs.Put(blob.Raw, []byte("root"))
	require.NoError(t, err)
	id, err := dir.History().Commit("main", history.Snapshot{Root: root, Time: 1})
	require.NoError(t, err)
	_, err = dir.Log.Append([]byte("record"))
	require.NoError(t, err)
	require.NoError(t, dir.Log.Sync())
	dir, err = datadir.Open(m.Crash(disk.KeepNone))
	require.NoError(t, err)
	h, err := dir.Heads.Get("branch/main")
	require.NoError(t, err)
	require.Equal(t, id, h.ID)
	require.EqualValues(t, 2, dir.Log.Next())
	require.NoError(t, dir.Close())
}

func TestStoreWithoutALogMakesNone(t *testing.T) {
	m := disk.NewMemory()
	s, err := datadir.OpenStore(m, pack.Options{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	names, err := disk.FS{Disk: m}.List(".")
	require.NoError(t, err)
	require.Equal(t, []string{"blobs/", "heads/"}, names)
}

func TestDirectoryBelongsToOneProcess(t *testing.T) {
	m := disk.NewMemory()
	dir, err := datadir.Open(m)
	require.NoError(t, err)
	_, err = datadir.OpenStore(m, pack.Options{})
	require.ErrorIs(t, err, disk.Locked)
	require.NoError(t, dir.Close())
	again, err := datadir.Open(m)
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

func TestDiskIsClosedWithTheStoreAlsoIfItCannotBeOpened(t *testing.T) {
	d := &closing{Disk: disk.NewMemory()}
	dir, err := datadir.Open(d)
	require.NoError(t, err)
	require.NoError(t, dir.Close())
	require.Equal(t, 1, d.closed)
	require.NoError(t, disk.FS{Disk: d}.Replace("heads/floor", []byte("no floor")))
	_, err = datadir.Open(d)
	require.ErrorIs(t, err, head.ErrCorrupt)
	require.Equal(t, 2, d.closed)
	held, err := disk.FS{Disk: d}.Lock("blobs/lock")
	require.NoError(t, err, "what was open was closed")
	require.NoError(t, held.Close())
}

func TestLogThatHasLostRecordsIsRefusedAndSaysWhich(t *testing.T) {
	m := disk.NewMemory()
	dir, err := datadir.Open(m)
	require.NoError(t, err)
	for range 3 {
		_, err = dir.Log.Append([]byte("a record of some length"))
		require.NoError(t, err)
		require.NoError(t, dir.Log.Sync())
	}
	require.NoError(t, dir.Close())
	require.True(t, m.Flip("log/00000000000000000001.wal", 100, 1))
	_, err = datadir.Open(m)
	require.ErrorIs(t, err, datadir.ErrDamaged)
	require.ErrorContains(t, err, "1 of the records 1 to 3 are lost")
	s, err := datadir.OpenStore(m, pack.Options{})
	require.NoError(t, err, "the blobs are there all the same")
	require.NoError(t, s.Close())
}

// A collector that asks for what was left alone since the mark before its own must be able
// to tell what was there at the start from what was put since.
func TestWhatWasThereWhenTheStoreWasOpenedIsOlderThanWhatIsPut(t *testing.T) {
	m := disk.NewMemory()
	s, err := datadir.OpenStore(m, pack.Options{})
	require.NoError(t, err)
	old, err := s.Blobs.Put(blob.Raw, []byte("old"))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	s, err = datadir.OpenStore(m, pack.Options{})
	require.NoError(t, err)
	put, err := s.Blobs.Put(blob.Raw, []byte("put"))
	require.NoError(t, err)
	mark, err := s.Blobs.Mark()
	require.NoError(t, err)
	var asked []blob.ID
	_, err = s.Blobs.Sweep(context.Background(), mark, func(id blob.ID) bool {
		asked = append(asked, id)
		return true
	}, pack.SweepOptions{Grace: 1})
	require.NoError(t, err)
	require.Equal(t, []blob.ID{old}, asked)
	require.NotEqual(t, old, put)
	require.NoError(t, s.Close())
}
