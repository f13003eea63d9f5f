package datadir_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
	"dss.example/p2-persist/datadir"
)

func TestAReplicaFindsItsLogAgain(t *testing.T) {
	m := disk.NewMemory()
	d := &closing{Disk: m}
	r, err := datadir.OpenReplica(d, 4, 2)
	require.NoError(t, err)
	_, err = r.Log.Append([]byte("record"))
	require.NoError(t, err)
	require.NoError(t, r.Log.Sync())
	require.NoError(t, r.Close())
	require.Equal(t, 1, d.closed)

	r, err = datadir.OpenReplica(m.Crash(disk.KeepNone), 4, 2)
	require.NoError(t, err)
	require.EqualValues(t, 2, r.Log.Next())
	require.EqualValues(t, 1, r.Records)
	require.Zero(t, r.Lost)
	require.NoError(t, r.Close())
}

func TestADiskIsOneReplicasOfOneStage(t *testing.T) {
	m := disk.NewMemory()
	r, err := datadir.OpenReplica(m, 4, 2)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	for _, other := range []struct {
		stage int
		said  string
	}{
		{4, `its file "replica" says "stage 4, replica 2\n", want "stage 4, replica 1\n"`},
		{3, `says "stage 4, replica 2\n", want "stage 3, replica 1\n"`},
	} {
		d := &closing{Disk: m}
		_, err := datadir.OpenReplica(d, other.stage, 1)
		require.ErrorIs(t, err, datadir.ErrNotOurs)
		require.ErrorContains(t, err, other.said)
		require.Equal(t, 1, d.closed, "nobody else closes it")
	}
}

func TestAReplicaTakesADirectoryOnlyIfItIsEmpty(t *testing.T) {
	m := disk.NewMemory()
	fs := disk.FS{Disk: m}
	require.NoError(t, fs.Replace("letters", []byte("dear sir")))
	_, err := datadir.OpenReplica(m, 3, 1)
	require.ErrorIs(t, err, datadir.ErrNotOurs)
	require.ErrorContains(t, err, `it holds "letters": want an empty directory, or one that replica 1 has made`)
	names, err := fs.List(".")
	require.NoError(t, err)
	require.Equal(t, []string{"letters"}, names, "nothing was touched")

	bare := disk.NewMemory()
	require.NoError(t, disk.FS{Disk: bare}.MakeDir("lost+found"))
	r, err := datadir.OpenReplica(bare, 3, 1)
	require.NoError(t, err, "what a file system has by itself")
	require.NoError(t, r.Close())
}
