package lock

import (
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos"
)

// Language returns the language in which a replicated log is asked for locks.
func Language(name string) *paxos.Language {
	return &paxos.Language{
		Name:    name,
		New:     func() paxos.Service { return &Table{} },
		Command: DecodeCommand,
		Answer:  DecodeAnswer,
		Sort:    sort,
		Refuse:  refuse,
		Wait:    wait,
	}
}

func sort(cmd machine.Data) paxos.Sort {
	if _, ok := cmd.(Query); ok {
		return paxos.ReadIndex
	}
	return paxos.Write
}

func refuse(why paxos.Refusal, text, try string) machine.Data {
	return &Answer{Status: status(why), Text: text, Try: try}
}

func status(why paxos.Refusal) Status {
	switch why {
	case paxos.Overloaded:
		return Overloaded
	case paxos.Unavailable:
		return Unavailable
	case paxos.Invalid, paxos.Conflict:
		return Invalid
	}
	return Unknown
}

// wait parks a Query while its session stands in the queue.
func wait(cmd, answer machine.Data) (machine.Data, machine.Time) {
	q, ok := cmd.(Query)
	a, told := answer.(*Answer)
	if !ok || !told || a.Lock.Place == 0 || q.Wait == 0 {
		return nil, 0
	}
	return q, q.Wait
}
