package stage1

import (
	"errors"
	"net"
	"sync"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
)

// open connects a store. alone tells that one caller has it to itself.
type open func(addr string, alone bool) (load.Store, error)

func peers() []harness.Peer {
	return []harness.Peer{
		{Kind: "redis", Drive: drive(openRedis)},
		{Kind: "gob", Serve: serveGob, Drive: drive(openGob)},
		{Kind: "jsonrpc", Serve: serveJSON, Drive: drive(openJSON)},
		{Kind: "cbor", Serve: serveCBOR, Drive: drive(openCBOR)},
		{Kind: "grpc", Serve: serveGRPC, Drive: drive(openGRPC)},
		{Kind: "echo", Serve: serveEcho, Drive: drive(openEcho)},
	}
}

// drive is what "kv bench" does, for a peer.
func drive(open open) func(string, harness.Turn) (*load.Report, error) {
	return func(addr string, t harness.Turn) (_ *load.Report, err error) {
		mix := load.Mix{Keys: 10_000, ValueBytes: 100, Reads: 50, Batch: 1, Seed: 1}
		if t.Load == multiget {
			mix.Reads, mix.Batch = 100, batch
		}
		stores, err := openAll(open, addr, t)
		defer func() {
			for _, s := range stores {
				err = errors.Join(err, s.Close())
			}
		}()
		if err != nil {
			return nil, err
		}
		if err := mix.Fill(stores, t.Callers); err != nil {
			return nil, err
		}
		names := mix.Names()
		return load.Loop{Callers: t.Callers, Warmup: t.Warmup, For: t.For}.Run(func(i int) func() error {
			return mix.Caller(stores[i%len(stores)], names, i)
		})
	}
}

// openAll opens one store for all callers or one for each. What it has opened is
// returned with an error too.
func openAll(open open, addr string, t harness.Turn) (stores []load.Store, err error) {
	n := 1
	if t.Load == private {
		n = t.Callers
	}
	for range n {
		s, err := open(addr, t.Load == private)
		if err != nil {
			return stores, err
		}
		stores = append(stores, s)
	}
	return stores, nil
}

// table is the store of every peer that brings none.
type table struct {
	mu     sync.RWMutex
	values map[string][]byte // guarded by mu
}

func newTable() *table { return &table{values: map[string][]byte{}} }

func (t *table) put(key string, value []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.values[key] = value
}

func (t *table) get(key string) ([]byte, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	value, ok := t.values[key]
	return value, ok
}

// acceptAll serves each connection in a goroutine that ends with it, until the
// listener fails; then it waits for them.
func acceptAll(ln net.Listener, serve func(net.Conn)) error {
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		conns.Go(func() {
			defer conn.Close()
			serve(conn)
		})
	}
}

func hostPort(addr string) (host, port string) {
	host, port, _ = net.SplitHostPort(addr) // the harness has made it
	return host, port
}
