package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
	"dss.example/common/run/recording"
	"dss.example/common/sim/simcmd"
	"dss.example/common/stable"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/programs"
	"dss.example/p3-replication/replica"
	"dss.example/p3-replication/topology"
)

func TestARecordingOfAServerIsReplayed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "recording")
	synctest.Test(t, func(t *testing.T) { record(t, file) })
	var out, progress bytes.Buffer
	code := cli.Run(t.Context(), simcmd.New(stage()), []string{"-replay", file, "-print"}, cli.Std{Out: &out, Err: &progress})
	require.Zero(t, code, &progress)
	require.Regexp(t, `\d+ steps replayed, all as recorded\n`, out.String())
	require.Regexp(t, `\nhash=[0-9a-f]{16}\n$`, out.String())
	require.Contains(t, out.String(), "put x=1")
}

// record lets a replica such as kvd runs serve a little, and records it.
func record(t *testing.T, file string) {
	f, err := os.Create(file)
	require.NoError(t, err)
	recorder := recording.New(f)
	network := new(memnet.Network)
	r, err := replica.Start(t.Context(), replica.Config{
		Self: 1, Log: stable.NewMemory(), Record: recorder, Network: wire.PeerOptions{Dial: network.Dial},
		Near: topology.Spatial{A: 1}, Bayou: bayou.Config{
			Found: true, Addr: "n1", Peers: []bayou.Peer{{Node: 2, Addr: "n2"}}, Programs: programs.New,
		},
	})
	require.NoError(t, err)
	for r.Ready() != nil {
		<-time.After(time.Second)
	}
	for _, op := range []kv.Op{
		kv.Put{Key: "x", Value: []byte("1")},
		kv.Get{Key: "x"},
		kv.Members{},
		kv.Guarded{If: `db.get("x") == "2"`, Else: "def merge(db, update):\n    db.put(\"y\", \"2\")\n"},
	} {
		resp, err := r.Ask(t.Context(), &kv.Request{Op: op})
		require.NoError(t, err)
		require.Equal(t, kv.OK, resp.(*kv.Response).Status, resp)
	}
	<-time.After(10 * time.Second) // in which it seeks out the other, and pings it
	require.NoError(t, r.Stop(context.Background()))
	require.NoError(t, recorder.Flush())
	require.NoError(t, f.Close())
}
