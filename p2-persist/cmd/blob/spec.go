package main

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"
	"unicode"

	"dss.example/common/blob"

	"dss.example/p2-persist/dir"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
)

// What a thing can be, beside the kinds that a directory knows. Of any other object it is
// what the object's own field "kind" says.
const (
	snapshotKind dir.Kind = "snapshot"
	objectKind   dir.Kind = "object"
)

// filePrefix stands before the names that put -head gives.
const filePrefix = "file/"

// thing is what a SPEC leads to.
type thing struct {
	ID    blob.ID // zero of a symbolic link
	Kind  dir.Kind
	Entry dir.Entry // what its directory says of it; zero without a path
}

// specForm splits a SPEC before the colon that begins a path: a time has colons too.
var specForm = regexp.MustCompile(`^([^:@~]*(?:~\d*|@\{[^}]*\}|@\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?|@[^:@~]*)*)(?::(.*))?$`)

// splitSpec returns what is meant and the path in it, "" if there is none.
func splitSpec(spec string) (ref, at string) {
	if m := specForm.FindStringSubmatch(spec); m != nil {
		ref, at = m[1], m[2]
	} else {
		ref, at, _ = strings.Cut(spec, ":")
	}
	if at != "" {
		at = path.Clean(at)
	}
	return ref, at
}

// moment returns what -at adds to a reference: a time, or a duration ago.
func moment(at string) string {
	isDate := len(at) >= len(time.DateOnly) && at[4] == '-'
	switch {
	case at == "":
		return ""
	case unicode.IsDigit(rune(at[0])) && !isDate:
		return "@-" + at
	}
	return "@" + at
}

// find returns what a SPEC means at a moment, which may be empty. Errors: those of
// history.Resolve; blob.ErrNotFound, fs.ErrNotExist; those of reading.
func (s *store) find(spec, at string) (thing, error) {
	ref, inside := splitSpec(spec)
	id, err := s.resolve(ref + moment(at))
	if err != nil {
		return thing{}, err
	}
	t, err := s.identify(id)
	if err != nil || inside == "" {
		return t, err
	}
	root, err := s.directoryOf(spec, t)
	if err != nil {
		return thing{}, err
	}
	e, err := dir.Find(s.Blobs, root, inside)
	return thing{ID: e.Link, Kind: e.Kind, Entry: e}, err
}

// resolve returns the blob that a reference without a path means.
func (s *store) resolve(ref string) (blob.ID, error) {
	if id, err := blob.Parse(ref); err == nil {
		info, err := s.Blobs.Stat([]blob.ID{id})
		if err == nil && info[0].Size < 0 {
			err = fmt.Errorf("%w: %s", blob.ErrNotFound, ref)
		}
		return id, err
	}
	id, err := s.Resolve(ref, time.Now())
	if errors.Is(err, history.ErrUnknown) {
		if h, e := s.Heads.Get(filePrefix + ref); !errors.Is(e, head.ErrNotFound) && !errors.Is(e, head.ErrBadName) {
			return h.ID, e
		}
	}
	return id, err
}

// identify tells what a blob is.
func (s *store) identify(id blob.ID) (thing, error) {
	if id.Codec() == blob.Raw {
		return thing{ID: id, Kind: dir.File}, nil
	}
	b, err := s.Blobs.Get(id)
	if err != nil {
		return thing{}, err
	}
	return thing{ID: id, Kind: kindOf(b)}, nil
}

// kindOf returns what an object says that it is.
func kindOf(b []byte) dir.Kind {
	var o struct {
		Kind string `cbor:"kind"`
	}
	if _, err := object.DecodeWith(b, &o); err != nil || o.Kind == "" {
		return objectKind
	}
	return dir.Kind(o.Kind)
}

// directory returns the directory that a SPEC means, or that of the snapshot.
func (s *store) directory(spec, at string) (blob.ID, error) {
	t, err := s.find(spec, at)
	if err != nil {
		return blob.ID{}, err
	}
	return s.directoryOf(spec, t)
}

// directoryOf returns the directory that a thing is, or the root of the snapshot that it
// is.
func (s *store) directoryOf(spec string, t thing) (blob.ID, error) {
	if t.Kind == snapshotKind {
		snapshot, err := history.Load(s.Blobs, t.ID)
		if err != nil {
			return blob.ID{}, err
		}
		if t, err = s.identify(snapshot.Root); err != nil {
			return blob.ID{}, err
		}
	}
	if t.Kind != dir.Dir {
		return blob.ID{}, fmt.Errorf("%s is a %s, want a snapshot or a directory", clean(spec), clean(string(t.Kind)))
	}
	return t.ID, nil
}

// contents returns the file that a SPEC means, with its entry if it has one.
func (s *store) contents(spec, at string) (thing, error) {
	t, err := s.find(spec, at)
	if err == nil && t.Kind != dir.File {
		err = fmt.Errorf("%s is a %s, want a file: ls lists, restore copies directories, dump shows objects", clean(spec), clean(string(t.Kind)))
	}
	return t, err
}
