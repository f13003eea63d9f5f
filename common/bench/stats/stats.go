// Package stats says what a few rounds of a measurement amount to.
package stats

import (
	"maps"
	"slices"
)

// Spread is the median of some figures, their least and their greatest.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Times returns the spread of the figures multiplied by a factor.
func (s Spread) Times(f float64) Spread { return Spread{s.Median * f, s.Min * f, s.Max * f} }

// Of returns the spread of figures by round, zeros of none.
func Of(figures map[int]float64) Spread {
	sorted := slices.Sorted(maps.Values(figures))
	if len(sorted) == 0 {
		return Spread{}
	}
	return Spread{median(sorted), sorted[0], sorted[len(sorted)-1]}
}

// median is that of sorted figures, of which there is at least one.
func median(sorted []float64) float64 {
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// Ratio compares figures of the rounds in which both were measured: the ratio of the
// medians, with the least and the greatest ratio of a round. Without such a round it
// reports false.
func Ratio(ours, theirs map[int]float64) (Spread, bool) {
	x, y, ratios := map[int]float64{}, map[int]float64{}, map[int]float64{}
	for round := range ours {
		if theirs[round] > 0 {
			x[round], y[round], ratios[round] = ours[round], theirs[round], ours[round]/theirs[round]
		}
	}
	if len(ratios) == 0 {
		return Spread{}, false
	}
	s := Of(ratios)
	s.Median = Of(x).Median / Of(y).Median
	return s, true
}
