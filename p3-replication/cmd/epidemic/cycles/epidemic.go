package cycles

import (
	"dss.example/common/machine"
	"dss.example/p3-replication/gossip"
)

// Epidemic is what became of one item that was written at one site.
type Epidemic struct {
	Residue float64 // the share of sites that never learnt it
	Traffic float64 // copies of it that were sent, a site
	Average float64 // cycles until a site learnt it, over those that did
	Last    float64 // cycles until the last of them did
	Cycles  int     // until nobody spread it any more, or all knew it
}

// maxCycles bounds an epidemic: one that lasts longer is taken as it is.
const maxCycles = 1000

// watch follows the spreading of an item.
type watch struct {
	net    *Net
	learnt []int // the cycle of each site, -1 for none yet
	copies int
	moved  int // copies in this cycle
	known  int
}

// follow writes an item at a site and watches it.
func follow(n *Net, site int) *watch {
	w := &watch{net: n, learnt: make([]int, len(n.sites))}
	for i := range w.learnt {
		w.learnt[i] = -1
	}
	n.Saved = func(site int, _ gossip.Item) {
		if w.learnt[site] < 0 {
			w.learnt[site] = n.cycle
			w.known++
		}
	}
	n.Sent = func(_, _ int, msg machine.Data) {
		w.copies += Copies(msg)
		w.moved += Copies(msg)
	}
	n.Ask(site, gossip.Put{Key: "update"})
	return w
}

// Copies counts the items that a message carries.
func Copies(msg machine.Data) int {
	switch m := msg.(type) {
	case gossip.Mail:
		return 1
	case gossip.Rumours:
		return len(m.Items)
	case gossip.Page:
		return len(m.Give)
	case gossip.Diff:
		return len(m.Items)
	}
	return 0
}

// Rumour writes an item at a site and lets cycles go by until no site tells it any more.
func (n *Net) Rumour(site int) Epidemic {
	w := follow(n, site)
	for n.cycle < maxCycles {
		w.moved = 0
		n.Cycle()
		if w.moved == 0 && n.quiet() {
			break
		}
	}
	return w.result()
}

// quiet tells whether no site has a hot rumour.
func (n *Net) quiet() bool {
	for i := range n.sites {
		if n.Ask(i, gossip.Look{}).(gossip.Outline).Hot > 0 {
			return false
		}
	}
	return true
}

// Spread writes an item at a site and lets cycles go by until all sites have it. each is called
// with every message, besides.
func (n *Net) Spread(site int, each func(from, to int, msg machine.Data)) Epidemic {
	w := follow(n, site)
	count := n.Sent
	n.Sent = func(from, to int, msg machine.Data) {
		count(from, to, msg)
		each(from, to, msg)
	}
	for n.cycle < maxCycles && w.known < len(n.sites) {
		n.Cycle()
	}
	return w.result()
}

func (w *watch) result() Epidemic {
	sites := float64(len(w.learnt))
	e := Epidemic{
		Residue: 1 - float64(w.known)/sites,
		Traffic: float64(w.copies) / sites,
		Cycles:  w.net.cycle,
	}
	for _, at := range w.learnt {
		if at >= 0 {
			e.Average += float64(at) / float64(w.known)
			e.Last = max(e.Last, float64(at))
		}
	}
	return e
}
