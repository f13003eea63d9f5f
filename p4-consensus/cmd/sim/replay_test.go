package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/run/recording"
	"dss.example/common/sim/simcmd"
	"dss.example/common/stable"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"

	"dss.example/p1-kvrpc/table"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/door"
	"dss.example/p4-consensus/paxos/proto"
	"dss.example/p4-consensus/rsm"
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
	r, err := rsm.Start(t.Context(), rsm.Config{
		Self: 1, Log: stable.NewMemory(), Record: recorder, Network: wire.PeerOptions{Dial: network.Dial},
		// As kvd has it.
		Language: door.Language("kv", func() door.Store { return table.New(table.Config{}) }),
		Paxos:    paxos.Config{Peers: []proto.Member{{Voter: proto.Voter{Node: machine.Node(1)}, Addr: "n1"}}},
	})
	require.NoError(t, err)
	for _, op := range []kv.Op{kv.Put{Key: "x", Value: []byte("1")}, kv.Get{Key: "x"}, kv.Members{}} {
		_, err := r.Ask(t.Context(), &kv.Request{Op: op})
		require.NoError(t, err)
	}
	require.NoError(t, r.Stop(context.Background()))
	require.NoError(t, recorder.Flush())
	require.NoError(t, f.Close())
}
