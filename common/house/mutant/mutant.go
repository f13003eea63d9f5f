// Package mutant tries wrong variants of code: a small patch is laid over the tree
// by go test's -overlay, and some test must fail. The tree itself is not touched.
//
// A patch is a unified diff behind a header that says what the mutant is:
//
//	rule: save, then send
//	instrument: U
//	message: a message left before what it tells of was durable
//	--- a/common/run/loop.go
//	+++ b/common/run/loop.go
//	@@ -12,3 +12,3 @@
//	 …
//
// All three fields are required and no others are known. The diff changes files
// that exist, and must fit exactly: its line numbers and its context are those of
// the file, so that a patch that has gone stale is noticed.
package mutant

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Mutant is one wrong variant.
type Mutant struct {
	ID         string // the patch's file name without .patch
	Rule       string // which rule it breaks
	Instrument string // what must catch it
	Message    string // what whoever wrote this bug must be told, in one line

	edits []edit
}

// Errors of a patch.
var (
	// ErrPatch means that a patch is not one of the form that this package takes.
	ErrPatch = errors.New("not a mutant's patch")

	// ErrStale means that a patch does not fit the file that it changes.
	ErrStale = errors.New("patch does not fit")
)

// Load reads every *.patch of a folder, in order of names. A folder without any is
// an error: a table of mutants that is empty by mistake would kill them all.
func Load(dir string) ([]*Mutant, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.patch"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no *.patch in %s", dir)
	}
	var all []*Mutant
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		m, err := Parse(strings.TrimSuffix(filepath.Base(name), ".patch"), b)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// Files returns the paths that the mutant changes, relative to the root of the
// tree and with slashes.
func (m *Mutant) Files() []string {
	var names []string
	for _, e := range m.edits {
		names = append(names, e.path)
	}
	return names
}

// Apply returns the changed files of the tree at root, by path. The tree stays as
// it is. The error is ErrStale if a hunk does not fit.
func (m *Mutant) Apply(root string) (map[string][]byte, error) {
	tree, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	changed := make(map[string][]byte)
	for _, e := range m.edits {
		old, err := tree.ReadFile(filepath.FromSlash(e.path))
		if err != nil {
			return nil, fmt.Errorf("mutant %s: %w", m.ID, err)
		}
		if changed[e.path], err = e.apply(old); err != nil {
			return nil, fmt.Errorf("mutant %s: %s: %w", m.ID, e.path, err)
		}
	}
	return changed, nil
}
