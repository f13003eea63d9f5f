package met_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/judged/met"
	"dss.example/p3-replication/vector"
	"dss.example/p3-replication/world"
)

// worldOf is the usual world, of servers that have met.
func worldOf() *sim.Config {
	k := world.Usual()
	cfg := k.World()
	for i := range met.Servers {
		cfg.Nodes[i].Roles[0].Protocol = met.Protocol()
	}
	cfg.Judges = func() []sim.Judge { return []sim.Judge{met.Judge(k.Judges()[0])} }
	return cfg
}

func TestWhatServersDoThatHaveMetIsAllowed(t *testing.T) {
	sum := sim.Many(t.Context(), worldOf(), 1, 100, nil)
	require.NoError(t, failure(sum))
	require.Greater(t, sum.Answers, 1000)
}

func failure(sum *sim.Summary) error {
	if sum.Failed != nil {
		return sum.Failed
	}
	return nil
}

// forger is a server that saves a write of another's that nobody has accepted.
type forger struct{ machine.Machine }

func (f forger) Step(in machine.In, out *machine.Out) {
	f.Machine.Step(in, out)
	if _, asked := in.Event.(machine.Ask); asked {
		name, _ := vector.Root.Child(2)
		out.Save = append(out.Save, proto.Learned{Write: proto.Write{
			ID: vector.Stamp{Time: 1000, Server: name}, Kind: proto.Retirement,
		}})
	}
}

func TestWhatNoServerDoesIsNotAllowedAfterTheyHaveMetEither(t *testing.T) {
	cfg := worldOf()
	p := *met.Protocol()
	p.New = func(self machine.Addr, config []byte) (machine.Machine, error) {
		m, err := met.Protocol().New(self, config)
		return forger{m}, err
	}
	cfg.Nodes[2].Roles[0].Protocol = &p
	sum := sim.Many(t.Context(), cfg, 1, 10, nil)
	require.ErrorContains(t, failure(sum), "nobody has accepted")
}

func TestTheRecordsTellOfAllBirths(t *testing.T) {
	for node := machine.Node(1); node <= met.Servers; node++ {
		records := met.Records(node)
		require.Len(t, records, 1+met.Servers+1)
		require.Equal(t, node, records[0].(proto.Named).Place.Node)
		require.Len(t, records[1+met.Servers].(proto.Committed).IDs, met.Servers)
	}
}
