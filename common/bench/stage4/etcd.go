package stage4

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
)

// etcdMember is a server of etcd, as it comes.
func etcdMember(m harness.Member) error {
	config, err := etcdConfig(m)
	if err != nil {
		return err
	}
	server, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	defer server.Close()
	return <-server.Err()
}

func etcdConfig(m harness.Member) (*embed.Config, error) {
	if err := check(m); err != nil {
		return nil, err
	}
	peer, errPeer := url.Parse("http://" + addrsFor(m, 0)[m.Index])
	client, errClient := url.Parse("http://" + addrsFor(m, 1)[m.Index])
	if err := cmp.Or(errPeer, errClient); err != nil {
		return nil, err
	}
	c := embed.NewConfig()
	c.Name, c.Dir, c.LogLevel = fmt.Sprint(m.Index+1), m.Dir, "error"
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	var all []string
	for i, addr := range addrsFor(m, 0) {
		all = append(all, fmt.Sprintf("%d=http://%s", i+1, addr))
	}
	c.InitialCluster = strings.Join(all, ",")
	return c, nil
}

// callersOfConn is how many callers share a connection, as in etcd's own benchmarks.
const callersOfConn = 10

// driveEtcd asks the member that leads, of those with the given addresses, what "kv bench"
// asks ours: puts only.
func driveEtcd(addrs string, t harness.Turn) (_ *load.Report, err error) {
	all, err := dialAll(strings.Split(addrs, ","), dialEtcd)
	defer func() { err = errors.Join(err, closeAll(all)) }()
	if err != nil {
		return nil, err
	}
	leader, err := settle(all)
	if err != nil {
		return nil, err
	}
	var stores []load.Store
	defer func() {
		for _, s := range stores {
			err = errors.Join(err, s.Close())
		}
	}()
	for range (t.Callers + callersOfConn - 1) / callersOfConn {
		a, err := dialEtcd(strings.Split(addrs, ",")[leader])
		if err != nil {
			return nil, err
		}
		stores = append(stores, a.(*etcdAsker))
	}
	mix := load.Mix{Keys: keys(t), ValueBytes: commandBytes, Batch: 1, Seed: 1}
	if err := mix.Fill(stores, max(t.Callers, fillCallers)); err != nil {
		return nil, err
	}
	names := mix.Names()
	return load.Loop{Callers: t.Callers, Warmup: t.Warmup, For: t.For}.Run(func(i int) func() error {
		return mix.Caller(stores[i%len(stores)], names, i)
	})
}

// keys is how many there are: 10,000 at scale 1, as "kv bench" has them.
func keys(t harness.Turn) int { return max(1, int(10_000*t.Scale)) }

// fillCallers put the keys at first: more at a time than callers, which is quicker.
const fillCallers = 64

// etcdAsker asks one server, over one connection.
type etcdAsker struct {
	*clientv3.Client
	addr string
}

func dialEtcd(addr string) (asker, error) {
	conn, err := net.DialTimeout("tcp", addr, attemptWithin) // the client would try by itself, with long pauses
	if err != nil {
		return nil, err
	}
	_ = conn.Close() // nothing was said
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{"http://" + addr}, Logger: zap.NewNop()})
	if err != nil {
		return nil, err
	}
	return &etcdAsker{c, addr}, nil
}

// Ask implements asker.
func (a *etcdAsker) Ask(ctx context.Context) error {
	_, err := a.Client.Put(ctx, "k", strings.Repeat("v", commandBytes))
	return err
}

// Leader implements asker.
func (a *etcdAsker) Leader(ctx context.Context) (self, leader uint64, err error) {
	s, err := a.Status(ctx, "http://"+a.addr)
	if err != nil {
		return 0, 0, err
	}
	return s.Header.MemberId, s.Leader, nil
}

// Put implements load.Store.
func (a *etcdAsker) Put(key string, value []byte) error {
	_, err := a.Client.Put(context.Background(), key, string(value))
	return err
}

// Get implements load.Store.
func (a *etcdAsker) Get(key string) ([]byte, error) {
	r, err := a.Client.Get(context.Background(), key)
	if err != nil || len(r.Kvs) == 0 {
		return nil, err
	}
	return r.Kvs[0].Value, nil
}
