package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/daemon/daemontest"
	"dss.example/common/disk"
	"dss.example/common/kv"
	"dss.example/common/run/kvstore"

	"dss.example/p2-persist/datadir"
	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/programs"
	"dss.example/p3-replication/replica"
)

// lone is the only replica of a database, with its data on a disk in memory.
type lone struct {
	*kv.Client
	store  *kvstore.Store
	failed chan error
}

func newLone(t *testing.T, d *disk.Memory) *lone {
	data, err := datadir.OpenReplica(d, 3, 1)
	require.NoError(t, err)
	l := &lone{failed: make(chan error, 1)}
	r, err := replica.Start(t.Context(), replica.Config{
		Self: 1, Log: data.Log, Fail: func(err error) { l.failed <- err },
		Bayou: bayou.Config{Found: true, Addr: "one", Programs: programs.New},
	})
	require.NoError(t, err)
	l.store = kvstore.New(r, replica.Offers()).OnClose(func() error { _ = data.Close(); return nil }) // a log that has failed
	l.Client = kv.NewClient(l.store)
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	_, err = r.Await(ctx, func(bayou.Report) bool { return r.Ready() == nil })
	require.NoError(t, err)
	return l
}

func TestAFullDiskEndsTheReplicaAndWhatItHasAcknowledgedIsThereAgain(t *testing.T) {
	d := disk.NewMemory()
	full := newLone(t, d)
	d.SetCapacity(20 << 20)
	acknowledged, value := 0, make([]byte, kv.MaxValue)
	var err error
	for err == nil {
		if _, err = full.Put(t.Context(), fmt.Sprint(acknowledged), value); err == nil {
			acknowledged++
		}
		require.Less(t, acknowledged, 100, "there is no room for so many")
	}
	require.ErrorIs(t, err, kv.ErrMaybe)
	require.Positive(t, acknowledged)
	require.ErrorIs(t, <-full.failed, disk.NoSpace)
	_, err = full.Get(t.Context(), "0")
	require.ErrorIs(t, err, kv.ErrUnavailable)
	require.NoError(t, full.store.Close())

	d.SetCapacity(disk.DefaultCapacity)
	back := newLone(t, d)
	for n := range acknowledged {
		_, err := back.Get(t.Context(), fmt.Sprint(n))
		require.NoError(t, err, "%d of %d", n, acknowledged)
	}
	require.NoError(t, back.store.Close())
}

func TestADiskThatIsFullAtOnceIsSaid(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	own := daemontest.FreeAddress(t)
	cmd := exec.Command("sh", "-c", `ulimit -f 8; exec "$0" "$@"`, self, "-id", "1", "-peers", "1="+own, "-data", filepath.Join(t.TempDir(), "data"))
	cmd.Env = append(os.Environ(), "KVD_UNDER_TEST=1")
	p := daemontest.Start(t, cmd)
	require.Equal(t, 1, p.End(t), p.Said())
	require.Regexp(t, "^kvd: .*: disk is full\n$", p.Said())
	require.Empty(t, p.Line)
}
