package replica_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/replica"
	"dss.example/p3-replication/topology"
)

// ways are those from one replica to the others: what it says takes a while.
type ways struct {
	cluster *cluster
	mu      sync.Mutex // guards far
	far     map[string]*way
}

// way is one of them.
type way struct{ delay, bytes atomic.Int64 }

func (w *ways) to(addr string) *way {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.far == nil {
		w.far = map[string]*way{}
	}
	if w.far[addr] == nil {
		w.far[addr] = &way{}
	}
	return w.far[addr]
}

// set says how long each way is.
func (w *ways) set(delays map[string]time.Duration) {
	for addr, d := range delays {
		w.to(addr).delay.Store(int64(d))
	}
}

func (w *ways) dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := w.cluster.network.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	s := &slow{Conn: conn, way: w.to(addr), under: make(chan parcel, 1000), closed: make(chan struct{})}
	go s.carry() // until it is closed
	return s, nil
}

// slow is a connection along a way.
type slow struct {
	net.Conn
	way    *way
	under  chan parcel // on their way
	close  sync.Once
	closed chan struct{}
}

// parcel is what arrives at a time.
type parcel struct {
	due   time.Time
	bytes []byte
}

func (s *slow) Write(b []byte) (int, error) {
	s.way.bytes.Add(int64(len(b)))
	select {
	case s.under <- parcel{time.Now().Add(time.Duration(s.way.delay.Load())), bytes.Clone(b)}:
		return len(b), nil
	case <-s.closed:
		return 0, net.ErrClosed
	}
}

func (s *slow) carry() {
	for {
		var p parcel
		select {
		case p = <-s.under:
		case <-s.closed:
			return
		}
		select {
		case <-time.After(time.Until(p.due)):
			_, _ = s.Conn.Write(p.bytes)
		case <-s.closed:
			return
		}
	}
}

func (s *slow) Close() error {
	s.close.Do(func() { close(s.closed) })
	return s.Conn.Close()
}

// begin starts three replicas, of which the first is at the beginning of the ways.
func (w *ways) begin(change func(*replica.Config)) *node {
	for id := machine.Node(1); id <= 3; id++ {
		cfg := w.cluster.config(id)
		cfg.Bayou.Zone = "zone " + addr(id)
		if id == 1 {
			cfg.Network.Dial = w.dial
			change(&cfg)
		}
		w.cluster.start(cfg)
	}
	for _, n := range w.cluster.nodes {
		w.cluster.ready(n)
	}
	w.cluster.agree()
	return w.cluster.nodes[1]
}

// distances asks as a client does.
func (n *node) distances(t *testing.T) kv.Distances {
	d, err := n.client().Probe(t.Context())
	require.NoError(t, err)
	return d
}

// chosen returns who would be asked first; 0: nobody.
func chosen(d kv.Distances) (id kv.ReplicaID) {
	for _, one := range d.List {
		if one.Chosen {
			id = one.ID
		}
	}
	return id
}

func TestAReplicaTellsHowFarTheOthersAre(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		w := &ways{cluster: c}
		w.set(map[string]time.Duration{"n2": 10 * time.Millisecond, "n3": 40 * time.Millisecond})
		one := w.begin(func(*replica.Config) {})
		<-time.After(time.Minute)
		want := kv.Distances{Asked: 1, Zone: "zone n1", List: []kv.Distance{
			{ID: 2, Addr: "n2", Zone: "zone n2", Up: true, RTT: 10 * time.Millisecond, Chosen: true},
			{ID: 3, Addr: "n3", Zone: "zone n3", Up: true, RTT: 40 * time.Millisecond},
		}}
		require.Empty(t, cmp.Diff(want, rounded(one.distances(t))))

		w.set(map[string]time.Duration{"n4": 20 * time.Millisecond})
		c.put(c.ready(c.start(c.join(4))), "key", "a newcomer")
		c.crash(3)
		<-time.After(time.Minute)
		want.List[1].Up = false
		want.List = append(want.List, kv.Distance{ID: 4, Addr: "n4", Up: true, RTT: 20 * time.Millisecond})
		require.Empty(t, cmp.Diff(want, rounded(one.distances(t))))

		require.NoError(t, c.nodes[4].client().Change(t.Context(), kv.Change{Remove: 4}))
		require.ErrorIs(t, c.failure(c.nodes[4]), replica.ErrRetired)
		<-time.After(time.Minute)
		require.Empty(t, cmp.Diff(want.List[:2], rounded(one.distances(t)).List), "who has retired is far from nobody")
	})
}

// rounded returns distances in whole milliseconds.
func rounded(d kv.Distances) kv.Distances {
	for i := range d.List {
		d.List[i].RTT = d.List[i].RTT.Round(time.Millisecond)
	}
	return d
}

func TestTheNearestStaysChosenUntilAnotherIsClearlyNearer(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, c *cluster) {
		w := &ways{cluster: c}
		w.set(map[string]time.Duration{"n2": 40 * time.Millisecond, "n3": 60 * time.Millisecond})
		one := w.begin(func(*replica.Config) {})
		<-time.After(time.Minute)
		require.EqualValues(t, 2, chosen(one.distances(t)))
		w.set(map[string]time.Duration{"n3": 35 * time.Millisecond})
		<-time.After(time.Minute)
		require.Equal(t, 35*time.Millisecond, rounded(one.distances(t)).List[1].RTT)
		require.EqualValues(t, 2, chosen(one.distances(t)), "an eighth is not worth a change")
		w.set(map[string]time.Duration{"n3": 20 * time.Millisecond})
		<-time.After(time.Minute)
		require.EqualValues(t, 3, chosen(one.distances(t)))

		require.NoError(t, one.Leave(t.Context()))
		resp, err := one.Ask(t.Context(), &kv.Request{Op: kv.Probe{}})
		require.NoError(t, err)
		require.Equal(t, "n3", resp.(*kv.Response).Try, "who leaves sends others to the nearest")
	})
}

func TestNearReplicasAreSoughtOutMoreOften(t *testing.T) {
	for name, c := range map[string]struct {
		a    float64
		more bool
	}{"if that is wanted": {topology.MaxA, true}, "or all alike": {0, false}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 3, func(t *testing.T, cluster *cluster) {
				w := &ways{cluster: cluster}
				w.set(map[string]time.Duration{"n2": 10 * time.Millisecond, "n3": 40 * time.Millisecond})
				w.begin(func(cfg *replica.Config) { cfg.Near.A = c.a })
				<-time.After(time.Minute)
				near, far := w.to("n2").bytes.Load(), w.to("n3").bytes.Load()
				<-time.After(10 * time.Minute)
				near, far = w.to("n2").bytes.Load()-near, w.to("n3").bytes.Load()-far
				require.Equal(t, c.more, 10*near > 13*far, "%d bytes to the near one, %d to the far", near, far)
			})
		})
	}
}

func TestARequestForDistancesIsCheckedAsAllAre(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, c *cluster) {
		one := c.begin().nodes[1]
		ask := func(req kv.Request) *kv.Response {
			resp, err := one.Ask(t.Context(), &req)
			require.NoError(t, err)
			return resp.(*kv.Response)
		}
		require.Empty(t, cmp.Diff(kv.Distances{Asked: 1}, ask(kv.Request{Op: kv.Probe{}}).Result))
		require.Equal(t, kv.Unsupported, ask(kv.Request{Op: kv.Probe{}, Session: 1, Seq: 1}).Status)
		require.Equal(t, kv.Invalid, ask(kv.Request{Op: kv.Probe{}, Level: 200}).Status)
		told := make(chan machine.Data, 1)
		one.Submit(&kv.Request{Op: kv.Probe{}}, func(answer machine.Data, _ error) { told <- answer })
		require.Equal(t, kv.OK, (<-told).(*kv.Response).Status)
	})
}
