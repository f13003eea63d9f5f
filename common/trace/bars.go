package trace

import "slices"

// bar is a state of a whole node between two records: down, paused or cut off.
type bar struct {
	Kind  Kind   `json:"kind"`  // of the record that begins it
	First int    `json:"first"` // lanes
	Last  int    `json:"last"`
	From  int    `json:"from"` // records
	To    int    `json:"to"`
	Text  string `json:"text"`
}

// bars returns what lasted: crash to restart, pause to resume, cut to heal. What
// does not end lasts to the end of the trace.
func bars(records []Record, lanes []lane) []bar {
	k := keeper{lanes: lanes, last: len(records) - 1, open: make(map[condition]int)}
	for i, r := range records {
		node, far := uint64(r.Addr.Node), uint64(r.From.Node)
		switch r.Kind {
		case Crash:
			k.end(condition{Pause, node, 0}, i)
			k.begin(condition{Crash, node, 0}, i, "down")
		case Restart, Wipe:
			k.end(condition{Crash, node, 0}, i)
		case Pause:
			k.begin(condition{Pause, node, 0}, i, "paused")
		case Resume:
			k.end(condition{Pause, node, 0}, i)
		case Cut:
			k.begin(condition{Cut, node, far}, i, "hears nothing from "+Name(r.From))
		case Heal:
			k.end(condition{Cut, node, far}, i)
		}
	}
	return k.bars
}

// condition is what a bar shows, before it has lanes.
type condition struct {
	kind Kind
	node uint64
	far  uint64 // of a cut
}

type keeper struct {
	lanes []lane
	last  int // record
	open  map[condition]int
	bars  []bar
}

func (k *keeper) begin(c condition, at int, text string) {
	first := slices.IndexFunc(k.lanes, func(l lane) bool { return l.Node == c.node })
	if _, already := k.open[c]; already || first < 0 {
		return
	}
	last := first
	for last+1 < len(k.lanes) && k.lanes[last+1].Node == c.node {
		last++
	}
	k.open[c] = len(k.bars)
	k.bars = append(k.bars, bar{c.kind, first, last, at, k.last, text})
}

func (k *keeper) end(c condition, at int) {
	if n, ok := k.open[c]; ok {
		k.bars[n].To = at
		delete(k.open, c)
	}
}
