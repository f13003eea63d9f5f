package stage2

import (
	"fmt"
	"path/filepath"
	"time"

	"dss.example/common/bench/harness"
)

// The names of the loads.
const (
	put    = "put"
	get    = "get"
	first  = "first"
	second = "second"
	verify = "verify"
	served = "served"
)

// treeWithin is what a turn with the tree may take: laying and syncing it, and the slowest
// peer on a slow disk.
const treeWithin = 10 * time.Minute

// Stage returns the table of stage 2.
func Stage() harness.Stage {
	return harness.Stage{
		Number: 2, Title: "blobs, snapshots and puts that are durable",
		Build:   []string{"./p2-persist/cmd/blob", "./p2-persist/cmd/kvd", "./p1-kvrpc/cmd/kv", volatile + "=./p1-kvrpc/cmd/kvd"},
		Systems: systems(),
		Loads: []harness.Load{
			{Name: put, Title: "blobs of 4 KiB, durable when put returns", Unit: "puts", Callers: []int{1, 16, 64}, Embedded: true},
			{Name: get, Title: "blobs of 4 KiB, each checked against its hash", Unit: "gets", Callers: []int{1, 16}, Embedded: true},
			treeLoad(first, "first snapshot of a tree of files"),
			treeLoad(second, "second snapshot, after 1 % has changed"),
			treeLoad(verify, "every byte of both snapshots read and checked"),
			{Name: served, Title: "puts of 100 B to a server: durable, beside volatile ones of stage 1", Unit: "puts", Callers: []int{1, 64, 256}},
		},
		Bars:  bars(),
		Peers: peers(),
	}
}

func treeLoad(name, title string) harness.Load {
	return harness.Load{Name: name, Title: title, Unit: "MiB", Callers: []int{1}, Within: treeWithin, Embedded: true}
}

// volatile is the name under which the server of stage 1 is built.
const volatile = "kvd-of-stage1"

func systems() []harness.System {
	blobs, tree := []string{put, get}, []string{first, second, verify}
	return []harness.System{
		{
			Name: "ours", About: "stage 2: package pack, the programs blob and kvd", Loads: []string{put, get, first, second, verify, served},
			Ports: 2, Serve: serveOurs, Drive: driveOurs,
			Profile: func(p harness.Place) string { return "http://" + p.Addrs[1] + "/debug/pprof/profile" },
		},
		embedded("bbolt", "bbolt, Update and Batch", blobs),
		embedded("pebble", "pebble, Sync on every commit", blobs),
		installed("restic", "restic, no compression", tree, harness.Tool{Program: "restic", Package: "restic", Version: []string{"version"}}),
		installed("borg", "borg, no compression, no encryption", tree, harness.Tool{Program: "borg", Package: "borgbackup", Version: []string{"--version"}}),
		installed("git", "git, no compression", tree, harness.Tool{Program: "git", Package: "git", Version: []string{"--version"}}),
		installed("rsync", "rsync -a and sync", []string{first, second}, harness.Tool{Program: "rsync", Package: "rsync", Version: []string{"--version"}}),
		installed("cp", "cp -a and sync: the floor", []string{first}, harness.Tool{Program: "cp", Package: "coreutils", Version: []string{"--version"}}),
		{
			Name: "stage1", About: "stage 1: kvd, which keeps nothing", Loads: []string{served},
			Ports: 1, Serve: serveStage1, Drive: driveServed,
		},
	}
}

// embedded is a peer that lives in the driver's process.
func embedded(kind, about string, loads []string) harness.System {
	return harness.System{Name: kind, About: about, Loads: loads, Serve: serveNothing, Drive: driveIn(kind)}
}

// installed is a peer that is a program on the machine.
func installed(kind, about string, loads []string, needs harness.Tool) harness.System {
	s := embedded(kind, about, loads)
	s.Needs = []harness.Tool{needs}
	return s
}

func serveNothing(harness.Place) []harness.Command { return nil }

// driveIn is the command that drives a peer in the directory of its place.
func driveIn(kind string) func(harness.Place, harness.Turn) harness.Command {
	return func(p harness.Place, t harness.Turn) harness.Command {
		p.Addrs = []string{p.Dir}
		return harness.DrivePeer(kind)(p, t)
	}
}

// bars are what stage 2 has to reach.
func bars() []harness.Bar {
	one := []int{1}
	return []harness.Bar{
		{Must: true, Load: put, Callers: []int{64}, Peer: "pebble", Want: 2},
		{Must: true, Load: put, Callers: []int{16}, Peer: "pebble", Want: 1.4},
		{Must: true, Load: put, Callers: []int{1, 16, 64}, Of: harness.Space, Want: 1.05},
		{Must: true, Load: get, Callers: []int{1, 16}, Peer: "bbolt", Want: 1},
		{Must: true, Load: first, Callers: one, Of: harness.P50, Peer: "restic", Want: 0.4},
		{Must: true, Load: second, Callers: one, Of: harness.P50, Peer: "rsync", Want: 0.8},
		{Must: true, Load: second, Callers: one, Of: harness.Space, Want: 1.05},
		{Must: true, Load: verify, Callers: one, Of: harness.P50, Peer: "borg", Want: 0.2},
		{Must: true, Load: served, Callers: []int{64}, Peer: "stage1", Want: 0.5},
		{Load: put, Callers: []int{64}, Peer: "pebble", Want: 2.5},
		{Load: first, Callers: one, Of: harness.P50, Peer: "restic", Want: 0.25},
		{Load: second, Callers: one, Of: harness.P50, Peer: "rsync", Want: 0.4},
		{Load: verify, Callers: one, Of: harness.P50, Peer: "borg", Want: 0.08},
	}
}

func serveOurs(p harness.Place) []harness.Command {
	return []harness.Command{{Path: filepath.Join(p.Bin, "kvd"), Args: []string{
		"-data", filepath.Join(p.Dir, "data"), "-listen", p.Addrs[0], "-http", p.Addrs[1], "-v", "error",
	}}}
}

func serveStage1(p harness.Place) []harness.Command {
	return []harness.Command{{Path: filepath.Join(p.Bin, volatile), Args: []string{"-listen", p.Addrs[0], "-v", "error"}}}
}

// driveOurs is driveServed for the server, and else this program, which embeds package
// pack and starts blob.
func driveOurs(p harness.Place, t harness.Turn) harness.Command {
	kind := "blob"
	switch t.Load {
	case served:
		return driveServed(p, t)
	case put, get:
		kind = "pack"
	}
	c := driveIn(kind)(p, t)
	if t.Profile != "" {
		c.Args = append(c.Args, "-profile", t.Profile)
	}
	return c
}

// driveServed asks either server, with puts only.
func driveServed(p harness.Place, t harness.Turn) harness.Command {
	args := []string{
		"-s", p.Addrs[0], "-json", "bench", "-callers", fmt.Sprint(t.Callers),
		"-warmup", t.Warmup.String(), "-for", t.For.String(), "-reads", "0",
	}
	if t.Profile != "" {
		args = append(args, "-profile", t.Profile)
	}
	return harness.Command{Path: filepath.Join(p.Bin, "kv"), Args: args}
}
