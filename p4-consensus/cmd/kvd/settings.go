package main

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"time"

	"dss.example/common/daemon"
	"dss.example/common/daemon/cli"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

// settings are what the flags of this stage say.
type settings struct {
	join                       []string
	heartbeat, election, lease time.Duration
	alpha, snapshot            int64
	quorum1, quorum2           int64
}

// Bounds of the flags.
const (
	minHeartbeat = time.Millisecond
	maxElection  = time.Minute
	maxAlpha     = proto.MaxAlpha
	maxSnapshot  = 1 << 12 // MiB
)

// declare declares the flags, and sets what they say by themselves.
func (s *settings) declare(f *flag.FlagSet) {
	cli.AddrsVar(f, &s.join, "join", "", "join the group that the member at `ADDR` belongs to; -peers needs the own entry only")
	f.DurationVar(&s.heartbeat, "heartbeat", 20*time.Millisecond, "let a leader show that it lives every `TIME`")
	f.DurationVar(&s.election, "election", 200*time.Millisecond, "seek another leader after `TIME` of silence, at twice that at the latest")
	f.DurationVar(&s.lease, "lease", 0, "let a leader read without asking for `TIME` after a quorum has heard it, at most -election; 0 is never. "+
		"It needs clocks that agree within a tenth, and puts off the next leader by so much")
	number(f, &s.alpha, 64, 1, maxAlpha, "alpha", "have `N` slots open at a time; a change of the group counts N slots later. Of the first group")
	number(f, &s.snapshot, 16, 1, maxSnapshot, "snapshot", "take a snapshot after `MIB` of commands")
	number(f, &s.quorum1, 0, 0, proto.MaxMembers, "quorum1", "let `N` members make a leader; 0 is a majority. Of the first group")
	number(f, &s.quorum2, 0, 0, proto.MaxMembers, "quorum2", "let `N` members make a write durable; 0 is a majority, and both together exceed the members. Of the first group")
}

// check checks what one flag alone does not tell.
func (s *settings) check(c *daemon.Config) error {
	switch {
	case c.ID == 0:
		return cli.Usagef("flags -id and -peers are missing: want -id 1 -peers 1=ADDR,2=ADDR,3=ADDR")
	case c.TLS.Cert != "" && c.TLS.CA == "":
		return cli.Usagef("-tls-cert without -tls-ca: want the authority that the peers' certificates come from")
	case s.heartbeat < minHeartbeat:
		return cli.Usagef("bad value %v for -heartbeat: want %v or more", s.heartbeat, minHeartbeat)
	case s.election < 2*s.heartbeat || s.election > maxElection:
		return cli.Usagef("bad value %v for -election: want at least two heartbeats, %v, and at most %v", s.election, 2*s.heartbeat, maxElection)
	case s.lease < 0 || s.lease > s.election:
		return cli.Usagef("bad value %v for -lease: want 0 to -election, %v", s.lease, s.election)
	}
	if len(s.join) > 0 {
		return nil
	}
	n := int64(len(c.Peers))
	q1, q2 := cmp.Or(s.quorum1, n/2+1), cmp.Or(s.quorum2, n/2+1)
	if q1 > n || q2 > n || q1+q2 <= n {
		return cli.Usagef("quorums of %d and %d for %d peers: want at most %d each, and more than %d together", q1, q2, n, n, n)
	}
	return nil
}

// paxos returns what a replica is told.
func (s *settings) paxos(c *daemon.Config) paxos.Config {
	p := paxos.Config{
		Heartbeat: machine.Time(s.heartbeat), Election: machine.Time(s.election), Lease: machine.Time(s.lease),
		Alpha: uint64(s.alpha), Snapshot: int(s.snapshot) << 20, Quorum1: int(s.quorum1), Quorum2: int(s.quorum2),
	}
	for _, peer := range c.Peers {
		p.Peers = append(p.Peers, proto.Member{Voter: proto.Voter{Node: peer.ID}, Addr: peer.Addr})
	}
	if own := slices.IndexFunc(c.Peers, func(p daemon.Peer) bool { return p.ID == c.ID }); own >= 0 {
		p.Addr = c.Peers[own].Addr
	}
	return p
}

// number declares a flag that holds a number from least to most.
func number(f *flag.FlagSet, p *int64, preset, least, most int64, name, usage string) {
	*p = preset
	f.Var(numberValue{p, least, most}, name, usage)
}

type numberValue struct {
	p           *int64
	least, most int64
}

// String implements flag.Value.
func (v numberValue) String() string {
	if v.p == nil {
		return ""
	}
	return strconv.FormatInt(*v.p, 10)
}

// Set implements flag.Value.
func (v numberValue) Set(s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < v.least || n > v.most {
		return fmt.Errorf("want %d to %d", v.least, v.most)
	}
	*v.p = n
	return nil
}
