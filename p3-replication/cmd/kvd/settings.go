package main

import (
	"cmp"
	"flag"
	"slices"
	"time"

	"dss.example/common/daemon"
	"dss.example/common/daemon/cli"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/programs"
	"dss.example/p3-replication/topology"
)

// settings are what the flags of this stage say.
type settings struct {
	join     []string
	primary  uint64
	zone     string
	interval time.Duration
	eager    int
	near     float64
	probe    time.Duration
}

// Bounds of -interval and -probe, as their refusals tell.
const (
	minInterval = time.Millisecond
	maxInterval = time.Hour
)

// declare declares the flags, and sets what they say by themselves.
func (s *settings) declare(f *flag.FlagSet) {
	cli.AddrsVar(f, &s.join, "join", "", "take part in the database of the server at `ADDR`, who introduces this one to the others; -peers needs the own entry only")
	f.Uint64Var(&s.primary, "primary", 0, "let server `N` make the database, and so be its first primary; 0 is the lowest number in -peers. "+
		"If its disk is lost, start it again with -join, or it may make another one")
	f.StringVar(&s.zone, "zone", "", "tell others that this server is in `ZONE`")
	f.DurationVar(&s.interval, "interval", 500*time.Millisecond, "seek out another server every `TIME` or so, whether or not there is news")
	f.IntVar(&s.eager, "eager", 3, "tell `N` others of news at once")
	f.DurationVar(&s.probe, "probe", 500*time.Millisecond, "measure the distances to the others every `TIME`; kv probe shows them")
	f.Float64Var(&s.near, "near", 1, "when there is no news, seek out the nearest most often, and the Kth nearest about as often as K^-`A`; 0 is all alike")
}

// check checks what one flag alone does not tell.
func (s *settings) check(c *daemon.Config) error {
	switch {
	case c.ID == 0:
		return cli.Usagef("flags -id and -peers are missing: want -id 1 -peers 1=ADDR,2=ADDR,3=ADDR")
	case len(c.Peers) > bayou.MaxServers:
		return cli.Usagef("%d servers in -peers: want at most %d", len(c.Peers), bayou.MaxServers)
	case c.TLS.Cert != "" && c.TLS.CA == "":
		return cli.Usagef("-tls-cert without -tls-ca: want the authority that the peers' certificates come from")
	case s.primary != 0 && len(s.join) > 0:
		return cli.Usagef("-primary %d with -join: a database that is joined has its primary (kv transfer moves it)", s.primary)
	case s.primary != 0 && !slices.ContainsFunc(c.Peers, func(p daemon.Peer) bool { return uint64(p.ID) == s.primary }):
		return cli.Usagef("-primary %d is not in -peers", s.primary)
	case len(s.zone) > proto.MaxAddr:
		return cli.Usagef("a -zone of %d bytes: want at most %d", len(s.zone), proto.MaxAddr)
	case s.interval < minInterval || s.interval > maxInterval:
		return cli.Usagef("bad value %v for -interval: want 1ms to 1h", s.interval)
	case s.probe < minInterval || s.probe > maxInterval:
		return cli.Usagef("bad value %v for -probe: want 1ms to 1h", s.probe)
	case topology.Spatial{A: s.near}.Check() != nil:
		return cli.Usagef("bad value %v for -near: want 0 to %d", s.near, topology.MaxA)
	case s.eager < 0 || s.eager > bayou.MaxServers:
		return cli.Usagef("bad value %d for -eager: want 0 to %d", s.eager, bayou.MaxServers)
	}
	return nil
}

// bayou returns what a server is told.
func (s *settings) bayou(c *daemon.Config) bayou.Config {
	b := bayou.Config{
		Zone: s.zone, Programs: programs.New, Interval: machine.Time(s.interval),
		Eager: cmp.Or(s.eager, -1), // which is none
		Found: len(s.join) == 0 && cmp.Or(machine.Node(s.primary), c.Peers[0].ID) == c.ID,
	}
	for _, p := range c.Peers {
		if p.ID == c.ID {
			b.Addr = p.Addr
			continue
		}
		b.Peers = append(b.Peers, bayou.Peer{Node: p.ID, Addr: p.Addr})
	}
	return b
}
