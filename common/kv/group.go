package kv

import (
	"context"
	"fmt"
)

// The administration of a group: servers that keep copies of one store. It needs
// CapMembers. What a server answers here is what it knows, which may be old; ask the
// leader for what is so.

// ReplicaID names a server of a group; 0 is none.
type ReplicaID uint64

type (
	// Members asks who is in the group. OK with a Group, or Unavailable while the
	// server knows of none.
	Members struct{}

	// Inspect asks the server about itself, in whatever state it is. OK with a Replica.
	Inspect struct{}

	// Change adds a member, removes one, or lets one take another's place in one step.
	// The leader does it; another server is Unavailable and names the leader in Try. OK
	// when it is decided; Overloaded while another Change is under way; Invalid if who
	// is to go is no member, or who is to come is one or has not caught up.
	//
	// Like Transfer it stands in no session, which Check refuses: two copies are two
	// changes. Whoever is told Maybe asks for the Members.
	Change struct {
		Add    ReplicaID // a guest that has caught up; 0 adds none
		Remove ReplicaID // 0 removes none; not both 0
	}

	// Transfer asks the leader to let another member lead. OK when that has been told,
	// or leads already, which does not say that it will; Invalid if it is no member.
	// Who is not the leader answers as to a Change.
	Transfer struct{ To ReplicaID }
)

func (Members) kind() opKind  { return opMembers }
func (Inspect) kind() opKind  { return opInspect }
func (Change) kind() opKind   { return opChange }
func (Transfer) kind() opKind { return opTransfer }

// Administers reports whether op changes the group instead of what the store holds.
func Administers(op Op) bool {
	switch op.(type) {
	case Change, Transfer:
		return true
	}
	return false
}

type (
	// Group is who agrees, as the server that was asked knows.
	Group struct {
		Version uint64    // 1 for the first group, one more for each Change
		From    uint64    // the first slot that this group decides
		Commit  uint64    // the last slot that was executed: before From-1, the group before it still counts
		Quorum1 int       // members that make a leader
		Quorum2 int       // members that make a write durable
		Asked   ReplicaID // who tells all this
		Leader  ReplicaID // 0: none is known
		Members []Member  // in order of IDs
		Guests  []Guest   // in order of IDs; only the leader knows of any
	}

	// Member is a server that votes.
	Member struct {
		ID   ReplicaID
		Addr string // for clients and other members
		Role Role   // a follower, for all that is known, if nothing else is
	}

	// Guest is a server that is kept up to date and has no vote.
	Guest struct {
		ID     ReplicaID
		Addr   string
		Commit uint64 // the last slot that it has
		Ready  bool   // it has caught up, so that a Change can add it
	}

	// Replica is the state of one server.
	Replica struct {
		ID       ReplicaID
		Role     Role
		Leader   ReplicaID // 0: none is known
		Ballot   Ballot    // the highest in which it takes part
		Version  uint64    // of the newest group that it knows; 0: none
		Commit   uint64    // all slots up to it are chosen and executed
		First    uint64    // the slots before it are only in the snapshot
		Snapshot uint64    // the slot after which the newest was taken; 0: none was
		Waiting  string    // for people: what it waits for before it votes; empty: nothing
	}
)

func (Group) resultKind() resultKind   { return resultGroup }
func (Replica) resultKind() resultKind { return resultReplica }

// Ballot numbers an attempt to lead: a round, and who made it.
type Ballot struct {
	Round   uint64
	Replica ReplicaID
}

// String prints the ballot: "7.2".
func (b Ballot) String() string { return fmt.Sprintf("%d.%d", b.Round, b.Replica) }

// Role is what a server of a group is about.
type Role uint8

// The roles. The numbers are part of the wire format.
const (
	Follower  Role = iota + 1
	Candidate      // wants to lead
	Leader
	Forming // waits for the others, to begin a group
	Joining // is kept up to date, and has no vote
)

var roleNames = []string{"none", "follower", "candidate", "leader", "forming", "joining"}

// String returns the role's name in lower case.
func (r Role) String() string { return nameOf(roleNames, uint64(r)) }

// ParseRole is String backwards.
func ParseRole(s string) (Role, error) {
	for r := Follower; r <= Joining; r++ {
		if s == r.String() {
			return r, nil
		}
	}
	return 0, fmt.Errorf("role %q: want one of %v", s, roleNames[1:])
}

// Members tells who is in the group, as the server that answers knows. It needs
// CapMembers, as Inspect, Change and Transfer do.
func (c *Client) Members(ctx context.Context) (Group, error) {
	return ask[Group](ctx, c, Members{})
}

// Inspect tells of the server that answers. Whoever means one of several has a
// Client of that one.
func (c *Client) Inspect(ctx context.Context) (Replica, error) {
	return ask[Replica](ctx, c, Inspect{})
}

// Change adds a member, removes one or both; see the operation [Change]. After
// ErrMaybe, Members tells whether it was done.
func (c *Client) Change(ctx context.Context, change Change) error {
	_, err := c.change(ctx, change)
	return err
}

// Transfer asks the leader to let another member lead, and does not wait until it
// does.
func (c *Client) Transfer(ctx context.Context, to ReplicaID) error {
	_, err := c.change(ctx, Transfer{To: to})
	return err
}

// checkGroup checks an operation of this file.
func checkGroup(req *Request) *Response {
	switch op := req.Op.(type) {
	case Change:
		if op == (Change{}) {
			return Refuse(Invalid, "change of the group that adds none and removes none: want one of them")
		}
	case Transfer:
		if op.To == 0 {
			return Refuse(Invalid, "transfer to replica 0: want the number of a member")
		}
	}
	if Administers(req.Op) && req.Session != 0 {
		return Refuse(Invalid, "%s in session %d: want none, which could not protect it", OpName(req.Op), req.Session)
	}
	return nil
}
