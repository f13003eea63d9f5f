package pure

import (
	"errors"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
)

// Universe resolves imports to types without running the go command: packages of
// the workspace from their syntax, those of the standard library and of other
// modules from their sources. Of all of them only declarations are read.
type Universe struct {
	fset  *token.FileSet
	local func(name string) []*ast.File
	dir   func(name string) string
	std   types.Importer
	done  map[string]*types.Package // nil while on the way
}

// NewUniverse returns an empty Universe. local returns the files of a package of
// the workspace, parsed with fset, and nil for all others; dir returns where the
// sources of another module's package are.
func NewUniverse(fset *token.FileSet, local func(string) []*ast.File, dir func(string) string) *Universe {
	return &Universe{
		fset: fset, local: local, dir: dir,
		std:  importer.ForCompiler(token.NewFileSet(), "source", nil),
		done: map[string]*types.Package{},
	}
}

var (
	errCycle   = errors.New("import cycle")
	errNotCore = errors.New("not for cores")
)

// Import implements types.Importer.
func (u *Universe) Import(name string) (*types.Package, error) {
	if p, ok := u.done[name]; ok {
		if p == nil {
			return nil, errCycle
		}
		return p, nil
	}
	files, fset := u.local(name), u.fset
	if files == nil {
		first, _, _ := strings.Cut(name, "/")
		if !strings.Contains(first, ".") {
			return u.std.Import(name)
		}
		var err error
		if files, fset, err = parseDir(u.dir(name)); err != nil {
			return nil, err
		}
	}
	u.done[name] = nil
	config := types.Config{Importer: u, IgnoreFuncBodies: true, Error: func(error) {}}
	p, _ := config.Check(name, fset, files, nil) // what is missing shows where it is used
	u.done[name] = p
	return p, nil
}

// parseDir parses the files of a directory that this system builds.
func parseDir(dir string) ([]*ast.File, *token.FileSet, error) {
	bp, err := build.Default.ImportDir(dir, 0)
	if err != nil {
		return nil, nil, err
	}
	fset, files := token.NewFileSet(), []*ast.File(nil)
	for _, base := range bp.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(dir, base), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, f)
	}
	return files, fset, nil
}

// coreImporter hands a core only what it may import.
type coreImporter struct {
	u         *Universe
	mayImport func(string) bool
}

// Import implements types.Importer.
func (c coreImporter) Import(name string) (*types.Package, error) {
	if !c.mayImport(name) {
		return nil, errNotCore
	}
	return c.u.Import(name)
}

// check type-checks a core. The error is its first one, unless it lacks an import
// that is not for cores, which is reported by itself.
func (u *Universe) check(path string, files []*ast.File, mayImport func(string) bool) (*types.Info, error) {
	info := &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{},
		Uses: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
	}
	var errs []error
	strange := false
	config := types.Config{Importer: coreImporter{u, mayImport}, Error: func(err error) {
		strange = strange || strings.Contains(err.Error(), errNotCore.Error())
		errs = append(errs, err)
	}}
	config.Check(path, u.fset, files, info)
	if len(errs) == 0 || strange {
		return info, nil
	}
	return info, errs[0]
}
