package history

import (
	"encoding/base32"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dss.example/common/blob"
	"dss.example/p2-persist/head"
)

// Resolve returns the snapshot that a spec means; the package comment has the language.
// now is when "ago" counts from. A branch goes before a tag of the same name, and both
// before the ID that they look like.
//
// "@" looks at a snapshot, its first parent, that one's first parent and so on: what the
// branch was, without what was merged into it. It and "~" take a read for each step back.
//
// Errors, with what would be right: ErrSpec, ErrUnknown, ErrAmbiguous, ErrMalformed,
// those of the store and the heads.
func (h History) Resolve(spec string, now time.Time) (blob.ID, error) {
	name, rest := cutSuffix(spec)
	id, err := h.lookup(name)
	for err == nil && rest != "" {
		operator, operand := rest[0], ""
		operand, rest = cutSuffix(rest[1:])
		if operator == '~' {
			id, err = h.back(id, operand)
		} else {
			id, err = h.at(id, operand, now)
		}
	}
	if err != nil {
		return blob.ID{}, fmt.Errorf("%q: %w", spec, err)
	}
	return id, nil
}

// cutSuffix splits s before its first operator.
func cutSuffix(s string) (before, from string) {
	if i := strings.IndexAny(s, "~@"); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// lookup returns the snapshot that a name without operators means.
func (h History) lookup(name string) (blob.ID, error) {
	if name == "" {
		return blob.ID{}, fmt.Errorf("%w: want a branch, a tag or an ID in front", ErrSpec)
	}
	if CheckName(name) == nil {
		for _, prefix := range []string{branchPrefix, tagPrefix} {
			now, err := h.heads.Get(prefix + name)
			if !errors.Is(err, head.ErrNotFound) {
				return now.ID, err
			}
		}
	}
	if strings.HasPrefix(name, idPrefix) {
		return h.lookupID(name)
	}
	return blob.ID{}, h.unknown(name)
}

// unknown says which names there are.
func (h History) unknown(name string) error {
	const most = 10
	branches, err := h.Branches()
	tags, err2 := h.Tags()
	known := []string{}
	for _, ref := range append(branches, tags...) {
		if len(known) == most {
			known = append(known, "…")
			break
		}
		known = append(known, ref.Name)
	}
	return errors.Join(fmt.Errorf("%w: %q; there are: %s; an ID begins with %q",
		ErrUnknown, name, strings.Join(known, ", "), idPrefix), err, err2)
}

// Prefixes of IDs.
const (
	idPrefix  = "bafyrei" // with which the ID of every object begins
	minPrefix = len(idPrefix) + 4
	maxLooked = 1000 // blobs that one prefix may name
)

// lookupID returns the one snapshot whose ID begins with a prefix. Blobs of other kinds
// that begin so do not count.
func (h History) lookupID(prefix string) (blob.ID, error) {
	if len(prefix) < minPrefix || len(prefix) > blob.TextSize {
		return blob.ID{}, fmt.Errorf("%w: ID of %d letters, want %d to %d", ErrSpec, len(prefix), minPrefix, blob.TextSize)
	}
	found := []blob.ID{}
	after, err := before(prefix)
	if err != nil {
		return blob.ID{}, err
	}
	page, err := h.blobs.List(after, maxLooked)
	if err != nil {
		return blob.ID{}, err
	}
	for i, info := range page {
		if !strings.HasPrefix(info.ID.String(), prefix) {
			break
		}
		if i == maxLooked-1 {
			return blob.ID{}, fmt.Errorf("%w: %d blobs or more begin so", ErrAmbiguous, maxLooked)
		}
		switch _, err := Load(h.blobs, info.ID); {
		case err == nil:
			found = append(found, info.ID)
		case !errors.Is(err, ErrMalformed):
			return blob.ID{}, err
		}
	}
	switch len(found) {
	case 0:
		return blob.ID{}, fmt.Errorf("%w: no snapshot's ID begins so", ErrUnknown)
	case 1:
		return found[0], nil
	}
	return blob.ID{}, fmt.Errorf("%w: %v and %v", ErrAmbiguous, found[0], found[1])
}

// before returns the last of all IDs that come before those whose text begins with prefix.
func before(prefix string) (id blob.ID, err error) {
	coding := base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
	text := prefix + strings.Repeat("a", blob.TextSize-len(prefix)) // "a" is the digit 0
	if b, err := coding.DecodeString(text[1:]); err != nil || copy(id[:], b) != len(id) {
		return blob.ID{}, fmt.Errorf("%w: an ID has a to z and 2 to 7 only", ErrSpec)
	}
	for i := len(id) - 1; i >= 0; i-- {
		id[i]--
		if id[i] != 0xff {
			break
		}
	}
	return id, nil
}

// back goes as many first parents back as steps says, which may be empty for one.
func (h History) back(id blob.ID, steps string) (blob.ID, error) {
	n := uint64(1)
	if steps != "" {
		var err error
		if n, err = strconv.ParseUint(steps, 10, 32); err != nil {
			return blob.ID{}, fmt.Errorf("%w: %q behind ~, want a number of steps back", ErrSpec, steps)
		}
	}
	s, err := Load(h.blobs, id)
	for i := uint64(0); err == nil && i < n; i++ {
		if len(s.Parents) == 0 {
			return blob.ID{}, fmt.Errorf("%w: only %d steps back is the first snapshot", ErrUnknown, i)
		}
		id = s.Parents[0]
		s, err = loadParent(h.blobs, id, s)
	}
	return id, err
}

// at returns the first of id, its first parent, that one's first parent and so on, that
// is not later than the time: one of that very nanosecond is it. ErrUnknown if all are
// later.
//
//ds:todo p2.9
func (h History) at(id blob.ID, when string, now time.Time) (blob.ID, error) {
	t, err := parseTime(when, now)
	if err != nil {
		return blob.ID{}, err
	}
	s, err := Load(h.blobs, id)
	for err == nil && s.Time > t {
		if len(s.Parents) == 0 {
			first := time.Unix(0, s.Time).UTC().Format(time.RFC3339Nano)
			return blob.ID{}, fmt.Errorf("%w: the first snapshot is of %s", ErrUnknown, first)
		}
		id = s.Parents[0]
		s, err = loadParent(h.blobs, id, s)
	}
	return id, err
}
