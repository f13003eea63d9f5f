package main

import (
	"context"
	"fmt"

	"dss.example/common/daemon"
	"dss.example/common/disk"
	"dss.example/common/kv"
	"dss.example/common/wire"

	"dss.example/p1-kvrpc/server"
	"dss.example/p2-persist/datadir"
	"dss.example/p3-replication/replica"
)

// openData opens what the replica keeps (package datadir), or makes it. The server says what
// damaged records mean.
func openData(c *daemon.Config) (*datadir.Replica, error) {
	dir, err := disk.OpenDir(c.Data)
	if err != nil {
		return nil, err
	}
	data, err := datadir.OpenReplica(dir, c.Stage, c.ID)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Data, err)
	}
	return data, nil
}

// peerOptions says how frames travel between peers: under TLS, if clients' requests do.
func peerOptions(c *daemon.Config) (o wire.PeerOptions, err error) {
	if c.TLS.Cert != "" {
		o.TLS, err = wire.TLSFiles(c.TLS).Client()
	}
	return o, err
}

// replicated is a daemon's Server of a replica.
type replicated struct {
	*server.Server
	replica *replica.Replica
}

// serve makes the Server that takes clients and peers on one port.
func serve(c *daemon.Config, s kv.Store) (daemon.Server, error) {
	r := s.(*store).replica
	o := wire.ServerOptions{Connections: c.MaxConns, Log: c.Log, Peers: r.Peers(), Errors: replica.Errors()}
	if c.TLS.Cert != "" {
		config, err := wire.TLSFiles(c.TLS).Server()
		if err != nil {
			return nil, err
		}
		o.TLS = config
	}
	srv := server.New(s, false, o)
	if err := r.Register(srv); err != nil {
		return nil, err
	}
	return replicated{srv, r}, nil
}

// Shutdown implements daemon.Server. The replica leaves while peers can still be heard: it
// ends what it has begun, and its news goes to others.
func (s replicated) Shutdown(ctx context.Context) error {
	_ = s.replica.Leave(ctx) // it fails with ctx only, and then Shutdown cuts
	return s.Server.Shutdown(ctx)
}

// Ready implements daemon.Readier.
func (s replicated) Ready() error { return s.replica.Ready() }

// Counters implements daemon.Server.
func (s replicated) Counters() []daemon.Counter {
	return append(s.Server.Counters(), s.replica.Counters()...)
}
