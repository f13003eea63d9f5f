package ladder

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
)

var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

// importNames returns by which name a file calls each import that it may lose. Whether
// one has become unused is asked of the rungs, and none is compiled for that: a
// package that is not named like its path must be given a name where it is imported.
func importNames(f *ast.File) (map[string]string, error) {
	used := usedNames(f)
	names := map[string]string{}
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		if path == "C" || spec.Name != nil {
			continue // the one is kept, the other tells its name
		}
		name, ok := guessName(path, used)
		if !ok {
			return nil, fmt.Errorf("import %q: what its package is called cannot be seen here: give it a name", path)
		}
		names[path] = name
	}
	return names, nil
}

// guessName returns the name, among those that a file uses, that a package with that
// path is most likely to have: "yaml" for go.yaml.in/yaml/v3, "cmp" for go-cmp/cmp.
func guessName(path string, used map[string]bool) (string, bool) {
	elements := strings.Split(path, "/")
	last := elements[len(elements)-1]
	if majorVersion.MatchString(last) && len(elements) > 1 {
		last = elements[len(elements)-2]
	}
	parts := strings.FieldsFunc(last, func(r rune) bool { return r == '-' || r == '.' })
	for _, name := range append([]string{last, strings.Join(parts, "")}, parts...) {
		if used[name] {
			return name, true
		}
	}
	return "", false
}

// usedNames returns what stands before a dot and is declared nowhere in the file.
func usedNames(f *ast.File) map[string]bool {
	unresolved := map[*ast.Ident]bool{}
	for _, id := range f.Unresolved {
		unresolved[id] = true
	}
	used := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := s.X.(*ast.Ident); ok && unresolved[id] {
				used[id.Name] = true
			}
		}
		return true
	})
	return used
}

// dropImports removes the imports that a rung does not use. names are those of the
// reference.
func dropImports(text []byte, names map[string]string) ([]byte, error) {
	r := &reader{fset: token.NewFileSet(), text: text}
	var err error
	if r.file, err = parser.ParseFile(r.fset, "", text, parser.ParseComments); err != nil {
		return nil, err
	}
	used := usedNames(r.file)
	p := &plan{}
	for _, decl := range r.file.Decls {
		if g, ok := decl.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			if err := r.unusedImports(p, g, used, names); err != nil {
				return nil, err
			}
		}
	}
	return apply(text, p.edits(0)), nil
}

// unusedImports plans to cut the unused ones of an import declaration.
func (r *reader) unusedImports(p *plan, g *ast.GenDecl, used map[string]bool, names map[string]string) error {
	whole, err := r.lines(g.Doc, g)
	if err != nil {
		return err
	}
	in := &group{whole: whole, specs: len(g.Specs)}
	for _, spec := range g.Specs {
		s := spec.(*ast.ImportSpec)
		path, err := strconv.Unquote(s.Path.Value)
		if err != nil {
			return err
		}
		name := names[path]
		if s.Name != nil {
			name = s.Name.Name
		}
		if path == "C" || name == "_" || name == "." || used[name] {
			continue
		}
		c := cut{span: whole}
		if g.Lparen.IsValid() {
			if c.span, err = r.lines(s.Doc, s); err != nil {
				return err
			}
			c.group = in
		}
		p.cuts = append(p.cuts, c)
	}
	return nil
}
