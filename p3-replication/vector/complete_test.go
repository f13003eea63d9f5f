package vector_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/p3-replication/vector"
)

func TestWhoHasNoEntryHasRetiredIfItsCreationIsKnown(t *testing.T) {
	for _, c := range []struct {
		v      vector.Vector
		server string
		time   uint64
		state  vector.State
	}{
		{nil, "0", 0, vector.Unheard},
		{nil, "0.5", 0, vector.Unheard},
		{entries(t, "0", 0), "0", 0, vector.Present},
		{entries(t, "0", 7, "0.5", 6), "0.5", 6, vector.Present},
		{entries(t, "0", 4), "0.5", 0, vector.Unheard},
		{entries(t, "0", 5), "0.5", vector.MaxTime, vector.Retired},
		{entries(t, "0", 7), "0.5", vector.MaxTime, vector.Retired},
		{entries(t, "0", 7), "0.5.6", vector.MaxTime, vector.Retired},
		{entries(t, "0", 4), "0.5.6", 0, vector.Unheard},
		{entries(t, "0", 9, "0.5", 5), "0.5.6", 0, vector.Unheard},
		{entries(t, "0", 9, "0.5", 6), "0.5.6", vector.MaxTime, vector.Retired},
		{entries(t, "0.5", 6), "0", vector.MaxTime, vector.Retired},
		{entries(t, "0.5", 6), "0.3", vector.MaxTime, vector.Retired},
	} {
		time, state := c.v.Complete(name(t, c.server))
		require.Equal(t, c.state, state, "%v of %v: %v", c.server, c.v, state)
		require.Equal(t, c.time, time, "%v of %v", c.server, c.v)
	}
	_, state := entries(t, "0", 1).Complete("somebody")
	require.Equal(t, vector.Unheard, state, "what is no name is nobody")
}

func TestStatesPrintAsWords(t *testing.T) {
	require.Equal(t, "unheard present retired state 9",
		vector.Unheard.String()+" "+vector.Present.String()+" "+vector.Retired.String()+" "+vector.State(9).String())
}

func TestAServerThatRetiredIsNotRevivedByAVectorThatIsOlder(t *testing.T) {
	old := entries(t, "0", 7, "0.5", 6)
	now := entries(t, "0", 9)
	for _, pair := range [][2]vector.Vector{{old, now}, {now, old}} {
		v := pair[0].Clone()
		v.Join(pair[1])
		require.Equal(t, "[0:9]", v.String())
	}
}

// site is a replica of the model: what it has is written down write by write, beside the
// vector that should tell it.
type site struct {
	name    vector.Server
	clock   vector.Clock
	log     []event // in the order of arrival
	has     map[vector.Stamp]bool
	vector  vector.Vector
	retired bool
}

// event is a write: of nothing in particular, or one that creates or retires a server.
type event struct {
	stamp   vector.Stamp
	creates vector.Server
	retires bool
}

func (s *site) learn(e event) {
	if s.has[e.stamp] {
		return
	}
	s.has[e.stamp] = true
	s.log = append(s.log, e)
	s.clock.Witness(e.stamp.Time)
	s.vector.Raise(e.stamp)
	switch {
	case e.creates != "":
		s.vector.Raise(vector.Stamp{Time: e.stamp.Time, Server: e.creates})
	case e.retires:
		s.vector.Remove(e.stamp.Server)
	}
}

func (s *site) accept(e event) {
	e.stamp = vector.Stamp{Time: s.clock.Tick(), Server: s.name}
	s.learn(e)
}

// create makes a new site, which knows what its creator knows.
func (s *site) create() *site {
	child, err := s.name.Child(s.clock.Last() + 1)
	if err != nil {
		return nil
	}
	s.accept(event{creates: child})
	made := &site{name: child, has: map[vector.Stamp]bool{}, vector: vector.Vector{{Server: vector.Root}}}
	made.pull(s)
	return made
}

// pull takes all that another has, in its order.
func (s *site) pull(from *site) {
	for _, e := range from.log {
		s.learn(e)
	}
}

func newSite() *site {
	return &site{name: vector.Root, has: map[vector.Stamp]bool{}, vector: vector.Vector{{Server: vector.Root}}}
}

// grow lets sites write, create, retire and exchange, and calls check after each step.
func grow(t *rapid.T, check func(all []*site)) []*site {
	all := []*site{newSite()}
	pick := func(what string) *site { return rapid.SampledFrom(all).Draw(t, what) }
	for range rapid.IntRange(1, 25).Draw(t, "steps") {
		s := pick("site")
		switch step := rapid.IntRange(0, 9).Draw(t, "step"); {
		case step < 6:
			s.pull(pick("from"))
		case s.retired:
		case step < 8:
			s.accept(event{})
		case step == 8:
			if made := s.create(); made != nil {
				all = append(all, made)
			}
		case othersStay(all, s):
			s.accept(event{retires: true})
			s.retired = true
		}
		check(all)
	}
	return all
}

// othersStay tells whether somebody else is left: the last server cannot retire.
func othersStay(all []*site, s *site) bool {
	return slices.ContainsFunc(all, func(o *site) bool { return o != s && !o.retired })
}

func TestAVectorKnowsTheWritesThatItsServerHasWhoeverCameAndWent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		grow(t, func(all []*site) {
			for _, s := range all {
				for _, writer := range all {
					for _, e := range writer.log {
						require.Equal(t, s.has[e.stamp], s.vector.Knows(e.stamp), "%v at %v of %v", e.stamp, s.name, s.vector)
					}
				}
			}
		})
	})
}

func TestAJoinKnowsWhatEitherKnows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := grow(t, func([]*site) {})
		for _, a := range all {
			for _, b := range all {
				joined, other := a.vector.Clone(), b.vector.Clone()
				joined.Join(b.vector)
				other.Join(a.vector)
				require.Empty(t, cmp.Diff(joined, other))
				sortedOnce(t, joined)
				for _, writer := range all {
					for _, e := range writer.log {
						require.Equal(t, a.has[e.stamp] || b.has[e.stamp], joined.Knows(e.stamp), "%v of %v", e.stamp, joined)
					}
				}
			}
		}
	})
}

// said is what a site has told of itself at some time.
type said struct {
	server vector.Server
	vector vector.Vector
}

func TestWhatAMatrixHoldsForCommonEverybodyHas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m vector.Matrix
		var spoken []said
		all := grow(t, func(all []*site) {
			s := rapid.SampledFrom(all).Draw(t, "speaker")
			spoken = append(spoken, said{s.name, s.vector.Clone()})
			heard := rapid.SampledFrom(spoken).Draw(t, "heard") // late, repeated, out of order
			require.True(t, m.Heard(heard.server, heard.vector))
			low := m.Min()
			for _, s := range all {
				for _, e := range s.log {
					if low.Knows(e.stamp) {
						requireAllHave(t, all, e.stamp)
					}
				}
			}
		})
		for range 2 { // all learn all, and say so
			for _, s := range all {
				for _, from := range all {
					s.pull(from)
				}
			}
		}
		for _, s := range all {
			require.True(t, m.Heard(s.name, s.vector))
		}
		require.Empty(t, cmp.Diff(all[0].vector, m.Min()))
	})
}

func requireAllHave(t require.TestingT, all []*site, stamp vector.Stamp) {
	for _, s := range all {
		if !s.retired {
			require.True(t, s.has[stamp], "%v lacks %v", s.name, stamp)
		}
	}
}
