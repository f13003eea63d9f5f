package paxos_test

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"dss.example/common/app"
	"dss.example/common/machine"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

// The replicated state of these tests is a list of words.
//
//	add WORD    appends it; answers with how many there are
//	bell MS     wants to be rung by the log's time in MS; ringing appends "ding"
//	list        answers with all words, of an up-to-date state
//	peek        answers with all words, of the state as it stands
//	until N     is peek when there are N words, or after a second
//	inspect, change +4 -1, transfer 2
type list struct {
	words []string // only appended to
	bell  machine.Time
	clock machine.Time
}

// line is a command, or an answer in words.
type line string

func (l line) AppendTo(b []byte) []byte { return append(b, l...) }

// outcome is an answer to a Control.
type outcome struct{ proto.Outcome }

func (o outcome) AppendTo(b []byte) []byte { return fmt.Appendf(b, "%+v", o.Outcome) }

var errLine = errors.New("not a command")

func decodeLine(b []byte) (machine.Data, error) {
	if strings.HasPrefix(string(b), "bad") {
		return nil, errLine
	}
	return line(b), nil
}

func (s *list) Apply(_ uint64, now machine.Time, cmd machine.Data) machine.Data {
	if now < s.clock {
		return line("time goes backwards")
	}
	s.clock = now
	words := strings.Fields(string(cmd.(line)))
	switch words[0] {
	case "add":
		s.words = append(s.words, words[1])
	case "bell":
		ms, _ := strconv.Atoi(words[1])
		s.bell = now + machine.Time(ms)*machine.Millisecond
	case "ring":
		if s.bell != 0 && now >= s.bell {
			s.words, s.bell = append(s.words, "ding"), 0
		}
	}
	return line(fmt.Sprint(len(s.words)))
}

func (s *list) Read(machine.Time, machine.Data) machine.Data { return line(strings.Join(s.words, " ")) }

func (s *list) Due() (machine.Time, []byte, bool) { return s.bell, []byte("ring"), s.bell != 0 }

// page is a View of a list.
type page []app.Pair

func (s *list) View() app.View {
	p := page{{Key: "", Value: fmt.Appendf(nil, "%d %d", s.bell, s.clock)}}
	for i, w := range s.words {
		p = append(p, app.Pair{Key: fmt.Sprintf("%09d", i), Value: []byte(w)})
	}
	return p
}

func (p page) Pairs(from string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, pair := range p {
			if pair.Key >= from && !yield(pair.Key, pair.Value) {
				return
			}
		}
	}
}

func (s *list) Load(pairs iter.Seq2[string, []byte]) error {
	var fresh list
	for k, v := range pairs {
		if k != "" {
			fresh.words = append(fresh.words, string(v))
		} else if _, err := fmt.Sscanf(string(v), "%d %d", &fresh.bell, &fresh.clock); err != nil {
			return err
		}
	}
	*s = fresh
	return nil
}

func language() *paxos.Language {
	return &paxos.Language{
		Name:    "list",
		New:     func() paxos.Service { return &list{} },
		Command: decodeLine,
		Answer:  decodeLine,
		Sort:    sort,
		Refuse: func(why paxos.Refusal, text, try string) machine.Data {
			return line(fmt.Sprintf("refused: %s: %s; try %q", refusals[why], text, try))
		},
		Wait: func(cmd, answer machine.Data) (machine.Data, machine.Time) {
			words := strings.Fields(string(cmd.(line)))
			if words[0] != "until" || fmt.Sprint(len(strings.Fields(string(answer.(line))))) == words[1] {
				return nil, 0
			}
			return cmd, machine.Second
		},
		Control: control,
		Told:    func(o proto.Outcome) machine.Data { return outcome{o} },
	}
}

var refusals = map[paxos.Refusal]string{
	paxos.Overloaded: "overloaded", paxos.Unavailable: "unavailable", paxos.Invalid: "invalid",
	paxos.Conflict: "conflict", paxos.Unknown: "unknown",
}

func sort(cmd machine.Data) paxos.Sort {
	switch strings.Fields(string(cmd.(line)))[0] {
	case "list":
		return paxos.ReadIndex
	case "peek", "until":
		return paxos.ReadLocal
	}
	return paxos.Write
}

func control(cmd machine.Data) proto.Control {
	words := strings.Fields(string(cmd.(line)))
	switch words[0] {
	case "inspect":
		return proto.Inspect{}
	case "transfer":
		to, _ := strconv.Atoi(words[1])
		return proto.Transfer{To: machine.Node(to)}
	case "change":
		var c proto.Change
		for _, w := range words[1:] {
			node, _ := strconv.Atoi(w[1:])
			if w[0] == '+' {
				c.Add = machine.Node(node)
			} else {
				c.Remove = machine.Node(node)
			}
		}
		return c
	}
	return nil
}
