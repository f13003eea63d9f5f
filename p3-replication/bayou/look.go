package bayou

import (
	"fmt"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// What the world may look at between two steps, for people and for the network.

// Report tells what a server knows. Its three vectors are those of '97, figure 3.
type Report struct {
	Name     vector.Server // empty: it has none yet
	Database uint64
	Primary  bool
	Retired  bool
	Gone     bool // it has retired, and another server knows it: it may stop

	Omitted   vector.Vector // writes that are known but not kept
	Committed vector.Vector
	Full      vector.Vector // all writes that are known

	Commit    uint64 // the last commit number
	Dropped   uint64 // the last one whose write is not kept
	Tentative int
	Conflicts int
	Waiting   int // requests of sessions that cannot be served yet
	Cost      Cost
}

// Report returns what this server knows now. It shares no memory with it.
func (s *Server) Report() Report {
	return Report{
		Name: s.me.Name, Database: s.me.Database, Primary: s.isPrimary(), Retired: s.retired, Gone: s.gone(),
		Omitted: s.log.Omitted.Clone(), Committed: s.log.Sure.Clone(), Full: s.log.Known.Clone(),
		Commit: s.log.Commit(), Dropped: s.log.Dropped(), Tentative: len(s.log.Tentative()),
		Conflicts: s.state.Unresolved(), Waiting: len(s.waits), Cost: s.cost,
	}
}

// Hash returns the hash of a view: equal where the views are.
func (s *Server) Hash(view state.View) [32]byte {
	s.wind()
	return s.state.Hash(view)
}

// Peers returns whom this server may want to send messages to, by node.
func (s *Server) Peers() []Peer {
	all := make([]Peer, len(s.peers))
	for i, p := range s.peers {
		all[i] = p.Peer
	}
	return all
}

// Protocol returns what a world must know of Servers of one name, whose Config is told to each
// but for its functions, which are those of cfg.
func Protocol(name string, cfg Config) *machine.Protocol {
	return &machine.Protocol{
		Name: name,
		New: func(self machine.Addr, config []byte) (machine.Machine, error) {
			c := cfg
			if err := c.decode(config); err != nil {
				return nil, fmt.Errorf("%w: %w", errConfig, err)
			}
			return New(self, c)
		},
		Message: proto.DecodeMessage,
		Record:  proto.DecodeRecord,
		Command: func(b []byte) (machine.Data, error) { return kv.DecodeRequest(b) },
		Answer:  func(b []byte) (machine.Data, error) { return kv.DecodeResponse(b) },
	}
}
