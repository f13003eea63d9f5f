package stage3

import (
	"time"

	"dss.example/common/bench/harness"
)

// The names of the loads.
const (
	converge = "converge"
	visible  = "visible"
	loss     = "loss"
	replay   = "replay"
)

// Bounds on what a turn may take beside its time: the slowest peer needs a minute for one
// meeting on a slow machine.
const (
	meetWithin   = 10 * time.Minute
	replayWithin = 5 * time.Minute
)

// Stage returns the table of stage 3.
func Stage() harness.Stage {
	one := []int{1}
	return harness.Stage{
		Number: 3, Title: "replicas that write while cut off, writes of 100 B",
		Systems: systems(),
		Loads: []harness.Load{
			{
				Name: converge, Title: "two replicas with 10,000 writes each meet; p50 and p99 are of a meeting", Unit: "deliveries",
				Callers: one, Within: meetWithin, Embedded: true, Moved: true,
			},
			{
				Name: visible, Title: "one write, until all of five idle replicas show it", Unit: "writes",
				Callers: one, Within: meetWithin, Embedded: true,
			},
			{
				Name: loss, Title: "one write of which one of five replicas was told in vain, until it shows it", Unit: "writes",
				Callers: one, Within: meetWithin, Embedded: true,
			},
			{
				Name: replay, Title: "two replicas with m tentative writes each meet, m from 1,000 to 16,000", Unit: "writes",
				Callers: one, Within: replayWithin, Embedded: true,
			},
		},
		Bars:  bars(),
		Peers: peers(),
	}
}

func systems() []harness.System {
	return []harness.System{
		{
			Name: "ours", About: "stage 3: package replica", Loads: []string{converge, visible, loss, replay},
			Serve: serveNothing, Drive: driveOurs, Profile: func(harness.Place) string { return "" },
		},
		node("yjs", "Yjs, in Node.js"),
		node("automerge", "Automerge, in Node.js"),
		node("pouchdb", "PouchDB in memory, in Node.js"),
		embedded("memberlist", "hashicorp/memberlist, push and pull"),
		embedded("probe", "version vectors and what is beyond: the floor"),
	}
}

func serveNothing(harness.Place) []harness.Command { return nil }

// embedded is a peer that lives in the driver's process, or is started by it.
func embedded(kind, about string) harness.System {
	return harness.System{Name: kind, About: about, Loads: []string{converge}, Serve: serveNothing, Drive: driveIn(kind)}
}

// node is a peer of packages that npm fetches.
func node(kind, about string) harness.System {
	s := embedded(kind, about)
	s.Needs = []harness.Tool{
		{Program: "node", Package: "nodejs", Version: []string{"--version"}},
		{Program: "npm", Package: "npm", Version: []string{"--version"}},
	}
	s.Fetch = fetch
	return s
}

// driveIn is the command that drives a peer in the directory of its place.
func driveIn(kind string) func(harness.Place, harness.Turn) harness.Command {
	return func(p harness.Place, t harness.Turn) harness.Command {
		p.Addrs = []string{p.Dir}
		return harness.DrivePeer(kind)(p, t)
	}
}

func driveOurs(p harness.Place, t harness.Turn) harness.Command {
	c := driveIn("bayou")(p, t)
	if t.Profile != "" {
		c.Args = append(c.Args, "-profile", t.Profile)
	}
	return c
}

// bars are what stage 3 has to reach. Times are in microseconds.
func bars() []harness.Bar {
	one := []int{1}
	return []harness.Bar{
		{Must: true, Load: converge, Callers: one, Peer: "yjs", Want: 3},
		{Must: true, Load: converge, Callers: one, Peer: "pouchdb", Want: 50},
		{Must: true, Load: converge, Callers: one, Of: harness.Space, Want: 1.2},
		{Must: true, Load: visible, Callers: one, Of: harness.P50, Want: 10_000},
		{Must: true, Load: loss, Callers: one, Of: harness.P99, Want: 500_000},
		{Must: true, Load: replay, Callers: one, Of: harness.Growth, Want: 1.2},
		{Load: converge, Callers: one, Peer: "yjs", Want: 6},
		{Load: visible, Callers: one, Of: harness.P50, Want: 5_000},
	}
}

// peers are what this program drives, ours among them.
func peers() []harness.Peer {
	return []harness.Peer{
		{Kind: "bayou", Drive: driveBayou},
		{Kind: "probe", Drive: driveMeetings(openProbe)},
		{Kind: "memberlist", Drive: driveMeetings(openMemberlist)},
		{Kind: "yjs", Drive: driveNode("yjs")},
		{Kind: "automerge", Drive: driveNode("automerge")},
		{Kind: "pouchdb", Drive: driveNode("pouchdb")},
	}
}
