package loglettest

import (
	"context"
	"fmt"
	"slices"

	"dss.example/common/loglet"
)

func streamChecks() []Check {
	return where(func(w *World) bool { _, ok := w.Log(0).(loglet.Streamer); return ok },
		promise("a stream is told backwards and whole", checkStream),
		promise("an entry stands in all of its streams and is one entry", checkStreams),
		promise("a stream is told from the head on", checkStreamTrim),
		promise("bad input about streams is refused and changes nothing", checkBadStreams),
		promise("streams of many clients are whole", checkStreamClients))
}

func (s *subject) streamer(client int) loglet.Streamer {
	log, ok := s.w.Log(client).(loglet.Streamer)
	if !ok {
		s.failf("client %d's log is no Streamer, client 0's is", client)
	}
	return log
}

// appendTo demands that the bodies are appended to streams.
func (s *subject) appendTo(client int, streams []loglet.Stream, bodies ...string) (items []item) {
	log := s.streamer(client)
	if s.failed() {
		return nil
	}
	positions, err := log.AppendTo(context.Background(), streams, bytesOf(bodies))
	s.fine(fmt.Sprintf("AppendTo %d", streams), err)
	if s.grow(positions, len(bodies)); s.failed() {
		return nil
	}
	for i, p := range positions {
		items = append(items, item{p, bodies[i]})
	}
	return items
}

// stream reads a whole stream backwards, max positions at a time, and returns it forwards.
// Positions that hold nothing are left out.
func (s *subject) stream(client int, stream loglet.Stream, max int) (items []item) {
	log := s.streamer(client)
	before := s.tail(client).Tail
	for full := true; full && !s.failed(); {
		positions, err := log.Back(context.Background(), stream, before, max)
		s.fine(fmt.Sprintf("Back of stream %d before %d", stream, before), err)
		if full = len(positions) == max; len(positions) > max {
			s.failf("Back returned %d positions, at most %d", len(positions), max)
		}
		for _, p := range positions {
			if p >= before || p == 0 {
				s.failf("Back returned position %d before %d", p, before)
			}
			got, _ := s.page(client, p, p+1)
			items, before = append(items, got...), p
		}
	}
	slices.Reverse(items)
	return items
}

func checkStream(s *subject) {
	var want, other []item
	for k := range 12 {
		s.append(0, texts(fmt.Sprintf("of no stream %d", k), k%3+1)...)
		want = append(want, s.appendTo(k%2, []loglet.Stream{7}, texts(fmt.Sprintf("of the stream %d", k), k%3+1)...)...)
		other = append(other, s.appendTo(0, []loglet.Stream{1 << 60}, fmt.Sprintf("of another %d", k))...)
	}
	for _, max := range []int{1, 3, 12, 24, 25, loglet.MaxPage} {
		s.same(fmt.Sprintf("the stream, %d positions at a time", max), s.stream(1, 7, max), want)
	}
	s.same("another stream", s.stream(0, 1<<60, 5), other)
	s.same("a stream of nothing", s.stream(0, 8, 5), nil)
}

func checkStreams(s *subject) {
	most := make([]loglet.Stream, loglet.MaxStreams)
	for i := range most {
		most[i] = loglet.Stream(i + 1)
	}
	a := s.appendTo(0, most, "of all", "of all, too")
	b := s.appendTo(0, []loglet.Stream{3, 5}, "of two")
	c := s.appendTo(1, []loglet.Stream{5}, "of one")
	s.holds(0, slices.Concat(a, b, c))
	for stream, want := range map[loglet.Stream][]item{
		1: a, 3: slices.Concat(a, b), 5: slices.Concat(a, b, c), loglet.MaxStreams: a,
	} {
		s.same(fmt.Sprintf("stream %d", stream), s.stream(1, stream, 2), want)
	}
}

func checkStreamTrim(s *subject) {
	var want []item
	for k := range 8 {
		want = append(want, s.appendTo(0, []loglet.Stream{7, loglet.Stream(100 + k)}, fmt.Sprint(k))...)
	}
	if s.failed() {
		return
	}
	s.trim(0, want[5].pos)
	s.same("a trimmed stream", s.stream(0, 7, 2), want[5:])
	s.same("a stream that is trimmed away", s.stream(0, 104, 2), nil)
	s.seal(0)
	s.same("a stream of a sealed log", s.stream(0, 7, 2), want[5:])
	_, err := s.streamer(0).AppendTo(context.Background(), []loglet.Stream{7}, bytesOf(texts("too late", 1)))
	s.wants("AppendTo a sealed log", err, loglet.ErrSealed)
}

func checkBadStreams(s *subject) {
	want := s.appendTo(0, []loglet.Stream{7}, "entry")
	before := s.tail(0)
	log := s.streamer(0)
	if s.failed() {
		return
	}
	ctx := context.Background()
	for _, streams := range [][]loglet.Stream{nil, {0}, {7, 0}, {7, 7}, make([]loglet.Stream, loglet.MaxStreams+1)} {
		_, err := log.AppendTo(ctx, streams, bytesOf([]string{"bad"}))
		s.wants(fmt.Sprintf("AppendTo %d", streams), err, loglet.ErrInvalid)
	}
	_, err := log.AppendTo(ctx, []loglet.Stream{7}, nil)
	s.wants("AppendTo of no entries", err, loglet.ErrInvalid)
	for _, call := range []struct {
		stream loglet.Stream
		before loglet.Pos
		max    int
		want   error
	}{
		{0, before.Tail, 1, loglet.ErrInvalid},
		{7, 0, 1, loglet.ErrInvalid},
		{7, before.Tail, 0, loglet.ErrInvalid},
		{7, before.Tail, loglet.MaxPage + 1, loglet.ErrInvalid},
		{7, before.Tail + 1, 1, loglet.ErrUnwritten},
	} {
		_, err := log.Back(ctx, call.stream, call.before, call.max)
		s.wants(fmt.Sprintf("Back of stream %d before %d, at most %d", call.stream, call.before, call.max), err, call.want)
	}
	s.holds(0, want)
	if after := s.tail(0); after != before {
		s.failf("the log spans %+v after calls that were refused, %+v before", after, before)
	}
}

func checkStreamClients(s *subject) {
	wants := make([][]item, appenders)
	s.w.parallel(appenders, func(i int) {
		for k := range rounds {
			streams := []loglet.Stream{loglet.Stream(i + 1), 99}
			wants[i] = append(wants[i], s.appendTo(i, streams, fmt.Sprintf("client %d, append %d", i, k))...)
			s.same(fmt.Sprintf("client %d's stream", i), s.stream(i, streams[0], 1+k), wants[i])
		}
	})
	for i := range appenders {
		s.same(fmt.Sprintf("client %d's stream", i), s.stream(0, loglet.Stream(i+1), 7), wants[i])
	}
	s.same("the stream of all", s.stream(0, 99, 7), s.all(0))
}
