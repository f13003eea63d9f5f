package harness

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"

	"dss.example/common/bench/load"
)

// Stage is what is measured at one stage of the course.
type Stage struct {
	Number  int
	Title   string
	Build   []string // commands of the workspace that are built first, as "./p1-kvrpc/cmd/kvd", or "old=./p1-kvrpc/cmd/kvd" to name it
	Systems []System // ours first
	Loads   []Load
	Bars    []Bar
	Peers   []Peer // what the benchmark program itself serves and drives
}

// System is ours or a peer: a server and a driver for it.
type System struct {
	Name  string   // short: it labels rows, bars and the legend
	About string   // in a few words
	Loads []string // names of the loads that it takes part in
	Needs []Tool
	Ports int // how many addresses its servers listen on

	// Fetch gets what the system is made of, once before it takes part; an error names what
	// cannot be had. nil: there is nothing to get.
	Fetch func(context.Context) error

	Serve func(Place) []Command     // the servers
	Drive func(Place, Turn) Command // prints a load.Report

	// Profile returns the URL of the server's CPU profile; nil for a system that
	// is not to be profiled.
	Profile func(Place) string
}

// Tool is a program that has to be on the machine, and the Debian package of it.
type Tool struct {
	Program, Package string
	Version          []string // arguments that make it print its version
}

// Load is one way of asking. Loads and numbers of callers span the cells.
type Load struct {
	Name    string // one word
	Title   string
	Unit    string // what is counted: "ops"
	Items   int    // of that unit in one operation; 0 is one
	Callers []int  // instead of those asked for; nil is those

	Moved    bool          // Report.Space is of the network, for each byte that was missing; else of the disk, for each that is kept
	Within   time.Duration // may a turn take beside what it is asked to measure; 0 is a minute
	Embedded bool          // the driver does all itself: there is no server to profile
}

func (l Load) items() float64 { return float64(max(l.Items, 1)) }

// space and needed name what Report.Space is about.
func (l Load) space() string {
	if l.Moved {
		return "moved"
	}
	return "space"
}

func (l Load) needed() string {
	if l.Moved {
		return "what was missing"
	}
	return "what is kept"
}

// Place is where a system runs.
type Place struct {
	Bin   string   // directory of the built commands
	Self  string   // this program, for Peers
	Dir   string   // an empty directory of the system's own
	Addrs []string // loopback, free a moment ago
}

// Turn is one run of a driver.
type Turn struct {
	Load        string
	Callers     int
	Warmup, For time.Duration
	Scale       float64 // of what the load calls large: 1 is all of it
	Profile     string  // file for the driver's own CPU profile, or empty
}

// Command is a program with its arguments.
type Command struct {
	Path string
	Args []string
}

// Metric is what a bar is about.
type Metric int

// The metrics.
const (
	Rate   Metric = iota // more is better
	P50                  // less is better
	P99                  // less is better
	Space                // less is better
	Growth               // less is better
)

// Bar is a promise, or a wish, about ours.
type Bar struct {
	Must    bool // else an aim
	Of      Metric
	Load    string
	Callers []int
	Peer    string   // with which ours is compared; empty for none: Want is absolute then
	Among   []string // instead of Peer: with the best of these in each cell
	Want    float64  // at least, or at most where less is better, times the peer's
}

// Peer is a server and a driver that live in the benchmark program itself. Each
// still runs as a process: the program starts itself again as [ServePeer] and [DrivePeer] say.
type Peer struct {
	Kind  string
	Serve func(net.Listener) error // until the process is ended; nil if the server is another program
	Drive func(addr string, t Turn) (*load.Report, error)

	// Member is one of a group of servers, each a process: [MemberOf] is the command.
	// Until the process is ended; nil if there is no such group.
	Member func(m Member) error
}

// Member is a server's part in a group.
type Member struct {
	Index int      // from 0
	Dir   string   // its own; it is there again when the member is started again
	Addrs []string // for each member the same number, those of the first member first
}

// Own returns the addresses of member i of a group of n.
func (m Member) Own(i, n int) []string {
	each := len(m.Addrs) / n
	return m.Addrs[i*each : (i+1)*each]
}

// MemberOf is the command, of the program self, that is a member of a group.
func MemberOf(self, kind string, m Member) Command {
	return Command{self, []string{"peer", "member", kind, fmt.Sprint(m.Index), m.Dir, strings.Join(m.Addrs, ",")}}
}

// ServePeer is the command that serves a peer on the place's first address.
func ServePeer(kind string) func(Place) []Command {
	return func(p Place) []Command {
		return []Command{{p.Self, []string{"peer", "serve", kind, p.Addrs[0]}}}
	}
}

// DrivePeer is the command that drives a peer.
func DrivePeer(kind string) func(Place, Turn) Command {
	return func(p Place, t Turn) Command {
		return Command{p.Self, []string{
			"peer", "drive", kind, p.Addrs[0], "-load", t.Load, "-callers", fmt.Sprint(t.Callers),
			"-warmup", t.Warmup.String(), "-for", t.For.String(), "-scale", fmt.Sprint(t.Scale),
		}}
	}
}

// missing says what the system lacks and how to get it; nil if it has all.
func (s System) missing(ctx context.Context) error {
	for _, t := range s.Needs {
		if _, err := exec.LookPath(t.Program); err != nil {
			return fmt.Errorf("%s: not installed: apt-get install %s", t.Program, t.Package)
		}
	}
	if s.Fetch == nil {
		return nil
	}
	return s.Fetch(ctx)
}
