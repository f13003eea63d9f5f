package logs

import (
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos"
)

// Language returns the language in which a replicated log is asked for a shared one.
func Language(name string) *paxos.Language {
	return &paxos.Language{
		Name:    name,
		New:     func() paxos.Service { return &Table{} },
		Command: DecodeCommand,
		Answer:  DecodeAnswer,
		Sort:    sort,
		Refuse:  refuse,
	}
}

func sort(cmd machine.Data) paxos.Sort {
	switch cmd.(type) {
	case Append, Trim, Seal:
		return paxos.Write
	}
	return paxos.ReadIndex
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
