package house

import (
	"go/ast"
	"go/build"
	"os"
	"path/filepath"
	"strings"

	"dss.example/common/house/pure"
)

// checkPurity is R4 and R5.
func (t *tree) checkPurity() {
	u := pure.NewUniverse(t.fset, t.local, t.moduleDir)
	for _, p := range t.sortedPackages() {
		switch {
		case len(p.code()) == 0:
		case p.isCore():
			t.reportProblems("R4", p, pure.Core(u, root+p.dir, p.mayImportAsCore))
		case p.isFlow():
			t.reportProblems("R5", p, pure.Flow(t.fset, p.syntax()))
		}
	}
}

func (t *tree) reportProblems(rule string, p *pkg, problems []pure.Problem) {
	for _, problem := range problems {
		if problem.Pos.IsValid() {
			t.report(rule, problem.Pos, "%s", problem.Text)
		} else {
			t.reportAt(rule, p.dir, 0, "%s", problem.Text)
		}
	}
}

// mayImportAsCore tells which packages of the workspace a core may import: nouns,
// and the cores that any library in its place may import.
func (p *pkg) mayImportAsCore(name string) bool {
	own, ours := strings.CutPrefix(name, root)
	return ours && (withinAny(own, nouns) || (&pkg{dir: own}).isCore() && mayImport(p.dir, own, false))
}

// local returns the files of a package of the workspace by its import path.
func (t *tree) local(name string) []*ast.File {
	if p := t.packages[strings.TrimPrefix(name, root)]; p != nil && strings.HasPrefix(name, root) {
		return p.syntax()
	}
	return nil
}

// moduleDir returns where the module cache keeps a package, at the version that
// the first go.mod asks for.
func (t *tree) moduleDir(name string) string {
	cache := os.Getenv("GOMODCACHE")
	if cache == "" {
		cache = filepath.Join(filepath.SplitList(build.Default.GOPATH)[0], "pkg", "mod")
	}
	for _, dir := range modules {
		m := t.mods[dir]
		if m == nil {
			continue
		}
		for _, r := range m.requires {
			if within(name, r.path) {
				return filepath.Join(cache, r.path+"@"+r.version, strings.TrimPrefix(name, r.path))
			}
		}
	}
	return ""
}
