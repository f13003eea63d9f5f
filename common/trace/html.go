package trace

import (
	"cmp"
	_ "embed" // the page's three parts
	"fmt"
	"html/template"
	"io"
	"slices"

	"dss.example/common/machine"
)

// MaxPage bounds the records of one HTML page: what a browser holds with ease.
const MaxPage = 50_000

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

// HTML writes one self-contained page: nodes as columns, time downward, messages
// as arrows, the steps beside. It refers to nothing outside itself, and whatever
// the records hold is shown as text. More than MaxPage records are ErrTooMany.
func HTML(w io.Writer, records []Record, title string) error {
	if len(records) > MaxPage {
		return fmt.Errorf("%w for a page: %d, at most %d", ErrTooMany, len(records), MaxPage)
	}
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return err
	}
	return t.Execute(w, struct {
		Title string
		CSS   template.CSS
		JS    template.JS
		Data  page
	}{title, template.CSS(pageCSS), template.JS(pageJS), newPage(records)})
}

// page is what the script draws: everything is decided here and placed there.
type page struct {
	Lanes   []lane   `json:"lanes"`
	Records []Record `json:"records"`
	Lane    []int    `json:"lane"`  // of each record
	Text    []string `json:"text"`  // of each record, on one line
	Clock   []string `json:"clock"` // of each record
	Arrows  []arrow  `json:"arrows"`
	Bars    []bar    `json:"bars"`
}

type lane struct {
	Node uint64 `json:"node,string"`
	Role string `json:"role"`
	name machine.Addr
}

// arrow is one way of one message from lane to lane. To is the index of the
// record that received it, or lost it; -1 if it was lost without a record.
type arrow struct {
	ID    uint64 `json:"id,string"`
	From  int    `json:"from"` // index of the record that sent it
	To    int    `json:"to"`
	Left  int    `json:"left"`  // lane of the sender
	Right int    `json:"right"` // lane of the receiver
	Lost  bool   `json:"lost"`
	Data  string `json:"data"`
}

func newPage(records []Record) page {
	p := page{Records: records, Lanes: lanes(records)}
	place := make(map[machine.Addr]int)
	for i, l := range p.Lanes {
		place[l.name] = i
	}
	all, byID := messages(records)
	for i := range records {
		r := &records[i]
		p.Lane = append(p.Lane, laneOf(place, p.Lanes, r.Addr))
		p.Text = append(p.Text, headline(r, byID))
		p.Clock = append(p.Clock, clock(r.At))
	}
	for _, m := range all {
		if !m.toSelf() {
			from, to := laneOf(place, p.Lanes, m.from), laneOf(place, p.Lanes, m.to)
			p.Arrows = append(p.Arrows, arrows(m, from, to)...)
		}
	}
	p.Bars = bars(records, p.Lanes)
	return p
}

// lanes returns the columns: every address that has a part in the trace, by node
// and role. A whole node gets one of its own only if no role of it has.
func lanes(records []Record) []lane {
	seen := make(map[machine.Addr]bool)
	roles := make(map[machine.Node]bool)
	note := func(a machine.Addr) {
		seen[a] = true
		roles[a.Node] = roles[a.Node] || a.Role != ""
	}
	for _, r := range records {
		if r.Addr != (machine.Addr{}) || len(r.Sent) > 0 {
			note(r.Addr)
		}
		if r.From != (machine.Addr{}) {
			note(r.From)
		}
		for _, s := range r.Sent {
			note(s.To)
		}
	}
	var all []lane
	for a := range seen {
		if a.Role != "" || !roles[a.Node] {
			all = append(all, lane{uint64(a.Node), a.Role, a})
		}
	}
	slices.SortFunc(all, func(x, y lane) int {
		return cmp.Or(cmp.Compare(x.Node, y.Node), cmp.Compare(x.Role, y.Role))
	})
	return all
}

// laneOf returns an address's lane; the first of its node for a whole node, and
// -1 for the whole world.
func laneOf(place map[machine.Addr]int, lanes []lane, a machine.Addr) int {
	if i, ok := place[a]; ok {
		return i
	}
	return slices.IndexFunc(lanes, func(l lane) bool { return l.name.Node == a.Node })
}

// headline is the event for a narrow column: what came before where from.
func headline(r *Record, byID map[uint64]*message) string {
	if r.Kind != Recv {
		return event(r, byID)
	}
	return clean(fmt.Sprintf("recv %s from %s", r.Data, Name(r.From)))
}

// arrows returns one arrow for each time that a message was received or dropped,
// and one for a message that neither happened to.
func arrows(m *message, from, to int) []arrow {
	a := arrow{ID: m.id, From: m.sent, To: -1, Left: from, Right: to, Lost: true, Data: m.data}
	var all []arrow
	for _, i := range m.dropped {
		a.To = i
		all = append(all, a)
	}
	a.Lost = false
	for _, i := range m.received {
		a.To = i
		all = append(all, a)
	}
	if len(all) == 0 {
		a.Lost = true
		all = append(all, a)
	}
	return all
}
