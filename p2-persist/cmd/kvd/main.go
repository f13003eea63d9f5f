// Kvd is the server of stage 2: the table of stage 1 on a disk. What it has acknowledged
// survives kill -9, and old revisions stay readable. Lose the machine, and all is lost.
package main

import (
	"context"
	"errors"
	"math"
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
	"dss.example/p2-persist/checkpoint/past"
	"dss.example/p2-persist/checkpoint/pulse"
	"dss.example/p2-persist/collect"
	"dss.example/p2-persist/datadir"
	"dss.example/p2-persist/durable"
	"dss.example/p2-persist/pack"
	"dss.example/p2-persist/wal"
)

func main() {
	s := &settings{}
	os.Exit(daemon.Main(daemon.Program{
		Stage: 2, Data: true, Flags: s.declare, Serve: server.ForDaemon(false),
		Open:    func(_ context.Context, c *daemon.Config) (kv.Store, error) { return open(c, s) },
		Example: "kvd -data data\nkvd -data data -listen 127.0.0.1:7002\nkvd -data data -keep-checkpoints 64 -checkpoint-every 10000",
	}))
}

// open opens the store in the directory that -data names.
func open(c *daemon.Config, s *settings) (kv.Store, error) {
	dir, err := disk.OpenDir(c.Data)
	if err != nil {
		return nil, err
	}
	return join(dir, run.NewReal(), c, s)
}

// join joins the parts of stage 2: the table of stage 1 in a machine that saves its inputs
// in a log, the older part of which gives way to checkpoints in a store of blobs, and the
// past, which is read from both.
func join(d disk.Disk, clock run.Clock, c *daemon.Config, s *settings) (_ *past.Store, err error) {
	parts, err := datadir.OpenStore(d, pack.Options{})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, parts.Close())
		}
	}()
	keeper, err := checkpoint.Open(parts.Blobs, parts.Heads, int(s.keep))
	if err != nil {
		return nil, err
	}
	newest, err := keeper.Newest()
	if err != nil {
		return nil, err
	}
	data, err := parts.OpenLog(d, newest.Last()+1)
	if err != nil {
		return nil, err
	}
	if data.Lost > 0 {
		c.Log.Warn("old revisions cannot be read: records before the newest checkpoint are damaged", "records", data.Lost)
	}
	recorder, closeRecording, err := recording.Create(c.Record)
	if err != nil {
		return nil, err
	}
	journal := checkpoint.NewJournal(data.Log, newest.Last())
	owner, err := begin(newest, run.Config{Log: journal, Clock: clock, Record: recorder})
	if err != nil {
		return nil, errors.Join(err, closeRecording())
	}
	service := keeper.Serve(owner, journal, checkpoint.Options{
		Records: uint64(s.records), Bytes: s.bytes, Every: s.look, Log: c.Log, Fail: c.Fail,
		Collect: collector(parts, c), CollectEvery: s.collect,
	})
	return past.New(past.Config{
		Present: kvstore.New(owner, offers()).OnClose(service.Close).OnClose(data.Close).OnClose(closeRecording),
		Keeper:  keeper, Journal: journal, Protocol: protocol(), Self: self(), Bytes: s.memory << 20,
		Inside: func() past.Inside {
			return table.NewMachine(self(), table.Config{HistoryEvents: math.MaxInt, HistoryBytes: math.MaxInt})
		},
		Read: func(from, to uint64, fn func(uint64, []byte) error) error {
			return wal.Read(disk.FS{Disk: d}, datadir.LogDir, from, to, fn)
		},
	}), nil
}

// begin starts the machine where the newest checkpoint, if any, and the log have left it.
func begin(newest *durable.Snapshot, c run.Config) (run.Owner, error) {
	m, err := durable.New(durable.Config{
		Self: self(), Inside: pulse.Wrap(self(), table.NewMachine(self(), table.Config{}), maxLag),
		Changes: durable.Changes, Refuse: durable.Refuse, From: newest,
	})
	if err != nil {
		return nil, err
	}
	c.Self, c.Machine, c.Protocol = self(), m, protocol()
	return run.Start(c)
}

func self() machine.Addr { return machine.Addr{Node: 1, Role: "table"} }

func protocol() *machine.Protocol { return durable.Protocol(pulse.Protocol(table.Protocol()), nil) }

// maxLag bounds by how much a crash puts off the end of a lease or session.
const maxLag = machine.Second

// collector gives back what no checkpoint leads to any more. Nobody else puts anything here,
// so there need be no grace.
func collector(parts *datadir.Store, c *daemon.Config) func(context.Context) error {
	return func(ctx context.Context) error {
		st, err := collect.Run(ctx, parts.Blobs, parts.Heads, collect.Options{})
		if err == nil {
			c.Log.Info("collected", "blobs", st.Swept, "bytes", st.SweptBytes, "left", st.Reached)
		}
		return err
	}
}

// offers is what stage 1 promises, and stage 2 keeps it across crashes.
func offers() kv.Caps {
	caps := table.Offers()
	caps.Stage = 2
	return caps
}
