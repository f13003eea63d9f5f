package kv

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The texts below are for people: traces, scripts and error messages. Long values
// are cut; nothing parses them.

// String tells who asks for what: "put x=1 (session 3 #4)".
func (r *Request) String() string {
	var b strings.Builder
	b.WriteString(opText(r.Op))
	if !r.At.IsZero() {
		fmt.Fprintf(&b, " at revision %v", r.At)
	}
	if r.Level != LevelDefault {
		fmt.Fprintf(&b, " at level %v", r.Level)
	}
	if r.Wait > 0 {
		fmt.Fprintf(&b, " wait %v", r.Wait)
	}
	if r.Session != 0 {
		fmt.Fprintf(&b, " (session %d #%d, acked %d)", r.Session, r.Seq, r.Acked)
	}
	return b.String()
}

func opText(op Op) string {
	switch op := op.(type) {
	case Get:
		return "get " + brief(op.Key)
	case Put:
		return "put " + brief(op.Key) + "=" + brief(string(op.Value)) + leaseText(op.Lease)
	case Delete:
		return "delete " + brief(op.Key)
	case Scan:
		return "scan " + rangeText(op.From, op.To)
	case Append:
		return "append " + brief(op.Key) + "+=" + brief(string(op.Value))
	case CAS:
		return fmt.Sprintf("cas %s@%v=%s%s", brief(op.Key), op.Old, brief(string(op.Value)), leaseText(op.Lease))
	case Txn:
		return fmt.Sprintf("txn if %s then %s else %s", listText(op.If, Compare.String), listText(op.Then, opText), listText(op.Else, opText))
	case Events:
		return fmt.Sprintf("events %s after %v", rangeText(op.From, op.To), op.After)
	case Grant:
		return fmt.Sprintf("grant %v", op.TTL)
	case KeepAlive:
		return fmt.Sprintf("keepalive lease %d", op.Lease)
	case Revoke:
		return fmt.Sprintf("revoke lease %d", op.Lease)
	case Leases:
		return "leases" + leaseText(op.Lease)
	case OpenSession:
		return fmt.Sprintf("open-session %v", op.TTL)
	case Change:
		return "change" + signed(" +", op.Add) + signed(" -", op.Remove)
	case Transfer:
		return fmt.Sprintf("transfer to %d", op.To)
	}
	return tentativeOpText(op)
}

// String prints the condition: "x.value=1", "x.mod<7".
func (c Compare) String() string {
	operand := fmt.Sprint(c.Number)
	switch c.Target {
	case TargetValue:
		operand = brief(string(c.Value))
	case TargetMod, TargetCreate:
		operand = c.Version.String()
	}
	return fmt.Sprintf("%s.%v%v%s", brief(c.Key), c.Target, c.Relation, operand)
}

// String tells the outcome: "ok rev 7", "not found rev 6", "ok rev 7: x=1@5".
func (r *Response) String() string {
	var b strings.Builder
	b.WriteString(r.Status.String())
	if !r.Rev.IsZero() {
		fmt.Fprintf(&b, " rev %v", r.Rev)
	}
	if r.Result != nil {
		b.WriteString(": " + resultText(r.Result))
	}
	if r.Detail != "" {
		b.WriteString(": " + r.Detail)
	}
	if r.Try != "" {
		b.WriteString(", try " + r.Try)
	}
	return b.String()
}

func resultText(r Result) string {
	switch r := r.(type) {
	case Item:
		return r.String()
	case Items:
		more := ""
		if r.More {
			more = " and more"
		}
		return fmt.Sprintf("%d keys %s%s", r.Count, listText(r.List, Item.String), more)
	case Length:
		return fmt.Sprintf("%d bytes", r.Bytes)
	case TxnResult:
		return fmt.Sprintf("succeeded=%v %s", r.Succeeded, listText(r.Outcomes, func(o Outcome) string {
			return (&Response{Status: o.Status, Result: o.Result}).String()
		}))
	case EventList:
		return fmt.Sprintf("%s next %v", listText(r.List, Event.String), r.Next)
	case LeaseInfo:
		return r.String()
	case LeaseList:
		return listText(r.List, LeaseInfo.String)
	case SessionInfo:
		return fmt.Sprintf("session %d for %v", r.ID, r.TTL)
	case Stats:
		return fmt.Sprintf("%d keys, %d bytes, %d sessions, %d leases, oldest %v, hash %x", r.Keys, r.Bytes, r.Sessions, r.Leases, r.Oldest, r.Hash)
	case Group:
		return fmt.Sprintf("group %d, quorums %d and %d, leader %d %s, guests %s", r.Version, r.Quorum1, r.Quorum2, r.Leader,
			listText(r.Members, Member.String), listText(r.Guests, Guest.String))
	case Replica:
		return r.String()
	}
	return tentativeText(r)
}

// String prints the item: "x=1@5", with its lease if it has one.
func (i Item) String() string {
	return fmt.Sprintf("%s=%s@%v%s", brief(i.Key), brief(string(i.Value)), i.Mod, leaseText(i.Lease))
}

// String prints the event: "put x=1@5", "delete x@6".
func (e Event) String() string {
	if e.Kind == EventDelete {
		return fmt.Sprintf("delete %s@%v", brief(e.Item.Key), e.Item.Mod)
	}
	return e.Kind.String() + " " + e.Item.String()
}

// String prints the lease: "lease 3 4s of 10s".
func (l LeaseInfo) String() string {
	return strings.TrimSpace(fmt.Sprintf("lease %d %v of %v %s", l.ID, l.Left, l.TTL, strings.Join(l.Keys, " ")))
}

// String prints the member: "2 leader 127.0.0.1:7002".
func (m Member) String() string { return fmt.Sprintf("%d %v %s", m.ID, m.Role, brief(m.Addr)) }

// String prints the guest: "4 127.0.0.1:7004 at slot 17", and whether it is ready.
func (g Guest) String() string {
	ready := ""
	if g.Ready {
		ready = ", ready"
	}
	return fmt.Sprintf("%d %s at slot %d%s", g.ID, brief(g.Addr), g.Commit, ready)
}

// String prints the replica: "1 follower of 2 in ballot 7.2, group 1, slots 3 to 17,
// snapshot 10".
func (r Replica) String() string {
	waits := ""
	if r.Waiting != "" {
		waits = ", waits: " + r.Waiting
	}
	return fmt.Sprintf("%d %v of %d in ballot %v, group %d, slots %d to %d, snapshot %d%s",
		r.ID, r.Role, r.Leader, r.Ballot, r.Version, r.First, r.Commit, r.Snapshot, waits)
}

func signed(sign string, id ReplicaID) string {
	if id == 0 {
		return ""
	}
	return fmt.Sprintf("%s%d", sign, id)
}

func leaseText(id LeaseID) string {
	if id == 0 {
		return ""
	}
	return fmt.Sprintf(" lease %d", id)
}

func rangeText(from, to string) string {
	end := "end"
	if to != "" {
		end = brief(to)
	}
	return brief(from) + ".." + end
}

func listText[T any](list []T, text func(T) string) string {
	const most = 8
	parts := make([]string, 0, most+1)
	for i, v := range list {
		if i == most {
			parts = append(parts, fmt.Sprintf("… %d more", len(list)-most))
			break
		}
		parts = append(parts, text(v))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// brief prints a key or value: as it is if it is short and plain, else quoted and
// cut.
func brief(s string) string {
	const most = 40
	rest := ""
	if len(s) > most {
		rest = fmt.Sprintf("…(%d bytes)", len(s))
		s = s[:most]
	}
	if plain(s) {
		return s + rest
	}
	return fmt.Sprintf("%q", s) + rest
}

func plain(s string) bool {
	for _, c := range s {
		if c <= ' ' || c == utf8.RuneError || c == '"' || c == 0x7f {
			return false
		}
	}
	return s != ""
}
