package stage4

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
)

// The names of the loads.
const (
	durable  = "durable"
	memory   = "memory"
	served   = "served"
	failover = "failover"
)

// failoverWithin is what a turn of kills may take: five times a leader and a member that
// is started again, on a slow machine.
const failoverWithin = 5 * time.Minute

// Stage returns the table of stage 4.
func Stage() harness.Stage {
	return harness.Stage{
		Number: 4, Title: "three replicas that agree on commands of 100 B",
		Build:   []string{"./p4-consensus/cmd/kvd", "./p1-kvrpc/cmd/kv"},
		Systems: systems(),
		Loads: []harness.Load{
			{Name: durable, Title: "in one process, durable: every vote is synced", Unit: "commits", Embedded: true},
			{Name: memory, Title: "in one process, nothing is synced", Unit: "commits", Embedded: true},
			{Name: served, Title: "three servers, durable puts of 100 B through clients", Unit: "commits"},
			{
				Name: failover, Title: "kill -9 of the leader; p50 and p99 are the time to the next commit", Unit: "recoveries",
				Callers: []int{1}, Within: failoverWithin, Embedded: true,
			},
		},
		Bars:  bars(),
		Peers: peers(),
	}
}

func systems() []harness.System {
	inside := []string{durable, memory}
	return []harness.System{
		{
			Name: "ours", About: "stage 4: package rsm, and kvd", Loads: []string{durable, memory, served, failover},
			Ports: replicas * addrsOfMember, Serve: serveOurs, Drive: driveOurs,
			Profile: func(p harness.Place) string { return "http://" + p.Addrs[1] + "/debug/pprof/profile" },
		},
		embedded("boltdb", "hashicorp/raft on raft-boltdb", append(inside, failover)),
		embedded("raftwal", "hashicorp/raft on raft-wal", []string{durable}),
		embedded("dragonboat", "dragonboat v4", append(inside, failover)),
		embedded("etcdraft", "etcd's raft and its WAL, over channels", inside),
		embedded("probe", "replication without agreement: the floor", inside),
		{
			Name: "etcd", About: "etcd, three servers", Loads: []string{served, failover},
			Ports: replicas * addrsOfMember, Serve: serveEtcd, Drive: driveEtcdIn,
		},
	}
}

// embedded is a peer that lives in the driver's process, or is started by it.
func embedded(name, about string, loads []string) harness.System {
	return harness.System{
		Name: name, About: about, Loads: loads,
		Serve: func(harness.Place) []harness.Command { return nil }, Drive: driveIn(name),
	}
}

// driveIn is the command that drives a peer in the directory of its place.
func driveIn(kind string) func(harness.Place, harness.Turn) harness.Command {
	return func(p harness.Place, t harness.Turn) harness.Command {
		p.Addrs = []string{p.Dir}
		return harness.DrivePeer(kind)(p, t)
	}
}

// bars are what stage 4 has to reach. The best of the peers is another one in each cell.
func bars() []harness.Bar {
	best := []string{"boltdb", "raftwal", "dragonboat", "etcdraft"}
	many := []int{64, 256}
	commits := func(must bool, callers int, want float64) harness.Bar {
		return harness.Bar{Must: must, Load: durable, Callers: []int{callers}, Among: best, Want: want}
	}
	return []harness.Bar{
		commits(true, 1, 1), commits(true, 16, 1.8), commits(true, 64, 1.5), commits(true, 256, 1.2),
		{Must: true, Load: durable, Callers: []int{1, 16, 64, 256}, Of: harness.P99, Among: best, Want: 1},
		{Must: true, Load: served, Callers: many, Peer: "etcd", Want: 4},
		{Must: true, Load: failover, Callers: []int{1}, Of: harness.P50, Peer: "etcd", Want: 0.2},
		commits(false, 16, 3), commits(false, 64, 2.5), commits(false, 256, 2),
		{Load: failover, Callers: []int{1}, Of: harness.P50, Want: 20_000},
	}
}

// peers are what this program drives, ours among them.
func peers() []harness.Peer {
	killed := contestants()
	return []harness.Peer{
		{Kind: "rsm", Drive: driveGroup(openOurs)},
		{Kind: "kvd", Drive: killed["kvd"].drive},
		{Kind: "boltdb", Drive: driveEither(hashicorpGroup(boltStore), killed["boltdb"]), Member: hashicorpMember},
		{Kind: "raftwal", Drive: driveGroup(hashicorpGroup(walStore))},
		{Kind: "dragonboat", Drive: driveEither(dragonboatGroup, killed["dragonboat"]), Member: dragonboatMember},
		{Kind: "etcdraft", Drive: driveGroup(openEtcdRaft)},
		{Kind: "probe", Drive: driveGroup(openProbe)},
		{Kind: "etcd", Drive: driveEtcdServers, Member: etcdMember},
	}
}

// driveEither drives a group in this process, or kills one in others.
func driveEither(open opener, c contestant) func(string, harness.Turn) (*load.Report, error) {
	return func(place string, t harness.Turn) (*load.Report, error) {
		if t.Load == failover {
			return c.drive(place, t)
		}
		return driveGroup(open)(place, t)
	}
}

// driveEtcdServers drives servers that run, by their addresses, or kills its own.
func driveEtcdServers(where string, t harness.Turn) (*load.Report, error) {
	if t.Load == failover {
		return contestants()["etcd"].drive(where, t)
	}
	return driveEtcd(where, t)
}

func serveOurs(p harness.Place) (all []harness.Command) {
	for _, m := range group3(p.Dir, p.Addrs) {
		all = append(all, kvd(p.Bin, m))
	}
	return all
}

func serveEtcd(p harness.Place) (all []harness.Command) {
	for _, m := range group3(p.Dir, p.Addrs) {
		all = append(all, harness.MemberOf(p.Self, "etcd", m))
	}
	return all
}

// clientsOf returns the addresses for clients of the servers at a place.
func clientsOf(p harness.Place, which int) string {
	return strings.Join(addrsFor(harness.Member{Addrs: p.Addrs}, which), ",")
}

func driveEtcdIn(p harness.Place, t harness.Turn) harness.Command {
	if t.Load == failover {
		return driveIn("etcd")(p, t)
	}
	p.Addrs = []string{clientsOf(p, 1)}
	return harness.DrivePeer("etcd")(p, t)
}

// driveOurs asks the servers through kv, and lets this program do the rest.
func driveOurs(p harness.Place, t harness.Turn) harness.Command {
	var c harness.Command
	switch t.Load {
	case served:
		c = harness.Command{Path: filepath.Join(p.Bin, "kv"), Args: []string{
			"-s", strings.Join(leaderFirst(addrsFor(harness.Member{Addrs: p.Addrs}, 0)), ","), "-json", "bench", "-callers", fmt.Sprint(t.Callers),
			"-warmup", t.Warmup.String(), "-for", t.For.String(), "-reads", "0", "-keys", fmt.Sprint(keys(t)),
		}}
	case failover:
		return driveIn("kvd")(p, t)
	default:
		c = driveIn("rsm")(p, t)
	}
	if t.Profile != "" {
		c.Args = append(c.Args, "-profile", t.Profile)
	}
	return c
}
