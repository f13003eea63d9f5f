package topology

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"dss.example/common/machine"
)

// Spatial is a distribution of partners over the others that prefers near ones: the paper of
// epidemics (Demers et al. 1987, section 3) has all sites of a distance d chosen alike, each with
// the chance
//
//	(Q(d')^(1-A) - Q(d)^(1-A)) / (Q(d) - Q(d'))
//
// but for a factor, where Q(d) is how many sites are no farther than d, itself included, and d' is
// the next smaller distance. That is the mean of Q^-A over the sites of that distance. It depends
// on the order of distances only: on a line, where Q grows as d does, it is d^-A; a far corner with
// few neighbours does not choose them for ever. A = 0 is uniform.
//
// On the paper's network A = 2 instead of 0 makes the traffic of the longest link thirty times less,
// and the time until all know not twice as long. Rumours then need to be told more often, or
// anti-entropy behind them.
type Spatial struct{ A float64 }

// MaxA bounds a Spatial's A.
const MaxA = 8

// Never is the distance of what is never to be chosen.
const Never machine.Time = -1

// maxWeight is gossip's: the weight of the nearest. The others' are at least 1.
const maxWeight = 1 << 30

// ErrSpatial tells that there is no such distribution.
var ErrSpatial = errors.New("topology: bad distribution")

// Check tells whether A is from 0 to MaxA. The error wraps ErrSpatial.
func (s Spatial) Check() error {
	if !(s.A >= 0 && s.A <= MaxA) {
		return fmt.Errorf("%w: a = %v: want 0 to %d", ErrSpatial, s.A, MaxA)
	}
	return nil
}

// Weights returns how often each of the others is chosen against the rest: the nearest get most, and
// all but those that are Never some. The distances may be in any unit and order; s must pass Check.
func (s Spatial) Weights(distance []machine.Time) []uint32 {
	byDistance := make([]int, 0, len(distance))
	for i, d := range distance {
		if d != Never {
			byDistance = append(byDistance, i)
		}
	}
	slices.SortStableFunc(byDistance, func(i, j int) int { return compare(distance[i], distance[j]) })
	weights := make([]uint32, len(distance))
	within, most := 1.0, 0.0 // itself
	for len(byDistance) > 0 {
		alike := 1
		for alike < len(byDistance) && distance[byDistance[alike]] == distance[byDistance[0]] {
			alike++
		}
		chance := s.fall(within, within+float64(alike)) / float64(alike)
		most = max(most, chance)
		for _, i := range byDistance[:alike] {
			weights[i] = uint32(math.Ceil(chance / most * maxWeight))
		}
		within += float64(alike)
		byDistance = byDistance[alike:]
	}
	return weights
}

func compare(a, b machine.Time) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// fall is the integral of q^-A.
func (s Spatial) fall(from, to float64) float64 {
	if s.A == 1 {
		return math.Log(to / from)
	}
	return (math.Pow(from, 1-s.A) - math.Pow(to, 1-s.A)) / (s.A - 1)
}

// Choose draws one of the peers by their distances, of which there is one for each: rand is 64 random
// bits. It returns 0 if there is none to choose.
func (s Spatial) Choose(rand uint64, peers []machine.Node, distance []machine.Time) machine.Node {
	weights := s.Weights(distance)
	var sum uint64
	for _, w := range weights {
		sum += uint64(w)
	}
	if sum == 0 {
		return 0
	}
	at := rand % sum
	for i, w := range weights {
		if at < uint64(w) {
			return peers[i]
		}
		at -= uint64(w)
	}
	return 0
}
