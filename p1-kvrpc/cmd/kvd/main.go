// Kvd is the server of stage 1: a table in memory behind net/rpc. Kill it, and all
// is lost.
package main

import (
	"context"
	"os"

	"dss.example/common/daemon"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/run/kvstore"
	"dss.example/common/run/recording"

	"dss.example/p1-kvrpc/server"
	"dss.example/p1-kvrpc/table"
)

func main() {
	os.Exit(daemon.Main(daemon.Program{Stage: 1, Open: open, Serve: server.ForDaemon(true)}))
}

// open joins the parts of stage 1: a table in a machine that the caller's goroutine
// steps.
func open(_ context.Context, c *daemon.Config) (kv.Store, error) {
	self := machine.Addr{Node: 1, Role: "table"}
	recorder, closeRecording, err := recording.Create(c.Record)
	if err != nil {
		return nil, err
	}
	owner, err := run.NewLock(run.Config{
		Self: self, Machine: table.NewMachine(self, table.Config{}), Protocol: table.Protocol(), Record: recorder,
	})
	if err != nil {
		return nil, err
	}
	return kvstore.New(owner, table.Offers()).OnClose(closeRecording), nil
}
