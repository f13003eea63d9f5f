package loglettest

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"dss.example/common/loglet"
)

func basicChecks() []Check {
	return []Check{
		promise("an empty log holds nothing", checkEmpty),
		promise("an entry is read back byte for byte", checkBytes),
		promise("a batch stands in its order", checkBatch),
		promise("the tail is above all that was appended", checkTail),
		promise("all clients see one log", checkClients),
		promise("the largest entry and batch fit, and a byte more does not", checkBounds),
		promise("bad input is refused and changes nothing", checkBadInput),
		promise("the log keeps nothing of the caller's bytes", checkCopyIn),
		promise("the bytes of a page are the reader's own", checkCopyOut),
		promise("a call whose context has ended does nothing", checkContext),
	}
}

func checkEmpty(s *subject) {
	b := s.tail(0)
	if b.Sealed {
		s.failf("a fresh log is sealed")
	}
	s.holds(0, nil)
	s.readFails(0, b.Tail, b.Tail+1, loglet.ErrUnwritten)
}

func checkBytes(s *subject) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	var want []item
	for _, body := range []string{"x", "", string(every), strings.Repeat("long ", 20_000), "\x00"} {
		want = append(want, s.append(0, body)...)
	}
	s.holds(0, want)
}

func checkBatch(s *subject) {
	want := s.append(0, texts("first", 7)...)
	want = append(want, s.append(0, "one alone")...)
	want = append(want, s.append(0, texts("last", loglet.MaxBatch)...)...)
	s.holds(0, want)
	for _, it := range want {
		got, _ := s.page(0, it.pos, it.pos+1)
		s.same("the range of one position", got, []item{it})
	}
}

func checkTail(s *subject) {
	last := s.tail(0)
	for i, body := range texts("entry", 20) {
		at := s.append(i%3, body)
		b := s.tail((i + 1) % 3)
		switch {
		case s.failed():
			return
		case b.Tail <= at[0].pos:
			s.failf("the tail is %d after an append at %d", b.Tail, at[0].pos)
		case at[0].pos < last.Tail:
			s.failf("an append at %d, where the tail was %d", at[0].pos, last.Tail)
		case b.Head != last.Head || b.Sealed:
			s.failf("the log spans %+v after an append, %+v before", b, last)
		}
		last = b
	}
}

func checkClients(s *subject) {
	var want []item
	for i := range 3 * MaxClients {
		want = append(want, s.append(i%MaxClients, texts("entry", 2)...)...)
		s.holds((i+1)%MaxClients, want)
	}
	for i := range MaxClients {
		s.holds(i, want)
	}
}

func checkBounds(s *subject) {
	most := strings.Repeat("m", loglet.MaxBytes)
	want := s.append(0, most)
	s.refuses(0, loglet.ErrTooLarge, most+"x")
	want = append(want, s.append(0, most[:loglet.MaxBytes-7], "", "seven b")...)
	s.refuses(0, loglet.ErrTooLarge, most[:loglet.MaxBytes-7], "and more")
	s.holds(0, want)
}

func checkBadInput(s *subject) {
	want := s.append(0, texts("entry", 3)...)
	before := s.tail(0)
	s.refuses(0, loglet.ErrInvalid)
	s.refuses(0, loglet.ErrInvalid, texts("too many", loglet.MaxBatch+1)...)
	s.readFails(0, 0, before.Tail, loglet.ErrInvalid)
	s.readFails(0, before.Head, before.Head, loglet.ErrInvalid)
	s.readFails(0, before.Tail, before.Head, loglet.ErrInvalid)
	s.holds(0, want)
	if after := s.tail(0); after != before {
		s.failf("the log spans %+v after calls that were refused, %+v before", after, before)
	}
}

func checkCopyIn(s *subject) {
	body := []byte("as it was")
	bodies := [][]byte{body, []byte("another")}
	positions, err := s.w.Log(0).Append(context.Background(), bodies)
	s.fine("Append", err)
	if s.grow(positions, 2); s.failed() {
		return
	}
	copy(body, "as it isn")
	bodies[1] = []byte("changed")
	s.holds(0, []item{{positions[0], "as it was"}, {positions[1], "another"}})
}

func checkCopyOut(s *subject) {
	want := s.append(0, "as it was", "another")
	b := s.tail(0)
	if s.failed() {
		return
	}
	p, err := s.w.Log(0).Read(context.Background(), b.Head, b.Tail)
	s.fine("Read", err)
	for _, e := range p.Entries {
		copy(e.Body, bytes.Repeat([]byte("?"), len(e.Body)))
	}
	clear(p.Entries)
	s.holds(0, want)
}

func checkContext(s *subject) {
	want := s.append(0, texts("entry", 2)...)
	b := s.tail(0)
	if s.failed() {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	log := s.w.Log(0)
	_, appendErr := log.Append(ctx, [][]byte{[]byte("late")})
	_, readErr := log.Read(ctx, b.Head, b.Tail)
	_, tailErr := log.Tail(ctx)
	for i, err := range []error{appendErr, readErr, tailErr, log.Trim(ctx, b.Tail), log.Seal(ctx)} {
		what := []string{"Append", "Read", "Tail", "Trim", "Seal"}[i] + " in a context that has ended"
		s.wants(what, err, loglet.ErrUnavailable)
		s.wants(what, err, context.Canceled)
	}
	s.holds(0, want)
	s.holds(1, slices.Concat(want, s.append(1, "the log goes on")))
}
