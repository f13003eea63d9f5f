package judged

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"dss.example/common/judge"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/judged/asked"
	"dss.example/p3-replication/vector"
)

const stepOrder = "p3.2"

// orderChecks are those of p3.2.
func orderChecks() []judge.Check {
	return []judge.Check{
		{
			Step: stepOrder, Name: "tentative writes are in the order of their stamps", Run: orders(sameTentative, nil),
			Rule: "Whenever a write comes, its place is by its stamp: those from there on come behind it.",
		},
		{
			Step: stepOrder, Name: "committed writes are in the order of their numbers", Run: orders(sameCommitted, nil),
			Rule: "What gets the next number is tentative no more, wherever it stood; the oldest may be dropped, and their numbers stay counted.",
		},
		{
			Step: stepOrder, Name: "vectors tell what is known, committed and dropped", Run: orders(sameVectors, nil),
			Rule: "Each write raises its server's entry, a birth makes one, a retirement removes it, in the vector of every set that the write is in.",
		},
		{
			Step: stepOrder, Name: "what another server lacks comes in an order without gaps", Run: orders(nil, lacks),
			Rule: "First the committed writes by number, then the others by stamp; of what is known there already only the number. Wherever it is cut off, the rest can follow.",
		},
		{
			Step: stepOrder, Name: "who is ahead is known", Run: orders(nil, ahead),
			Rule: "Another is ahead if it knows a number, a write or a retirement that is not known here, and not otherwise.",
		},
		{
			Step: stepOrder, Name: "a state takes the place of the writes in it", Run: orders(sameAll, restarts),
			Rule: "After a state has come its writes are gone, and tentative writes that are not in it stay.",
		},
	}
}

// log is the order of writes in the plainest way. All that there will ever be are in the order of
// their numbers; some have been learned, the first few committed, the first of these dropped.
type log struct {
	all             []*proto.Write
	learned         map[vector.Stamp]bool
	dropped, commit int
	tentative       []*proto.Write // by stamp
	known           known
	sure, omitted   known
}

// drawLog draws writes of servers that are born, write and retire, in an order in which numbers
// can be given: it is not that of the stamps.
func drawLog(r *rand.Rand, n int) *log {
	l := &log{learned: map[vector.Stamp]bool{}, known: known{}, sure: known{}, omitted: known{}}
	last := known{vector.Root: 0}
	for len(l.all) < n {
		by := pick(r, slices.Sorted(maps.Keys(last)))
		w := &proto.Write{ID: vector.Stamp{Time: last[by] + 1 + r.Uint64N(4), Server: by}, Kind: proto.Update}
		last[by] = w.ID.Time
		switch kind := r.IntN(12); {
		case len(l.all) == 0:
			w.ID.Time, last[by], w.Kind, w.Place = 1, 1, proto.Birth, proto.Place{Node: 1, Life: 1}
		case kind < 2 && len(last) < 6:
			w.Kind, w.Place = proto.Birth, proto.Place{Node: machine.Node(len(l.all) + 1), Life: 1}
			if child, err := w.Child(); err == nil {
				last[child] = w.ID.Time
			}
		case kind == 2 && by != vector.Root:
			w.Kind = proto.Retirement
			delete(last, by)
		default:
			w.Update = []proto.Change{{Key: "k", Value: bytes.Repeat([]byte{'v'}, r.IntN(40))}}
		}
		l.all = append(l.all, w)
	}
	return l
}

// next returns a write that may be learned next: all earlier ones of its server are, and its
// birth; nil if all are.
func (l *log) next(r *rand.Rand) *proto.Write {
	var may []*proto.Write
	waits := map[vector.Server]bool{}
	for _, w := range l.all {
		if born := w.ID.Server.Born(); !l.learned[w.ID] && !waits[w.ID.Server] && (born.IsZero() || l.learned[born]) {
			may = append(may, w)
		}
		waits[w.ID.Server] = waits[w.ID.Server] || !l.learned[w.ID]
	}
	if len(may) == 0 {
		return nil
	}
	return pick(r, may)
}

func (k known) know(w *proto.Write) {
	k[w.ID.Server] = max(k[w.ID.Server], w.ID.Time)
	if child, err := w.Child(); w.Kind == proto.Birth && err == nil {
		k[child] = max(k[child], w.ID.Time)
	}
	if w.Kind == proto.Retirement {
		delete(k, w.ID.Server)
	}
}

// insert learns a write, and returns its place.
func (l *log) insert(w *proto.Write) int {
	l.learned[w.ID] = true
	l.known.know(w)
	l.tentative = append(l.tentative, w)
	slices.SortFunc(l.tentative, func(a, b *proto.Write) int { return a.ID.Compare(b.ID) })
	return slices.Index(l.tentative, w)
}

// promotable returns the place of the write that gets the next number; -1 if it is not known.
func (l *log) promotable() int {
	if l.commit == len(l.all) {
		return -1
	}
	return slices.Index(l.tentative, l.all[l.commit])
}

func (l *log) promote(at int) {
	l.sure.know(l.tentative[at])
	l.tentative = slices.Delete(l.tentative, at, at+1)
	l.commit++
}

// drop keeps so many committed writes, and so many bytes of all.
func (l *log) drop(writes, size int) {
	for l.dropped < l.commit && (l.commit-l.dropped > writes || l.size() > size) {
		l.omitted.know(l.all[l.dropped])
		l.dropped++
	}
}

func (l *log) size() (n int) {
	for _, w := range slices.Concat(l.all[l.dropped:l.commit], l.tentative) {
		n += w.Size()
	}
	return n
}

// restart makes it that of who has the state after a number.
func (l *log) restart(commit int) {
	l.commit, l.dropped, l.sure = commit, commit, known{}
	for _, w := range l.all[:commit] {
		l.sure.know(w)
		l.learned[w.ID] = true
	}
	l.known, l.omitted = maps.Clone(l.sure), maps.Clone(l.sure)
	l.tentative = slices.DeleteFunc(l.tentative, func(w *proto.Write) bool { return l.sure.knows(w.ID) })
	for _, w := range l.tentative {
		l.known.know(w)
	}
}

func (l *log) reach() proto.Reach {
	return proto.Reach{Known: l.known.vector(), Commit: uint64(l.commit)}
}

// aspect says what of a picture is not as it should be; empty: nothing.
type aspect func(got *asked.Picture, want *log) string

// ids are the stamps of writes.
func ids(writes []*proto.Write) (all []vector.Stamp) {
	for _, w := range writes {
		all = append(all, w.ID)
	}
	return all
}

func sameTentative(got *asked.Picture, want *log) string {
	if !slices.Equal(got.Tentative, ids(want.tentative)) {
		return fmt.Sprintf("the tentative writes are said to be %v: want %v", got.Tentative, ids(want.tentative))
	}
	return ""
}

func sameCommitted(got *asked.Picture, want *log) string {
	committed := ids(want.all[want.dropped:want.commit])
	if got.Commit != uint64(want.commit) || got.Dropped != uint64(want.dropped) || !slices.Equal(got.Committed, committed) {
		return fmt.Sprintf("behind number %d, up to %d, are said to be %v: want behind %d, up to %d, %v",
			got.Dropped, got.Commit, got.Committed, want.dropped, want.commit, committed)
	}
	return ""
}

func sameVectors(got *asked.Picture, want *log) string {
	for _, v := range []struct {
		name string
		got  vector.Vector
		want known
	}{{"known", got.Known, want.known}, {"committed", got.Sure, want.sure}, {"dropped", got.Omitted, want.omitted}} {
		if !bytes.Equal(v.got.AppendTo(nil), v.want.encode()) {
			return fmt.Sprintf("what is %s is said to be %v: want %v", v.name, v.got, v.want.vector())
		}
	}
	return ""
}

func sameAll(got *asked.Picture, want *log) string {
	for _, a := range []aspect{sameTentative, sameCommitted, sameVectors} {
		if wrong := a(got, want); wrong != "" {
			return wrong
		}
	}
	return ""
}

// ordering is a part that orders writes, beside a plain one.
type ordering struct {
	*part
	log     *log
	look    aspect
	reaches []proto.Reach // of earlier moments
}

// Logs that a check draws, and writes of each.
const (
	drawnLogs   = 12
	drawnWrites = 40
)

// orders lets writes come and be committed and dropped in many ways, looks at one aspect after
// each step, and now and then does something else.
func orders(look aspect, also func(*ordering)) func(*judge.T) {
	return func(t *judge.T) {
		p := newPart(t, asked.Order, "bayou/order")
		for i := range drawnLogs {
			p.anew(i)
			o := &ordering{part: p, look: look}
			o.run(also)
		}
	}
}

func (o *ordering) run(also func(*ordering)) {
	o.log = drawLog(o.r, drawnWrites)
	for o.log.commit < len(o.log.all) {
		o.step()
		o.reaches = append(o.reaches, o.log.reach())
		if also != nil && o.r.IntN(4) == 0 {
			also(o)
		}
	}
}

// step lets one thing happen.
func (o *ordering) step() {
	at := o.log.promotable()
	switch w := o.log.next(o.r); {
	case o.r.IntN(12) == 0:
		writes, size := o.r.IntN(5), 1<<20
		if o.r.IntN(4) == 0 {
			writes, size = drawnWrites, o.r.IntN(1000)
		}
		o.log.drop(writes, size)
		o.see(o.ask(asked.Drop, []uint64{uint64(writes), uint64(size)}))
	case at >= 0 && (w == nil || o.r.IntN(2) == 0):
		o.log.promote(at)
		o.see(o.ask(asked.Promote, []uint64{uint64(at)}))
	case w != nil:
		place := o.log.insert(w)
		if p := o.see(o.ask(asked.Insert, nil, asked.EncodeWrite(w))); p.Place != uint64(place) {
			o.t.Fatalf("%v is put at place %d: want %d", w.ID, p.Place, place)
		}
	}
}

// see looks at the aspect that the check is about.
func (o *ordering) see(a asked.Talk) asked.Picture {
	got, err := a.Picture()
	answer(o.part, got, err)
	if o.look != nil {
		if wrong := o.look(&got, o.log); wrong != "" {
			o.t.Fatalf("question %d: %s", o.n, wrong)
		}
	}
	return got
}

// another draws how far another server has come: as this one was at some time, with a server
// perhaps that is not known here.
func (o *ordering) another() proto.Reach {
	reach := o.reaches[o.r.IntN(len(o.reaches))]
	reach.Known = reach.Known.Clone()
	if o.r.IntN(6) == 0 {
		reach.Known = known{name(1000): 1000}.merged(ofVector(reach.Known)).vector()
	}
	if o.r.IntN(6) == 0 {
		reach.Commit += uint64(o.r.IntN(3))
	}
	return reach
}

func ofVector(v vector.Vector) known {
	k := known{}
	for _, e := range v {
		k[e.Server] = e.Time
	}
	return k
}

func ahead(o *ordering) {
	reach := o.another()
	there := ofVector(reach.Known)
	want := reach.Commit > uint64(o.log.commit)
	for s, t := range there {
		here, state := o.log.known.complete(s)
		want = want || state == vector.Unheard || here < t
	}
	for s := range o.log.known {
		_, state := there.complete(s)
		want = want || state == vector.Retired
	}
	if got := o.number(asked.Ahead, nil, asked.EncodeReach(reach)) == 1; got != want {
		o.t.Fatalf("here %v and number %d are known, there %v and number %d: it is said to be ahead: %v, want %v",
			o.log.known.vector(), o.log.commit, reach.Known, reach.Commit, got, want)
	}
}

// lacks asks for what another lacks, in pieces of some size.
func lacks(o *ordering) {
	reach := o.another()
	if reach.Commit < uint64(o.log.dropped) || reach.Commit > uint64(o.log.commit) {
		return
	}
	want := o.missing(reach)
	size := []int{1, 200, 1 << 20}[o.r.IntN(3)]
	a := o.ask(asked.Beyond, []uint64{uint64(size)}, asked.EncodeReach(reach))
	got, err := a.Batch()
	answer(o.part, got, err)
	whole := size == 1<<20 || len(want) == 0
	switch n := len(got.Items); {
	case n > len(want) || !bytes.Equal(encodeItems(got.Items), encodeItems(want[:min(n, len(want))])):
		o.t.Fatalf("to one that knows %v and number %d are sent %v: want as much as fits of %v", reach.Known, reach.Commit, got.Items, want)
	case got.More != (n < len(want)) || n == 0 && len(want) > 0 || whole && n < len(want):
		o.t.Fatalf("of %d that are to be sent %d come in %d bytes, and that there are more is said: %v", len(want), n, size, got.More)
	case n > 1 && sizeOf(got.Items) > size:
		o.t.Fatalf("%d bytes of writes are sent: want at most %d, or one write", sizeOf(got.Items), size)
	}
}

func (o *ordering) missing(reach proto.Reach) (all []proto.Item) {
	there := ofVector(reach.Known)
	item := func(number int, w *proto.Write) proto.Item {
		it := proto.Item{Commit: uint64(number), ID: w.ID}
		if !there.knows(w.ID) {
			it.Write = w
		}
		return it
	}
	for n := int(reach.Commit); n < o.log.commit; n++ {
		all = append(all, item(n+1, o.log.all[n]))
	}
	for _, w := range o.log.tentative {
		if it := item(0, w); it.Write != nil {
			all = append(all, it)
		}
	}
	return all
}

func encodeItems(items []proto.Item) []byte { return proto.Batch{Items: items}.AppendTo(nil) }

func sizeOf(items []proto.Item) (n int) {
	for _, it := range items {
		if it.Write != nil {
			n += it.Write.Size()
		}
	}
	return n
}

// restarts lets the state after a later number come.
func restarts(o *ordering) {
	if o.r.IntN(6) > 0 {
		return
	}
	o.log.restart(min(o.log.commit+1+o.r.IntN(8), len(o.log.all)))
	o.see(o.ask(asked.Restart, []uint64{uint64(o.log.commit)}, o.log.sure.encode()))
}
