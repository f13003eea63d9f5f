package faultproxy

import (
	"cmp"
	"math"
	"math/rand/v2"
	"time"
)

// Rates say how often each kind of fault strikes: a probability from 0 to 1 for
// each frame, Refuse for each new connection. The zero value is a network without
// faults.
//
// A frame meets at most one harm besides Delay, so the others should not sum to
// more than 1; if they do, those named first win.
type Rates struct {
	Delay     float64
	Drop      float64
	Duplicate float64
	Reorder   float64
	Cut       float64
	HalfOpen  float64
	Refuse    float64
	Slow      float64
	Partition float64
}

// Rough returns the rates of a network on which calls still come through, if
// their clients redial and try again: bounds to draw from with Swarm.
func Rough() Rates {
	return Rates{
		Delay: 0.2, Drop: 0.02, Duplicate: 0.05, Reorder: 0.05, Cut: 0.01,
		HalfOpen: 0.002, Refuse: 0.1, Slow: 0.02, Partition: 0.0005,
	}
}

// Swarm returns rates of which those of r are the bounds: each kind is left out
// half of the time, and else lies between a fiftieth of its bound and the bound,
// small rates as likely as large ones. A constant rain of everything would hide
// what one kind alone shows.
func (r Rates) Swarm(rng *rand.Rand) Rates {
	for _, rate := range []*float64{
		&r.Delay, &r.Drop, &r.Duplicate, &r.Reorder, &r.Cut, &r.HalfOpen, &r.Refuse, &r.Slow, &r.Partition,
	} {
		out, scale := rng.IntN(2) == 0, math.Pow(0.02, rng.Float64())
		if *rate *= scale; out {
			*rate = 0
		}
	}
	return r
}

// Times say how long faults last. A zero field means the default.
type Times struct {
	Delay   time.Duration // the shortest delay; the median is not twice as long. Default 1 ms
	Longest time.Duration // of a delay, a slow frame, being overtaken. Default 500 ms
	Late    time.Duration // by which a duplicate is late at most. Default 2 s
	Outage  time.Duration // of refusing, and of a partition that was drawn, at most. Default 2 s
}

func (t Times) withDefaults() Times {
	t.Delay = cmp.Or(t.Delay, time.Millisecond)
	t.Longest = max(t.Delay, cmp.Or(t.Longest, 500*time.Millisecond))
	t.Late = cmp.Or(t.Late, 2*time.Second)
	t.Outage = cmp.Or(t.Outage, 2*time.Second)
	return t
}

// tailExponent of the Pareto distribution of delays: finite mean, infinite
// variance, as measured round-trip times have it.
const tailExponent = 1.2

// delay turns x from [0, 1) into a delay with a heavy tail.
func (t Times) delay(x float64) time.Duration {
	d := float64(t.Delay) * math.Pow(1-x, -1/tailExponent)
	return time.Duration(min(d, float64(t.Longest)))
}

// outage turns x from [0, 1) into a duration that a client notices.
func (t Times) outage(x float64) time.Duration { return part(t.Outage, 0.1+0.9*x) }

func part(d time.Duration, x float64) time.Duration { return time.Duration(x * float64(d)) }

// direction is the way that a stream flows. Its value is part of what fates are
// drawn from.
type direction uint64

const (
	toServer direction = iota
	toClient
	accepting // no stream: the draw for a new connection
)

// fate is what befalls a frame.
type fate struct {
	harm  Fault         // beside the delay
	delay time.Duration // 0 for none
	x, y  float64       // from [0, 1): how the harm is done
}

// draw returns the fate of a frame. It is a pure function.
func (c *Config) draw(conn uint64, d direction, frame uint64) fate {
	r := rand.New(rand.NewPCG(mix(c.Seed+mix(conn)), mix(frame<<2|uint64(d))))
	late, delay, harm := r.Float64(), r.Float64(), r.Float64()
	f := fate{harm: none, x: r.Float64(), y: r.Float64()}
	if d == accepting {
		if harm < c.Rates.Refuse {
			f.harm = Refuse
		}
		return f
	}
	if late < c.Rates.Delay {
		f.delay = c.Times.delay(delay)
	}
	f.harm = c.Rates.pick(harm)
	return f
}

func (r Rates) pick(x float64) Fault {
	for _, h := range [...]struct {
		fault Fault
		rate  float64
	}{
		{Drop, r.Drop},
		{Duplicate, r.Duplicate},
		{Reorder, r.Reorder},
		{Cut, r.Cut},
		{HalfOpen, r.HalfOpen},
		{Slow, r.Slow},
		{Partition, r.Partition},
	} {
		if x -= h.rate; x < 0 {
			return h.fault
		}
	}
	return none
}

// mix spreads the bits of x (the finalizer of SplitMix64), so that neighbouring
// numbers give unrelated generators.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
