package single

import "fmt"

// What people read in traces and golden scripts.

// String writes a vote as value@ballot, long values cut, or "no vote".
func (v Vote) String() string {
	if v.Ballot.IsZero() {
		return "no vote"
	}
	return fmt.Sprintf("%.32q@%v", v.Value, v.Ballot)
}

// String writes the message for people.
func (m Prepare) String() string { return fmt.Sprintf("prepare %v", m.Ballot) }

// String writes the message for people.
func (m Promise) String() string { return fmt.Sprintf("promise %v, %v", m.Ballot, m.Last) }

// String writes the message for people.
func (m Nack) String() string { return fmt.Sprintf("no to %v, promised %v", m.Ballot, m.Promised) }

// String writes the message for people.
func (m Accept) String() string { return fmt.Sprintf("accept %v", Vote(m)) }

// String writes the message for people.
func (m Accepted) String() string { return fmt.Sprintf("accepted %v", Vote(m)) }

// String writes the message for people.
func (m Inquire) String() string { return "inquire" }

// String writes the timer for people.
func (m Retry) String() string { return fmt.Sprintf("retry after %v", m.Ballot) }

// String writes the timer for people.
func (m Again) String() string { return "ask again" }

// String writes the record for people.
func (r Kept) String() string { return fmt.Sprintf("promised %v, %v", r.Promised, r.Voted) }

// String writes the record for people.
func (r Used) String() string { return fmt.Sprintf("used %v", r.Ballot) }

// String writes the command for people.
func (c Propose) String() string { return fmt.Sprintf("propose %.32q", c.Value) }

// String writes the command for people.
func (c Learn) String() string { return "learn" }

// String writes the answer for people.
func (a Chosen) String() string { return fmt.Sprintf("chosen %.32q", a.Value) }

// String writes the answer for people.
func (a Refused) String() string { return fmt.Sprintf("refused: %v", a.Why) }

// String names the reason.
func (r Refusal) String() string {
	switch r {
	case Busy:
		return "too many wait here"
	case TooLarge:
		return fmt.Sprintf("a value is at most %d bytes", MaxValue)
	}
	return "no ballot can be begun here"
}
