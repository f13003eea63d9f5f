package house

import (
	"go/ast"
	"io/fs"
	"slices"
)

// Pure returns the import paths of the packages that must build for every
// system, browsers too: cores, flows and the simulator.
func Pure(fsys fs.FS) ([]string, error) {
	return list(fsys, func(p *pkg) bool {
		return p.isCore() || p.isFlow() || within(p.dir, "common/sim")
	})
}

// Concurrent returns the import paths of the packages that the race detector is
// for: they start goroutines or share memory between them. Graders stay out.
func Concurrent(fsys fs.FS) ([]string, error) {
	return list(fsys, func(p *pkg) bool {
		grades := slices.ContainsFunc(graders, func(pattern string) bool { return matches(pattern, p.dir) })
		return !grades && slices.ContainsFunc(p.code(), (*file).isConcurrent)
	})
}

func list(fsys fs.FS, want func(*pkg) bool) ([]string, error) {
	t, err := load(fsys)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, p := range t.sortedPackages() {
		if t.inWorkspace(p) && len(p.code()) > 0 && want(p) {
			paths = append(paths, root+p.dir)
		}
	}
	return paths, nil
}

func (f *file) isConcurrent() (found bool) {
	for _, spec := range f.ast.Imports {
		if name := importPath(spec); name == "sync" || name == "sync/atomic" {
			return true
		}
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		_, ok := n.(*ast.GoStmt)
		found = found || ok
		return !found
	})
	return found
}
