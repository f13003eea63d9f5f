// Kvd is the server of stage 4: the table of stage 1, in replicas that agree by Paxos. Ask
// any of them; what was acknowledged survives as long as a majority of disks does. A
// minority refuses.
//
//	main.go      joins the parts
//	settings.go  the flags of this stage
//	serve.go     its disk; one port for clients and peers; leaving
package main

import (
	"context"
	"errors"
	"os"

	"dss.example/common/daemon"
	"dss.example/common/kv"
	"dss.example/common/run/kvstore"
	"dss.example/common/run/recording"

	"dss.example/p1-kvrpc/table"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/door"
	"dss.example/p4-consensus/rsm"
)

func main() {
	s := &settings{}
	os.Exit(daemon.Main(daemon.Program{
		Stage: 4, Data: true, Peers: true, Flags: s.declare, Serve: serve,
		Open:    func(ctx context.Context, c *daemon.Config) (kv.Store, error) { return open(ctx, c, s) },
		Example: example,
	}))
}

const example = `kvd -id 1 -peers 1=127.0.0.1:7001,2=127.0.0.1:7002,3=127.0.0.1:7003 -data data1
kvd -id 4 -peers 4=127.0.0.1:7004 -join 127.0.0.1:7001 -data data4   # then: kv members add 4`

// store is the replica as a store.
type store struct {
	*kvstore.Store
	replica *rsm.Replica
}

// open joins the parts of stage 4: the table of stage 1 as the state of a replica, which
// keeps its log on the disk that -data names.
func open(ctx context.Context, c *daemon.Config, s *settings) (_ *store, err error) {
	if err := s.check(c); err != nil {
		return nil, err
	}
	data, err := openData(c)
	if err != nil {
		return nil, err
	}
	recorder, closeRecording, err := recording.Create(c.Record)
	if err != nil {
		return nil, errors.Join(err, data.Close())
	}
	network, err := peerOptions(c)
	if err != nil {
		return nil, errors.Join(err, data.Close(), closeRecording())
	}
	replica, err := rsm.Start(ctx, rsm.Config{
		Self: c.ID, Language: language(), Paxos: s.paxos(c), Log: data.Log, Network: network, Join: s.join,
		Transfer: door.Transfer, Fail: c.Fail, Record: recorder, Logger: c.Log,
	})
	if err != nil {
		return nil, errors.Join(err, data.Close(), closeRecording())
	}
	return &store{kvstore.New(replica, offers()).OnClose(data.Close).OnClose(closeRecording), replica}, nil
}

// language is that of the door. Its name tells replays what was recorded.
func language() *paxos.Language {
	return door.Language("kv", func() door.Store { return table.New(table.Config{}) })
}

// offers is what stage 1 promises, in several places at once.
func offers() kv.Caps {
	caps := table.Offers()
	caps.Has |= kv.CapDurable
	return door.Offers(caps)
}
