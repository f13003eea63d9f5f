package world

import (
	"errors"
	"strings"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
)

// tiny is a language in which a program takes no time to run. A check "K=V" holds where K has
// that value, and "K" where there is no K; a merge procedure "K=V;L=W" sets the first of K and L
// that is not there, and finds nothing if both are.
type tiny struct{}

var errTaken = errors.New("all is taken")

func newTiny() state.Programs { return tiny{} }

// Validate implements state.Programs.
func (tiny) Validate(string, string) error { return nil }

// Check implements state.Programs.
func (tiny) Check(program string, db state.Reader, _ []proto.Change) (bool, error) {
	key, want, has := strings.Cut(program, "=")
	value, ok := db.Get(key)
	return ok == has && string(value) == want, nil
}

// Merge implements state.Programs.
func (tiny) Merge(program string, db state.Reader, _ []proto.Change) ([]proto.Change, error) {
	for try := range strings.SplitSeq(program, ";") {
		key, value, _ := strings.Cut(try, "=")
		if _, taken := db.Get(key); !taken {
			return []proto.Change{{Key: key, Value: []byte(value)}}, nil
		}
	}
	return nil, errTaken
}
