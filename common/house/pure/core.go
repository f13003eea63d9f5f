package pure

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"
)

// checkOrder refuses whatever would meet the order of a map.
func (c *core) checkOrder(f *ast.File) {
	excused := c.excusedLines(f)
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.RangeStmt:
			if problem := c.rangeProblem(n); problem != "" && !excused[c.line(n.Pos())] {
				c.report(n.Pos(), "a core ranges over %s: want slices.Sorted(maps.Keys(m)), "+
					"or //house:unordered and why order cannot matter", problem)
			}
		case *ast.SelectorExpr:
			name := c.fullName(n)
			if slices.Contains([]string{"maps.Keys", "maps.Values", "maps.All"}, name) &&
				!c.sortedAtOnce(n, name) && !excused[c.line(n.Pos())] {
				c.report(n.Pos(), "a core takes %s without sorting: want slices.Sorted(%s(m))", name, name)
			}
		}
		return true
	})
}

// rangeProblem says what is wrong with ranging over r.X, or "".
func (c *core) rangeProblem(r *ast.RangeStmt) string {
	tv, ok := c.info.Types[r.X]
	if !ok || tv.Type == nil || tv.Type == types.Typ[types.Invalid] {
		return "something of unknown type"
	}
	if _, ok := types.Unalias(tv.Type).(*types.TypeParam); ok {
		return "a type parameter, which may be a map"
	}
	switch tv.Type.Underlying().(type) {
	case *types.Map:
		return "a map"
	case *types.Chan:
		return "a channel"
	}
	return ""
}

// sortedAtOnce reports whether maps.Keys or maps.Values is called as the argument
// of a function that sorts. Equal values may stand in any order, so SortedFunc
// takes keys only.
func (c *core) sortedAtOnce(sel *ast.SelectorExpr, name string) bool {
	call, ok := c.parents[sel].(*ast.CallExpr)
	if !ok || call.Fun != sel {
		return false
	}
	outer, ok := c.parents[call].(*ast.CallExpr)
	if !ok || len(outer.Args) == 0 || outer.Args[0] != call {
		return false
	}
	by, ok := outer.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	sorter := c.fullName(by)
	return sorter == "slices.Sorted" && name != "maps.All" || sorter == "slices.SortedFunc" && name == "maps.Keys"
}

// excusedLines are those with a comment //house:unordered that gives a reason,
// and those below a line that is such a comment alone.
func (c *core) excusedLines(f *ast.File) map[int]bool {
	code, lines := map[int]bool{}, map[int]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if _, comment := n.(*ast.CommentGroup); n != nil && !comment {
			code[c.line(n.Pos())], code[c.line(n.End())] = true, true
		}
		return true
	})
	for _, group := range f.Comments {
		for _, comment := range group.List {
			if words := strings.Fields(comment.Text); words[0] != "//house:unordered" || len(words) == 1 {
				continue
			}
			line := c.line(comment.Pos())
			lines[line] = true
			if !code[line] {
				lines[line+1] = true
			}
		}
	}
	return lines
}

// checkCalls refuses the impure functions of the packages that a core may import.
func (c *core) checkCalls(f *ast.File) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if name := c.fullName(n); impure[name] != "" {
				c.report(n.Pos(), "a core uses %s: %s", name, impure[name])
			}
		case *ast.Ident:
			b, ok := c.info.Uses[n].(*types.Builtin)
			if ok && slices.Contains([]string{"print", "println"}, b.Name()) {
				c.report(n.Pos(), "a core uses %s: it writes to the world", b.Name())
			}
		}
		return true
	})
}

// fullName returns "maps.Keys" for a selector of an imported package, else "".
func (c *core) fullName(sel *ast.SelectorExpr) string {
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	if name, ok := c.info.Uses[x].(*types.PkgName); ok {
		return name.Imported().Path() + "." + sel.Sel.Name
	}
	return ""
}

// parentsOf maps every node to the one around it; parentheses are left out.
func parentsOf(files []*ast.File) map[ast.Node]ast.Node {
	parents := map[ast.Node]ast.Node{}
	for _, f := range files {
		var stack []ast.Node
		ast.Inspect(f, func(n ast.Node) bool {
			if n == nil {
				stack = stack[:len(stack)-1]
				return true
			}
			for i := len(stack) - 1; i >= 0; i-- {
				if _, paren := stack[i].(*ast.ParenExpr); !paren {
					parents[n] = stack[i]
					break
				}
			}
			stack = append(stack, n)
			return true
		})
	}
	return parents
}
