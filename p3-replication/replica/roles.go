package replica

import (
	"math"

	"dss.example/common/cbor"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/topology"
	"dss.example/p3-replication/topology/probe"
)

// Roles returns what a simulator must know to replay what Config.Record keeps, of servers with
// these Programs: by the roles under which the machines of a node are recorded.
func Roles(cfg bayou.Config) map[string]*machine.Protocol {
	return map[string]*machine.Protocol{role: Protocol(cfg), probingRole: probe.Protocol()}
}

// Protocol is that of Roles for the server, which takes what the probe sees beside its own
// messages. Its configuration is what setup returns.
func Protocol(cfg bayou.Config) *machine.Protocol {
	p := topology.WithSights(*bayou.Protocol(role, cfg))
	p.New = func(self machine.Addr, setup []byte) (machine.Machine, error) {
		r := cbor.NewReader(setup)
		s, told := topology.Spatial{A: math.Float64frombits(r.Uint())}, r.CopyBytes()
		if err := r.Close(); err != nil {
			return nil, err
		}
		if err := s.Check(); err != nil {
			return nil, err
		}
		near, guided := guide(s, cfg)
		server, err := bayou.Protocol(role, guided).New(self, told)
		near.Server = server
		return near, err
	}
	return p
}

// setup is what the server of this Config is told, as far as it can be written down.
func (c *Config) setup() []byte {
	return cbor.AppendBytes(cbor.AppendUint(nil, math.Float64bits(c.Near.A)), c.Bayou.AppendTo(nil))
}

// guide lets a server choose its partners by what the probe sees. The Near runs in its place.
func guide(s topology.Spatial, cfg bayou.Config) (*topology.Near, bayou.Config) {
	near := topology.NewNear(probingRole, s)
	cfg.Partner = near.Partner
	return near, cfg
}
