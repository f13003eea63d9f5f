package topology

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"dss.example/common/machine"

	"dss.example/p3-replication/topology/proto"
)

// MaxZones bounds the zones of a Map.
const MaxZones = 64

// ErrMap is what every refusal of a Map or Layout wraps.
var ErrMap = errors.New("topology: bad map")

// Map says how far zones are from each other. It does not change.
type Map struct {
	names []string
	rtt   [][]machine.Time // there and back; symmetric, and within a zone on the diagonal
}

// ParseMap reads a Map: a line for each zone, with its name, the round-trip times to the zones of the
// lines before, and the time within. What follows a # is a remark.
//
//	east    1ms
//	west   70ms  1ms
//	asia  180ms  120ms  1ms
//
// The error wraps ErrMap and names the line.
func ParseMap(text string) (*Map, error) {
	m := &Map{}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if fields := strings.Fields(line); len(fields) > 0 {
			if err := m.add(fields[0], fields[1:]); err != nil {
				return nil, fmt.Errorf("%w: line %d: %w", ErrMap, i+1, err)
			}
		}
	}
	if len(m.names) == 0 {
		return nil, fmt.Errorf("%w: no zone: want a line for each", ErrMap)
	}
	return m, nil
}

func (m *Map) add(name string, times []string) error {
	switch at := len(m.names); {
	case at == MaxZones:
		return fmt.Errorf("zone %q is one too many: at most %d", name, MaxZones)
	case slices.Contains(m.names, name):
		return fmt.Errorf("zone %q twice", name)
	case len(name) > proto.MaxName:
		return fmt.Errorf("a name of %d bytes: at most %d", len(name), proto.MaxName)
	case len(times) != at+1:
		return fmt.Errorf("zone %q has %d times: want %d, to the %d zones before and within", name, len(times), at+1, at)
	}
	row := make([]machine.Time, len(times))
	for i, text := range times {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 || machine.Time(d) > proto.MaxRTT {
			return fmt.Errorf("a round trip of %q: want one like 80ms, more than 0 and at most %v", text, time.Duration(proto.MaxRTT))
		}
		row[i] = machine.Time(d)
	}
	for i := range m.rtt {
		m.rtt[i] = append(m.rtt[i], row[i])
	}
	m.names, m.rtt = append(m.names, name), append(m.rtt, row)
	return nil
}

// Zones returns the names of the zones, in the order of the lines.
func (m *Map) Zones() []string { return slices.Clone(m.names) }

// RTT returns the round-trip time between two zones, or within one; false if there is no such zone.
func (m *Map) RTT(a, b string) (machine.Time, bool) {
	i, j := slices.Index(m.names, a), slices.Index(m.names, b)
	if i < 0 || j < 0 {
		return 0, false
	}
	return m.rtt[i][j], true
}

// Layout says in which zone of a Map each server is. It does not change.
type Layout struct {
	zones *Map
	at    map[machine.Node]int
}

// Lay places servers. The error wraps ErrMap: a zone that the Map does not have.
func (m *Map) Lay(places map[machine.Node]string) (*Layout, error) {
	l := &Layout{zones: m, at: make(map[machine.Node]int, len(places))}
	for node, zone := range places {
		at := slices.Index(m.names, zone)
		if at < 0 {
			return nil, fmt.Errorf("%w: node %d is in zone %q: want one of %q", ErrMap, node, zone, m.names)
		}
		l.at[node] = at
	}
	return l, nil
}

// Spread places nodes 1 to n in the zones by turns.
func (m *Map) Spread(n int) *Layout {
	l := &Layout{zones: m, at: make(map[machine.Node]int, n)}
	for i := range n {
		l.at[machine.Node(i+1)] = i % len(m.names)
	}
	return l
}

// Zone returns where a server is; "" if it is not placed.
func (l *Layout) Zone(node machine.Node) string {
	if at, ok := l.at[node]; ok {
		return l.zones.names[at]
	}
	return ""
}

// RTT returns the round-trip time between two servers. One that is not placed is far: math.MaxInt64.
func (l *Layout) RTT(a, b machine.Node) machine.Time {
	i, okA := l.at[a]
	j, okB := l.at[b]
	if !okA || !okB {
		return math.MaxInt64
	}
	return l.zones.rtt[i][j]
}

// Latency is how long a message takes: half a round trip, and nothing for servers that are not
// placed. It is for sim.Config.
func (l *Layout) Latency(from, to machine.Node) machine.Time {
	if t := l.RTT(from, to); t != math.MaxInt64 {
		return t / 2
	}
	return 0
}

// Weights returns how often a server chooses each peer: for gossip.Config.
func (l *Layout) Weights(self machine.Node, s Spatial, peers []machine.Node) []uint32 {
	return s.Weights(l.distances(self, peers))
}

// Partner returns a choice of partners by the Layout: for bayou.Config. It is a function of its
// arguments.
func (l *Layout) Partner(self machine.Node, s Spatial) func(rand uint64, peers []machine.Node) machine.Node {
	return func(rand uint64, peers []machine.Node) machine.Node {
		return s.Choose(rand, peers, l.distances(self, peers))
	}
}

// distances returns how far peers are; oneself is none.
func (l *Layout) distances(self machine.Node, peers []machine.Node) []machine.Time {
	all := make([]machine.Time, len(peers))
	for i, n := range peers {
		if all[i] = l.RTT(self, n); n == self {
			all[i] = Never
		}
	}
	return all
}
