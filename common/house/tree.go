package house

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// tree is a workspace, read and parsed.
type tree struct {
	fset     *token.FileSet
	top      []fs.DirEntry
	texts    map[string][]byte // every text file, by path
	packages map[string]*pkg   // by directory
	mods     map[string]*module
	ignored  []string // patterns of .gitignore
	found    []Finding
}

// pkg is the Go files of one directory, tests and the external test package
// included.
type pkg struct {
	dir   string
	files []*file
}

type file struct {
	path string
	test bool
	ast  *ast.File
}

func load(fsys fs.FS) (*tree, error) {
	t := &tree{
		fset: token.NewFileSet(), texts: map[string][]byte{}, packages: map[string]*pkg{}, mods: map[string]*module{},
	}
	var err error
	if t.top, err = fs.ReadDir(fsys, "."); err != nil {
		return nil, err
	}
	if b, err := fs.ReadFile(fsys, ".gitignore"); err == nil {
		t.ignored = strings.Fields(string(b))
	}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == ".":
			return nil
		case name == ".git" || t.isIgnored(name):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.Type().IsRegular():
			return t.add(fsys, name)
		}
		return nil
	})
	return t, err
}

// isIgnored reads .gitignore's simple patterns: "/name/" at the root, "*.x"
// everywhere.
func (t *tree) isIgnored(name string) bool {
	return slices.ContainsFunc(t.ignored, func(pattern string) bool {
		if rooted, ok := strings.CutPrefix(pattern, "/"); ok {
			return strings.TrimSuffix(rooted, "/") == name
		}
		return matches(pattern, path.Base(name))
	})
}

func (t *tree) add(fsys fs.FS, name string) error {
	b, err := fs.ReadFile(fsys, name)
	if err != nil || bytes.IndexByte(b[:min(len(b), 8000)], 0) >= 0 {
		return err // binary, unless err
	}
	t.texts[name] = b
	if path.Base(name) == "go.mod" {
		t.mods[path.Dir(name)] = parseModule(string(b))
	}
	if path.Ext(name) != ".go" || unbound(name) {
		return nil
	}
	parsed, err := parser.ParseFile(t.fset, name, b, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("house: %w", err)
	}
	dir := path.Dir(name)
	if t.packages[dir] == nil {
		t.packages[dir] = &pkg{dir: dir}
	}
	p := t.packages[dir]
	p.files = append(p.files, &file{path: name, test: strings.HasSuffix(name, "_test.go"), ast: parsed})
	return nil
}

// unbound reports whether the go command would not see the file, or it is wrong
// on purpose.
func unbound(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool {
		return strings.HasPrefix(part, "_") || strings.HasPrefix(part, ".") || slices.Contains(skipDirs, part)
	})
}

func (t *tree) sortedPackages() []*pkg {
	var list []*pkg
	for _, dir := range slices.Sorted(maps.Keys(t.packages)) {
		list = append(list, t.packages[dir])
	}
	return list
}

// report adds a finding about the place where pos is.
func (t *tree) report(rule string, pos token.Pos, format string, args ...any) {
	at := t.fset.Position(pos)
	t.reportAt(rule, at.Filename, at.Line, format, args...)
}

func (t *tree) reportAt(rule, name string, line int, format string, args ...any) {
	t.found = append(t.found, Finding{Path: name, Line: line, Rule: rule, Text: fmt.Sprintf(format, args...)})
}

// lines returns how many lines a node covers.
func (t *tree) lines(n ast.Node) int {
	return t.fset.Position(n.End()).Line - t.fset.Position(n.Pos()).Line + 1
}

// syntax returns the files that are neither tests nor scaffolds.
func (p *pkg) syntax() []*ast.File {
	var files []*ast.File
	for _, f := range p.code() {
		if !slices.ContainsFunc(scaffolds, func(pattern string) bool { return matches(pattern, f.path) }) {
			files = append(files, f.ast)
		}
	}
	return files
}

// code returns the files that are not tests.
func (p *pkg) code() []*file {
	return slices.DeleteFunc(slices.Clone(p.files), func(f *file) bool { return f.test })
}

func (p *pkg) isCore() bool { return withinAny(p.dir, cores) && !p.isFlow() }
func (p *pkg) isFlow() bool { return withinAny(p.dir, flows) }

// stage returns the index of the package's stage, or -1 for common.
func (p *pkg) stage() int {
	first, _, _ := strings.Cut(p.dir, "/")
	return slices.Index(stages, first)
}

// inWorkspace reports whether the package belongs to one of the seven modules and
// not to a module outside the workspace that lies in the same tree.
func (t *tree) inWorkspace(p *pkg) bool { return slices.Contains(modules, t.moduleOf(p.dir)) }

// moduleOf returns the nearest directory upwards that has a go.mod, or "".
func (t *tree) moduleOf(dir string) string {
	for ; dir != "."; dir = path.Dir(dir) {
		if t.mods[dir] != nil {
			return dir
		}
	}
	return ""
}

func matches(pattern, name string) bool {
	matched, _ := path.Match(pattern, name)
	return matched
}

func withinAny(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return within(name, prefix) })
}

// within reports whether path is prefix or lies under it.
func within(name, prefix string) bool {
	return name == prefix || strings.HasPrefix(name, prefix+"/")
}
