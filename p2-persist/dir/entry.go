package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
	"unicode/utf8"

	"dss.example/common/blob"
)

// Bounds.
const (
	MaxName   = 255  // bytes of a name
	MaxTarget = 4095 // bytes of a symbolic link's target
	MaxInline = 256  // entries of a directory that is one object
	MaxDepth  = 256  // directories on the way from the root to an entry, both included
)

// Errors of this package. What a store, a disk or package file returns is wrapped and
// keeps its identity. A path that leads nowhere is fs.ErrNotExist.
var (
	ErrMalformed  = errors.New("malformed directory")
	ErrEntry      = errors.New("entry that no directory can have")
	ErrTooDeep    = errors.New("more than 256 directories in each other")
	ErrIncomplete = errors.New("not all of the directory was copied")
	ErrPattern    = errors.New("bad pattern")
	ErrExists     = errors.New("something else is there already")
	ErrLeadsOut   = errors.New("symbolic link could lead out of the directory")
)

// Kind is what an entry stands for.
type Kind string

// The kinds of entries.
const (
	File    Kind = "file"
	Dir     Kind = "dir"
	Symlink Kind = "symlink"
)

// Entry is a name in a directory and what it stands for. Entries can be compared by ==.
type Entry struct {
	Name   string // 1 to MaxName bytes of UTF-8 without "/" and NUL; not "." or ".."
	Kind   Kind
	Mode   fs.FileMode // permission bits, at most 0o777; 0 of a symbolic link
	Size   int64       // of a file, in bytes; else 0
	Mtime  int64       // in nanoseconds since 1970 UTC; 0 of a symbolic link
	Link   blob.ID     // a file's contents or a directory; zero of a symbolic link
	Target string      // of a symbolic link: 1 to MaxTarget bytes of UTF-8 without NUL
}

// Validate returns nil if e may stand in a directory, and else ErrEntry with what is wrong.
func (e Entry) Validate() error {
	if err := checkName(e.Name); err != nil {
		return err
	}
	fits := false
	switch e.Kind {
	case File:
		fits = e.Size >= 0 && e.Target == "" && e.Link.Validate() == nil
	case Dir:
		fits = e.Size == 0 && e.Target == "" && e.Link.Validate() == nil && e.Link.Codec() == blob.DAGCBOR
	case Symlink:
		return e.checkSymlink()
	}
	if !fits || e.Mode&^fs.ModePerm != 0 {
		return fmt.Errorf("%w: %q: %.20q of mode %o, size %d, link %v", ErrEntry, e.Name, e.Kind, uint32(e.Mode), e.Size, e.Link)
	}
	return nil
}

func (e Entry) checkSymlink() error {
	switch {
	case e != Entry{Name: e.Name, Kind: Symlink, Target: e.Target}:
		return fmt.Errorf("%w: %q: a symbolic link with more than a target", ErrEntry, e.Name)
	case e.Target == "" || len(e.Target) > MaxTarget:
		return fmt.Errorf("%w: %q: target of %d bytes, want 1 to %d", ErrEntry, e.Name, len(e.Target), MaxTarget)
	case strings.Contains(e.Target, "\x00") || !utf8.ValidString(e.Target):
		return fmt.Errorf("%w: %q: target %q, want UTF-8 without NUL", ErrEntry, e.Name, e.Target)
	}
	return nil
}

// checkName returns nil if name is one step down from a directory, wherever it is used.
func checkName(name string) error {
	switch {
	case name == "" || len(name) > MaxName:
		return fmt.Errorf("%w: name of %d bytes, want 1 to %d", ErrEntry, len(name), MaxName)
	case name == "." || name == "..":
		return fmt.Errorf("%w: the name %q leads out", ErrEntry, name)
	case strings.ContainsAny(name, "/\x00") || !utf8.ValidString(name):
		return fmt.Errorf("%w: name %q, want UTF-8 without \"/\" and NUL", ErrEntry, name)
	}
	return nil
}

// leadsOut reports whether a symbolic link at a path could lead out of the tree that it
// is in. It cannot if its target goes up first, no further than to the root, and then
// down only: then all that it goes up through are real directories, and whatever links
// it meets on its way down cannot lead out either. After going down, ".." might go up
// from where another link has led.
func leadsOut(path, target string) bool {
	up, down := strings.Count(path, "/"), false
	if strings.HasPrefix(target, "/") {
		return true
	}
	for step := range strings.SplitSeq(target, "/") {
		switch step {
		case "", ".":
		case "..":
			if up--; down || up < 0 {
				return true
			}
		default:
			down = true
		}
	}
	return false
}

// info is an Entry as an fs.FileInfo and an fs.DirEntry.
type info struct{ Entry }

func (i info) Name() string               { return i.Entry.Name }
func (i info) IsDir() bool                { return i.Kind == Dir }
func (i info) Type() fs.FileMode          { return i.Mode().Type() }
func (i info) Info() (fs.FileInfo, error) { return i, nil }
func (i info) ModTime() time.Time         { return time.Unix(0, i.Mtime) }
func (i info) Sys() any                   { return i.Entry }
func (i info) String() string             { return fs.FormatFileInfo(i) }

func (i info) Size() int64 {
	if i.Kind == Symlink {
		return int64(len(i.Target))
	}
	return i.Entry.Size
}

func (i info) Mode() fs.FileMode {
	switch i.Kind {
	case Dir:
		return fs.ModeDir | i.Entry.Mode
	case Symlink:
		return fs.ModeSymlink | fs.ModePerm
	}
	return i.Entry.Mode
}
