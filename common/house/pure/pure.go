// Package pure judges whether one package is pure enough to be stepped by a
// world: a core (rule R4 of package house) or a flow (R5). What they may do
// stands in the package comment of house.
//
// # How a table is known to be never written
//
// Every use of the variable in its package is looked at where it stands, with
// types at hand. Reading an element that shares no memory with the table is
// harmless. Anything that could be used to write into it (the table itself, when
// it is a slice or a map; a slice in it; a name for either) may only be indexed,
// ranged over, measured, compared, or passed on to a parameter that is only read
// in the same sense. All else is refused, even where a reader would see that no
// harm is done.
package pure

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"slices"
	"strconv"
)

// Problem is one place that breaks the rule.
type Problem struct {
	Pos  token.Pos // NoPos is the package as a whole
	Text string
}

// judge collects problems.
type judge struct {
	fset     *token.FileSet
	problems []Problem
}

func (j *judge) report(pos token.Pos, format string, args ...any) {
	j.problems = append(j.problems, Problem{pos, fmt.Sprintf(format, args...)})
}

func (j *judge) line(pos token.Pos) int { return j.fset.Position(pos).Line }

// core is the judgement of one core.
type core struct {
	judge
	path    string
	info    *types.Info
	parents map[ast.Node]ast.Node
	judged  map[types.Object]bool // see onlyRead
}

// Core returns what keeps the package at an import path from being a core.
// mayImport tells what it may import of the workspace.
func Core(u *Universe, path string, mayImport func(string) bool) []Problem {
	files := u.local(path)
	allowed := func(name string) bool { return slices.Contains(coreImports, name) || mayImport(name) }
	info, err := u.check(path, files, allowed)
	if err != nil {
		return []Problem{{Text: fmt.Sprintf("cannot be judged, for it does not compile: %v", err)}}
	}
	c := &core{
		judge: judge{fset: u.fset}, path: path, info: info,
		parents: parentsOf(files), judged: map[types.Object]bool{},
	}
	for _, f := range files {
		for _, spec := range f.Imports {
			if name := importPath(spec); !allowed(name) {
				c.report(spec.Pos(), "a core imports %s: what it may import stands in common/house", name)
			}
		}
		c.checkThreads("core", f)
		c.checkOrder(f)
		c.checkCalls(f)
		c.checkVars(f)
	}
	return c.problems
}

// Flow returns what keeps the files of a package from being a flow.
func Flow(fset *token.FileSet, files []*ast.File) []Problem {
	j := &judge{fset: fset}
	for _, f := range files {
		local := map[string]string{}
		for _, spec := range f.Imports {
			name := importPath(spec)
			local[localName(spec)] = name
			if slices.Contains(flowImports, name) {
				j.report(spec.Pos(), "a flow imports %s: all that it may block on is flow.Flow", name)
			}
		}
		j.checkThreads("flow", f)
		ast.Inspect(f, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok {
				name := local[x.Name] + "." + sel.Sel.Name
				if why := flowCalls[name]; why != "" {
					j.report(sel.Pos(), "a flow uses %s: %s", name, why)
				}
			}
			return true
		})
	}
	return j.problems
}

// checkThreads refuses what runs or waits beside the one step.
func (j *judge) checkThreads(kind string, f *ast.File) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			j.report(n.Pos(), "a %s starts a goroutine: the world steps it", kind)
		case *ast.SelectStmt:
			j.report(n.Pos(), "a %s selects: what happens first is an input", kind)
		case *ast.ChanType:
			j.report(n.Pos(), "a %s has a channel: it talks by what it returns", kind)
		case *ast.SendStmt:
			j.report(n.Pos(), "a %s sends on a channel: it talks by what it returns", kind)
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				j.report(n.Pos(), "a %s receives from a channel: what happened is an input", kind)
			}
		}
		return true
	})
}

// localName returns what a file calls a package of the standard library.
func localName(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	return path.Base(importPath(spec))
}

func importPath(spec *ast.ImportSpec) string {
	name, _ := strconv.Unquote(spec.Path.Value) // the parser has seen to it
	return name
}
