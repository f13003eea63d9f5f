package judged

import (
	"context"
	"strings"

	"dss.example/common/judge"
	"dss.example/common/kv"
	"dss.example/common/kvtest"
	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/run/kvstore"
	"dss.example/common/wire"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/server"
	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/table"
)

// wholeChecks start the servers and the client program as people do.
func wholeChecks() []judge.Check {
	return []judge.Check{
		{
			Step: "p1.8", Name: "kvd is a store", Run: daemonIsAStore,
			Rule: "The server as a process, asked by a right client over the wire, behaves as its table does in the simulator.",
		},
		{
			Step: "p1.5", Name: "kvd ends in good order", Run: daemonDrains,
			Rule: "On SIGTERM kvd ends with 0; what it holds is lost.",
		},
		{
			Step: "p1.6", Name: "kv is a client", Run: programIsAClient,
			Rule: "kv prints what a right server answers, and its exit code tells done, definitely not done and unknown apart.",
		},
		{
			Step: "p1.6", Name: "kv does not claim to know", Run: programIsHonest,
			Rule: "With no server kv ends with 1: nothing was done. With one that takes a write and never answers it ends with 3: nobody knows. With one that answers it ends with 0.",
		},
	}
}

// wireOps is how many operations a random case does over the wire.
const wireOps = 200

// startDaemon starts the submission's kvd and returns where it listens.
func startDaemon(t *judge.T) (*judge.Process, string) {
	p := t.Start("kvd", "-listen", "127.0.0.1:0")
	return p, p.Ready("kvd stage=1 listening on ")
}

func daemonIsAStore(t *judge.T) {
	offers := table.Offers()
	offers.Has &^= kv.CapSessions // the client's own
	for _, p := range placedCases {
		if !p.real {
			continue
		}
		t.Replay("go test ./p1-kvrpc/client -run '/%s$' -kvtest.seed=%d", strings.ReplaceAll(p.name, " ", "_"), t.Seed())
		worlds := &daemons{T: t}
		find(p.name, offers).Do(t, kvtest.Settings{Seed: t.Seed(), Ops: wireOps}, worlds.open)
		worlds.close()
	}
}

// daemons makes worlds of one kvd each.
type daemons struct {
	*judge.T
	processes []*judge.Process
	stops     []func()
	clients   []*client.Client
}

func (d *daemons) open() kvtest.World {
	p, addr := startDaemon(d.T)
	d.processes, d.stops = append(d.processes, p), append(d.stops, p.Watch())
	w := kvtest.Local(func(int) kv.Store { return d.connect(p, addr) }, nil)
	return w
}

// connect opens staff's client, which gives up when kvd has ended.
func (d *daemons) connect(p *judge.Process, addr string) kv.Store {
	ctx, cancel := context.WithCancel(d.Context())
	d.stops = append(d.stops, cancel)
	go func() {
		select {
		case <-p.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	c, err := client.Open(ctx, client.Options{Addrs: []string{addr}, Session: session.Config{Timeout: 300 * machine.Second}})
	if err != nil {
		d.Errorf("connect to kvd: %v", err)
		return gone{}
	}
	d.clients = append(d.clients, c)
	return mortal{c, ctx}
}

// mortal is a store that answers no more when ctx has ended.
type mortal struct {
	kv.Store
	ctx context.Context
}

func (m mortal) Do(_ context.Context, req *kv.Request) *kv.Response { return m.Store.Do(m.ctx, req) }

// gone is a store that is not there.
type gone struct{}

func (gone) Offers() kv.Caps { return kv.Caps{} }

func (gone) Do(context.Context, *kv.Request) *kv.Response {
	return kv.Refuse(kv.Maybe, "no connection")
}

func (d *daemons) close() {
	for _, c := range d.clients {
		_ = c.Close()
	}
	for _, stop := range d.stops {
		stop()
	}
	for _, p := range d.processes {
		p.Kill()
	}
}

func daemonDrains(t *judge.T) {
	p, addr := startDaemon(t)
	worlds := &daemons{T: t}
	c := worlds.connect(p, addr)
	if resp := c.Do(t.Context(), &kv.Request{Op: kv.Put{Key: "a", Value: []byte("x")}}); resp.Status != kv.OK {
		t.Fatalf("put: %v", resp)
	}
	worlds.close()
	p.Terminate()
	if code := p.Wait(); code != 0 {
		t.Errorf("kvd ended with %d after SIGTERM", code)
	}
}

// serve is a right server in the judge. It returns where it listens.
func serve(t *judge.T) string {
	self := machine.Addr{Node: 1, Role: "table"}
	owner, err := run.NewLock(run.Config{
		Self: self, Machine: table.NewMachine(self, table.Config{FirstID: 1}), Protocol: table.Protocol(),
	})
	if err != nil {
		t.NotJudged("%v", err)
	}
	store := kvstore.New(owner, table.Offers())
	ln := listen(t)
	srv := server.New(store, true, wire.ServerOptions{})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		_ = srv.Close()
		<-served
		_ = store.Close()
	})
	return ln.Addr().String()
}

// talk is what kv is told, and what it must print and end with.
var talk = []struct {
	args, in, out string
	code          int
}{
	{"get a", "", "", 1},
	{"put a 1", "", "ok rev 2\n", 0},
	{"get a", "", "1\n", 0},
	{"append a 23", "", "ok 3 bytes\n", 0},
	{"get a", "", "123\n", 0},
	{"put b -", "from the input", "ok rev 4\n", 0},
	{"get b", "", "from the input\n", 0},
	{"cas a 1 x", "", "", 1},
	{"cas a 123 4", "", "ok rev 5\n", 0},
	{"cas -rev 2 a '' x", "", "", 1},
	{"cas -rev 0 c '' made", "", "ok rev 6\n", 0},
	{"get c", "", "made\n", 0},
	{"get -at 2 a", "", "1\n", 0},
	{"del a", "", "ok rev 7\n", 0},
	{"del a", "", "", 1},
	{"get a", "", "", 1},
	{"scan", "", "b\tfrom the input\nc\tmade\n", 0},
	{"nonsense", "", "", 2},
}

func programIsAClient(t *judge.T) {
	addr := serve(t)
	for _, step := range talk {
		args := strings.Fields(step.args)
		for i := range args {
			args[i] = strings.Trim(args[i], "'")
		}
		p := t.Start("kv", append([]string{"-s", addr, "-timeout", "300s"}, args...)...)
		out, code := p.Talk(step.in)
		if code != step.code || out != step.out {
			t.Errorf("kv %s printed %q and ended with %d: want %q and %d %s", step.args, out, code, step.out, step.code, p.Errors())
		}
	}
}

func programIsHonest(t *judge.T) {
	gone := listen(t)
	gone.Close()
	if _, code := t.Start("kv", "-s", gone.Addr().String(), "-timeout", "2s", "put", "a", "1").Talk(""); code != 1 {
		t.Errorf("with no server kv put ended with %d: want 1", code)
	}
	addr := mute(t)
	if _, code := t.Start("kv", "-s", addr, "-timeout", "2s", "put", heard, "1").Talk(""); code != 0 {
		t.Errorf("with a server that answers kv put ended with %d: want 0", code)
	}
	if _, code := t.Start("kv", "-s", addr, "-timeout", "2s", "put", "a", "1").Talk(""); code != 3 {
		t.Errorf("with a server that never answers a write kv put ended with %d: want 3", code)
	}
}

// mute is a server that answers no write, except of the key heard.
func mute(t *judge.T) string {
	ln := listen(t)
	hush := make(chan struct{})
	srv := server.New(muteStore{hush}, false, wire.ServerOptions{})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		close(hush)
		_ = srv.Close()
		<-served
	})
	return ln.Addr().String()
}

type muteStore struct{ hush chan struct{} }

const heard = "heard"

func (muteStore) Offers() kv.Caps { return table.Offers() }

func (s muteStore) Do(_ context.Context, req *kv.Request) *kv.Response {
	switch op := req.Op.(type) {
	case kv.OpenSession:
		return &kv.Response{Status: kv.OK, Result: kv.SessionInfo{ID: 7, TTL: op.TTL}}
	case kv.Put:
		if op.Key == heard {
			return &kv.Response{Status: kv.OK}
		}
	}
	<-s.hush
	return kv.Refuse(kv.Unavailable, "the judge ends")
}
