package stage1

import (
	"fmt"
	"path/filepath"

	"dss.example/common/bench/harness"
)

// The names of the loads.
const (
	shared   = "shared"
	private  = "private"
	multiget = "multiget"
)

// batch is how many keys a multi-get asks for.
const batch = 16

// Stage returns the table of stage 1.
func Stage() harness.Stage {
	return harness.Stage{
		Number: 1, Title: "a key-value store over RPC, 100 B values, 10,000 keys",
		Build:   []string{"./p1-kvrpc/cmd/kvd", "./p1-kvrpc/cmd/kv"},
		Systems: systems(),
		Loads: []harness.Load{
			{Name: shared, Title: "one connection for all callers, half gets, half puts", Unit: "ops"},
			{Name: private, Title: "a connection for each caller, half gets, half puts", Unit: "ops"},
			{Name: multiget, Title: "gets of 16 keys at once, one connection for all", Unit: "keys", Items: batch, Callers: []int{16, 64}},
		},
		Bars:  bars(),
		Peers: peers(),
	}
}

func systems() []harness.System {
	both, all := []string{shared, private}, []string{shared, private, multiget}
	return []harness.System{
		{
			Name: "ours", About: "stage 1: kvd, asked by kv bench", Loads: all,
			Ports: 2, Serve: serveOurs, Drive: driveOurs,
			Profile: func(p harness.Place) string { return "http://" + p.Addrs[1] + "/debug/pprof/profile" },
		},
		{
			Name: "redis", About: "Redis, asked through rueidis, which pipelines by itself", Loads: all,
			Needs: []harness.Tool{{Program: "redis-server", Package: "redis-server", Version: []string{"--version"}}},
			Ports: 1, Serve: serveRedis, Drive: harness.DrivePeer("redis"),
		},
		peer("gob", "net/rpc as it comes: the toy", both),
		peer("jsonrpc", "net/rpc/jsonrpc", both),
		peer("cbor", "net/rpc with a minimal CBOR codec", both),
		peer("grpc", "gRPC", both),
		peer("echo", "120 bytes over TCP and back: the floor", []string{private}),
	}
}

func peer(kind, about string, loads []string) harness.System {
	return harness.System{
		Name: kind, About: about, Loads: loads,
		Ports: 1, Serve: harness.ServePeer(kind), Drive: harness.DrivePeer(kind),
	}
}

// bars are what stage 1 has to reach. One caller has a bar of its own, the
// latency; the others are about many.
func bars() []harness.Bar {
	many := []int{64, 256}
	return []harness.Bar{
		{Must: true, Load: shared, Callers: many, Peer: "redis", Want: 0.95},
		{Must: true, Load: shared, Callers: many, Peer: "gob", Want: 2},
		{Must: true, Load: private, Callers: []int{16, 64, 256}, Peer: "gob", Want: 1.5},
		{Must: true, Load: private, Callers: []int{16, 64, 256}, Peer: "grpc", Want: 3},
		{Must: true, Load: private, Callers: []int{1}, Of: harness.P50, Peer: "echo", Want: 2.2},
		{Load: shared, Callers: many, Peer: "redis", Want: 1.2},
		{Load: private, Callers: []int{16, 64, 256}, Peer: "redis", Want: 0.75},
		{Load: multiget, Callers: []int{64}, Want: 1e6},
	}
}

func serveOurs(p harness.Place) []harness.Command {
	return []harness.Command{{Path: filepath.Join(p.Bin, "kvd"), Args: []string{"-listen", p.Addrs[0], "-http", p.Addrs[1], "-v", "error"}}}
}

func driveOurs(p harness.Place, t harness.Turn) harness.Command {
	args := []string{
		"-s", p.Addrs[0], "-json", "bench", "-callers", fmt.Sprint(t.Callers),
		"-warmup", t.Warmup.String(), "-for", t.For.String(),
	}
	switch t.Load {
	case private:
		args = append(args, "-private")
	case multiget:
		args = append(args, "-batch", fmt.Sprint(batch), "-reads", "100")
	}
	if t.Profile != "" {
		args = append(args, "-profile", t.Profile)
	}
	return harness.Command{Path: filepath.Join(p.Bin, "kv"), Args: args}
}

// serveRedis keeps nothing on disk, as ours does not.
func serveRedis(p harness.Place) []harness.Command {
	host, port := hostPort(p.Addrs[0])
	return []harness.Command{{Path: "redis-server", Args: []string{
		"--bind", host, "--port", port, "--dir", p.Dir, "--save", "", "--appendonly", "no",
	}}}
}
