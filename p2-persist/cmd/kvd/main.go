// Kvd is the server of stage 2: the table of stage 1 on a disk. What it has acknowledged
// survives kill -9. Lose the machine, and all is lost.
package main

import (
	"context"
	"errors"
	"os"

	"dss.example/common/daemon"
	"dss.example/common/disk"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/run/kvstore"
	"dss.example/common/run/recording"

	"dss.example/p1-kvrpc/server"
	"dss.example/p1-kvrpc/table"
	"dss.example/p2-persist/checkpoint"
	"dss.example/p2-persist/datadir"
	"dss.example/p2-persist/durable"
)

func main() {
	os.Exit(daemon.Main(daemon.Program{
		Stage: 2, Data: true, Open: open, Serve: server.ForDaemon(false), Example: "kvd -data data\nkvd -data data -listen 127.0.0.1:7002",
	}))
}

// open opens the store in the directory that -data names.
func open(_ context.Context, c *daemon.Config) (kv.Store, error) {
	dir, err := disk.OpenDir(c.Data)
	if err != nil {
		return nil, err
	}
	return join(dir, run.NewReal(), c)
}

// join joins the parts of stage 2: the table of stage 1 in a machine that saves its
// inputs in a log, the older part of which gives way to checkpoints in a store of blobs.
func join(d disk.Disk, clock run.Clock, c *daemon.Config) (_ *kvstore.Store, err error) {
	data, err := datadir.Open(d)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, data.Close())
		}
	}()
	keeper, from, err := checkpoint.Open(data.Blobs, data.Heads)
	if err != nil {
		return nil, err
	}
	self := machine.Addr{Node: 1, Role: "table"}
	m, err := durable.New(durable.Config{
		Self: self, Inside: table.NewMachine(self, table.Config{}), Changes: durable.Changes, Refuse: durable.Refuse, From: from,
	})
	if err != nil {
		return nil, err
	}
	recorder, closeRecording, err := recording.Create(c.Record)
	if err != nil {
		return nil, err
	}
	owner, err := run.Start(run.Config{
		Self: self, Machine: m, Protocol: durable.Protocol(table.Protocol(), nil), Log: data.Log, Clock: clock, Record: recorder,
	})
	if err != nil {
		return nil, errors.Join(err, closeRecording())
	}
	service := keeper.Serve(owner, from.Last(), checkpoint.Options{Log: c.Log, Fail: c.Fail})
	return kvstore.New(owner, offers()).OnClose(service.Close).OnClose(data.Close).OnClose(closeRecording), nil
}

// offers is what stage 1 promises, and stage 2 keeps it across crashes.
func offers() kv.Caps {
	caps := table.Offers()
	caps.Stage = 2
	return caps
}
