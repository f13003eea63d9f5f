package history

import (
	"errors"
	"fmt"
	"math"
	"unicode"

	"dss.example/common/blob"
	"dss.example/p2-persist/object"
)

// Bounds of a Snapshot.
const (
	MaxParents = 16
	MaxAuthor  = 256      // bytes
	MaxMessage = 16 << 10 // bytes
)

// Errors of snapshots and the ways through them. What a store or the heads return is
// wrapped and keeps its identity.
var (
	ErrMalformed = errors.New("malformed snapshot")
	ErrConflict  = errors.New("branch has moved")
	ErrExists    = errors.New("tag is there already, and tags never move")
	ErrBadName   = errors.New("not the name of a branch or tag")
	ErrUnknown   = errors.New("no such snapshot, branch or tag")
	ErrAmbiguous = errors.New("more than one snapshot is meant")
	ErrSpec      = errors.New("not the description of a snapshot")
	ErrTooWide   = errors.New("more than 1024 lines of history side by side")
	ErrTooMany   = errors.New("too many blobs to mark")
)

// Words and numbers that every snapshot carries.
const (
	kind    = "snapshot"
	version = 1
)

// Snapshot says how things stood at one time.
type Snapshot struct {
	Root    blob.ID   // a directory, as a rule; any blob
	Parents []blob.ID // snapshots that came right before; the first is the branch's own past
	Time    int64     // in nanoseconds since 1970 UTC; later than the parents'
	Author  string    // one line
	Message string
}

// record is a Snapshot as it is stored.
type record struct {
	Version uint64    `cbor:"v"`
	Kind    string    `cbor:"kind"`
	Root    blob.ID   `cbor:"root"`
	Time    int64     `cbor:"time"`
	Author  string    `cbor:"author"`
	Message string    `cbor:"message"`
	Parents []blob.ID `cbor:"parents"`
}

// Validate returns nil if s is within its bounds, and else ErrMalformed with what would
// be right. Whether the blobs that it names are there it does not ask.
func (s Snapshot) Validate() error {
	switch {
	case s.Root.Validate() != nil:
		return malformed("root: %w", s.Root.Validate())
	case len(s.Parents) > MaxParents:
		return malformed("%d parents, want at most %d", len(s.Parents), MaxParents)
	case len(s.Author) > MaxAuthor:
		return malformed("author of %d bytes, want at most %d", len(s.Author), MaxAuthor)
	case len(s.Message) > MaxMessage:
		return malformed("message of %d bytes, want at most %d", len(s.Message), MaxMessage)
	case s.Time == math.MaxInt64:
		return malformed("a time that nothing can be later than")
	}
	for _, r := range s.Author {
		if unicode.IsControl(r) {
			return malformed("author %q, want one line that can be printed", s.Author)
		}
	}
	seen := map[blob.ID]bool{}
	for _, p := range s.Parents {
		if p.Codec() != blob.DAGCBOR || p.Validate() != nil || seen[p] {
			return malformed("parent %v, want different snapshots", p)
		}
		seen[p] = true
	}
	return nil
}

// Save puts a snapshot into the store. It is durable after the store's next Sync. Errors:
// ErrMalformed, object.ErrUnencodable for text that is not UTF-8, and those of the store.
func Save(store blob.Store, s Snapshot) (blob.ID, error) {
	if err := s.Validate(); err != nil {
		return blob.ID{}, err
	}
	return object.Save(store, record{version, kind, s.Root, s.Time, s.Author, s.Message, s.Parents})
}

// Load reads a snapshot. Errors: those of the store; ErrMalformed for all that Save does
// not write.
func Load(store blob.Store, id blob.ID) (Snapshot, error) {
	b, err := store.Get(id)
	if err != nil {
		return Snapshot{}, fmt.Errorf("snapshot: %w", err)
	}
	var r record
	if id.Codec() != blob.DAGCBOR {
		err = malformed("%v names raw bytes", id)
	} else if err = object.Decode(b, &r); err != nil {
		err = malformed("%v: %w", id, err)
	} else if r.Kind != kind || r.Version != version {
		err = malformed("%v: %.20q version %d, want %q version %d", id, r.Kind, r.Version, kind, version)
	}
	if err != nil {
		return Snapshot{}, err
	}
	s := Snapshot{Root: r.Root, Parents: r.Parents, Time: r.Time, Author: r.Author, Message: r.Message}
	if err := s.Validate(); err != nil {
		return Snapshot{}, fmt.Errorf("%v: %w", id, err)
	}
	return s, nil
}

// loadParent reads a parent of child and demands that it is the older of the two: nobody
// can forge a circle of hashes, but a liar could write any times.
func loadParent(store blob.Store, id blob.ID, child Snapshot) (Snapshot, error) {
	p, err := Load(store, id)
	if err == nil && p.Time >= child.Time {
		err = malformed("%v is not older than the snapshot that came after it", id)
	}
	return p, err
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrMalformed, fmt.Errorf(format, args...))
}
