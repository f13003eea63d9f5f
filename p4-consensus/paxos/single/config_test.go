package single_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos/single"
)

func of(acceptors int) single.Config {
	var c single.Config
	for i := range acceptors {
		c.Acceptors = append(c.Acceptors, machine.Node(i+1))
	}
	return c
}

func TestAQuorumIsAMajorityUnlessSaidOtherwise(t *testing.T) {
	for n, want := range map[int]int{1: 1, 2: 2, 3: 2, 4: 3, 5: 3, 6: 4, 7: 4} {
		c := of(n)
		first, second := c.Quorums()
		require.Equal(t, [2]int{want, want}, [2]int{first, second}, "%d acceptors", n)
		require.NoError(t, c.Check())
		if n > 1 {
			c.Quorum1, c.Quorum2 = n, 1
			first, second = c.Quorums()
			require.Equal(t, [2]int{n, 1}, [2]int{first, second})
			require.NoError(t, c.Check())
		}
	}
}

func TestAConfigComesBackFromItsBytesWithDefaults(t *testing.T) {
	c := usual()
	c.Told, c.Quorum1, c.Quorum2, c.Timeout = 1, 3, 1, machine.Second
	got, err := single.DecodeConfig(c.AppendTo(nil))
	require.NoError(t, err)
	equal(t, c, got)

	got, err = single.DecodeConfig(usual().AppendTo(nil))
	require.NoError(t, err)
	c.Told, c.Quorum1, c.Quorum2, c.Timeout = 3, 2, 2, 100*machine.Millisecond
	equal(t, c, got)
}

func TestAConfigThatCannotWorkIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*single.Config){
		"no acceptors":            func(c *single.Config) { c.Acceptors = nil },
		"a node twice":            func(c *single.Config) { c.Proposers = []machine.Node{11, 11} },
		"out of order":            func(c *single.Config) { c.Learners = []machine.Node{22, 21} },
		"node 0":                  func(c *single.Config) { c.Learners = []machine.Node{0, 21} },
		"too many":                func(c *single.Config) { c.Acceptors = of(single.MaxNodes + 1).Acceptors },
		"quorums that never meet": func(c *single.Config) { c.Quorum1, c.Quorum2 = 2, 1 },
		"a quorum of too many":    func(c *single.Config) { c.Quorum1 = 4 },
		"told too many":           func(c *single.Config) { c.Told = 4 },
		"no patience":             func(c *single.Config) { c.Timeout = 3601 * machine.Second },
	} {
		t.Run(name, func(t *testing.T) {
			c := usual()
			spoil(&c)
			require.ErrorIs(t, c.Check(), single.ErrConfig)
			_, err := single.Protocol(single.Learner).New(learner(21), c.AppendTo(nil))
			require.ErrorIs(t, err, single.ErrConfig)
		})
	}
}

func TestAMachineIsOneOfItsGroup(t *testing.T) {
	for _, self := range []machine.Addr{acceptor(4), proposer(1), learner(11)} {
		_, err := single.Protocol(self.Role).New(self, usual().AppendTo(nil))
		require.ErrorIs(t, err, single.ErrConfig)
		_, err = single.Protocol(self.Role).New(self, []byte{0x80})
		require.ErrorIs(t, err, cbor.ErrMalformed)
	}
	require.Nil(t, single.Protocol("king"))
	require.Len(t, single.Roles(), 3)
}
