package house

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
)

// Finding is one place that breaks a rule.
type Finding struct {
	Path string // from the root of the tree
	Line int    // from 1; 0 is the file or directory as a whole
	Rule string // as in the package comment
	Text string // what is wrong, and what would be right
}

// String returns the finding in the form of compilers, path:line: rule: text.
func (f Finding) String() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: %s: %s", f.Path, f.Rule, f.Text)
	}
	return fmt.Sprintf("%s:%d: %s: %s", f.Path, f.Line, f.Rule, f.Text)
}

// Check returns what breaks the house rules in the workspace whose root is fsys,
// in order of places. The error tells of a tree that cannot be read or parsed.
func Check(fsys fs.FS) ([]Finding, error) {
	t, err := load(fsys)
	if err != nil {
		return nil, err
	}
	t.checkLayout()
	t.checkModules()
	t.checkText()
	for _, p := range t.sortedPackages() {
		t.checkImports(p)
		t.checkOpen(p)
		t.checkTests(p)
		t.checkDocs(p)
	}
	t.checkPurity()
	t.checkSizes()
	slices.SortStableFunc(t.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line))
	})
	return t.found, nil
}
