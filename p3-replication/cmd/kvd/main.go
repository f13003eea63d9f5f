// Kvd is the server of stage 3: replicas that take reads and writes while they are cut off
// from each other, and agree when they meet. Ask any of them. What one has acknowledged is on
// its disk, and tentative until the primary has given it its place.
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
	"dss.example/common/machine"
	"dss.example/common/run/kvstore"
	"dss.example/common/run/recording"

	"dss.example/p3-replication/replica"
	"dss.example/p3-replication/topology"
)

func main() {
	s := &settings{}
	os.Exit(daemon.Main(daemon.Program{
		Stage: 3, Data: true, Peers: true, Flags: s.declare, Serve: serve,
		Open:    func(ctx context.Context, c *daemon.Config) (kv.Store, error) { return open(ctx, c, s) },
		Example: example,
	}))
}

const example = `kvd -id 1 -peers 1=127.0.0.1:7001,2=127.0.0.1:7002,3=127.0.0.1:7003 -data data1
kvd -id 4 -peers 4=127.0.0.1:7004 -join 127.0.0.1:7001 -data data4`

// store is the replica as a store.
type store struct {
	*kvstore.Store
	replica *replica.Replica
}

// open joins the parts of stage 3: a server of package bayou as a replica, which keeps its log
// on the disk that -data names, and the programs of package procedure.
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
	r, err := replica.Start(ctx, replica.Config{
		Self: c.ID, Bayou: s.bayou(c), Log: data.Log, Network: network, Join: s.join,
		Near: topology.Spatial{A: s.near}, Probing: machine.Time(s.probe),
		Fail: c.Fail, Record: recorder, Logger: c.Log,
	})
	if err != nil {
		return nil, errors.Join(err, data.Close(), closeRecording())
	}
	return &store{kvstore.New(r, replica.Offers()).OnClose(data.Close).OnClose(closeRecording), r}, nil
}
