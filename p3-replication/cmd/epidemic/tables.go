package main

import (
	"context"
	"math"

	"dss.example/common/machine"
	"dss.example/p3-replication/cmd/epidemic/cycles"
	"dss.example/p3-replication/gossip"
)

// table is one of the paper's.
type table struct {
	number  int
	title   string
	note    string // what else must be known; may be empty
	columns []column
	rows    []row
	network bool // the sites are those of a cycles.Network
}

// column is a figure that each row has.
type column struct {
	name   string
	within float64 // of the paper's figure: the tolerance, as a share of it; 0 if none is at hand
	slack  float64 // and as a number besides, for figures that are near 0
}

// outside tells whether a figure is farther from the paper's than the tolerance.
func (c *column) outside(ours, paper float64) bool {
	return paper >= 0 && math.Abs(ours-paper) > c.within*paper+c.slack
}

// row is one way to spread an update.
type row struct {
	name   string
	config gossip.Config
	spread float64   // of a spatial distribution, a of Q^-a; 0 is uniform
	paper  []float64 // a figure a column; below 0: not known
}

// none stands for a figure of the paper that is not at hand.
const none = -1

// The columns of the tables of rumours. Our t_ave is a mean over the sites that learn the update; why
// the paper's lie up to a quarter above it, where all else agrees, is not known. A chain of blind sites
// without a second chance (k=1) ends by mere luck: last is the tolerance of t_last.
func rumourColumns(last float64) []column {
	return []column{
		{"residue s", 0.20, 0.0005},
		{"traffic m", 0.10, 0.01},
		{"t_ave", 0.25, 0},
		{"t_last", last, 0},
	}
}

// The columns of the tables of anti-entropy. The network is another than the paper's and larger, so
// that these are wide.
func spatialColumns() []column {
	return []column{
		{"t_last", 0.35, 0},
		{"t_ave", 0, 0},
		{"compare, average", 0.25, 0},
		{"compare, bottleneck", 0.35, 0},
		{"update, average", 0, 0},
		{"update, bottleneck", 0, 0},
	}
}

// tables are all that are printed, with the figures of the paper.
func tables() []table {
	push := gossip.Config{Rumours: gossip.Push}
	blind := gossip.Config{Rumours: gossip.Push, Fade: gossip.Fade{Blind: true, Coin: true}}
	pull := gossip.Config{Rumours: gossip.Pull}
	return []table{
		{
			number: 1, title: "rumours by push, feedback and counter", columns: rumourColumns(0.15),
			rows: fading(push, [][]float64{
				{0.18, 1.7, 11.0, 16.8},
				{0.037, 3.3, 12.1, 16.9},
				{0.011, 4.5, 12.5, 17.4},
				{0.0036, 5.6, 12.7, 17.5},
				{0.0012, 6.7, 12.8, 17.7},
			}),
		},
		{
			number: 2, title: "rumours by push, blind and coin", columns: rumourColumns(0.25),
			rows: fading(blind, [][]float64{
				{0.96, 0.04, 19, 38}, {0.20, 1.6, 17, 33}, {0.060, 2.8, 15, 32}, {0.021, 3.9, 14.1, 32}, {0.008, 4.9, 13.8, 32},
			}),
		},
		{
			number: 3, title: "rumours by pull, feedback and counter", columns: rumourColumns(0.15),
			rows: fading(pull, [][]float64{{0.031, 2.7, none, 17.6}, {5.8e-4, 4.5, none, 15.4}, {4e-6, 6.1, none, 14.0}}),
		},
		{
			number: 4, title: "anti-entropy by push-pull, near sites preferred", columns: spatialColumns(), network: true,
			note: "the network is made up: two trees of 8 branches, 40 sites in the smaller, one link between them",
			rows: spatial(gossip.Config{Entropy: gossip.PushPull}, map[float64][]float64{
				0:   {7.8, none, 5.9, 75.7, none, none},
				2.0: {13.3, none, 1.4, 2.4, none, none},
			}),
		},
		{
			number: 5, title: "the same, each site takes one conversation a cycle", columns: spatialColumns(), network: true,
			note: "the paper's figures are not at hand; in brackets is what is left of table 4 if 1-1/e of the sites are free when they are chosen",
			rows: spatial(gossip.Config{Entropy: gossip.PushPull, Limit: 1}, map[float64][]float64{
				0: {none, none, (1 - inverseE) * 5.9, (1 - inverseE) * 75.7, none, none},
			}),
		},
	}
}

// inverseE is 1/e, the share of sites that nobody chooses when all choose one.
const inverseE = 1 / math.E

// fading makes rows of K from 1 on.
func fading(c gossip.Config, paper [][]float64) (rows []row) {
	for i, figures := range paper {
		c.Fade.K = i + 1
		rows = append(rows, row{name: "k=" + string(rune('1'+i)), config: c, paper: figures})
	}
	return rows
}

// spatial makes rows of the paper's distributions.
func spatial(c gossip.Config, paper map[float64][]float64) (rows []row) {
	for _, d := range []struct {
		name string
		a    float64
	}{{"uniform", 0}, {"a=1.2", 1.2}, {"a=1.4", 1.4}, {"a=1.6", 1.6}, {"a=1.8", 1.8}, {"a=2.0", 2}} {
		figures, ok := paper[d.a]
		if !ok {
			figures = []float64{none, none, none, none, none, none}
		}
		rows = append(rows, row{name: d.name, config: c, spread: d.a, paper: figures})
	}
	return rows
}

// measure returns the means of a row's figures over many epidemics. Each begins at another site.
func (t *table) measure(ctx context.Context, r row, o options) ([]float64, error) {
	sums := make([]float64, len(t.columns))
	var network *cycles.Network
	if t.network {
		var err error
		if network, err = cycles.NewNetwork(o.sites); err != nil {
			return nil, err
		}
	}
	configs := r.configs(o.sites, network)
	for trial := range o.trials {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := cycles.New(configs, o.seed+uint64(trial))
		if err != nil {
			return nil, err
		}
		origin := trial * 37 % o.sites
		for i, f := range figures(n, network, origin) {
			sums[i] += f / float64(o.trials)
		}
	}
	return sums, nil
}

func (r *row) configs(sites int, network *cycles.Network) []gossip.Config {
	everyone := cycles.Everyone(sites)
	all := make([]gossip.Config, sites)
	for i := range all {
		all[i] = r.config
		all[i].Peers = everyone
		if network != nil {
			all[i].Weights = network.Weights(i, r.spread)
		}
	}
	return all
}

// figures are those of one epidemic, a figure a column.
func figures(n *cycles.Net, network *cycles.Network, origin int) []float64 {
	if network == nil {
		e := n.Rumour(origin)
		return []float64{e.Residue, e.Traffic, e.Average, e.Last}
	}
	compare, update := network.NewLoad(), network.NewLoad()
	e := n.Spread(origin, func(from, to int, msg machine.Data) {
		if _, ok := msg.(gossip.Diff); ok {
			compare.Add(from, to, 1) // a conversation has one: there is only a page of items
		}
		update.Add(from, to, cycles.Copies(msg))
	})
	count := float64(e.Cycles)
	return []float64{
		e.Last, e.Average, compare.Average() / count, compare.Bottleneck() / count,
		update.Average(), update.Bottleneck(),
	}
}
