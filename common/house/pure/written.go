package pure

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

// checkVars refuses package-level variables that could carry something from one
// step to the next, or over a pretended crash: all but errors and tables that are
// never written.
func (c *core) checkVars(f *ast.File) {
	for _, d := range f.Decls {
		gen, ok := d.(*ast.GenDecl)
		if !ok || gen.Tok != token.VAR {
			continue
		}
		for _, s := range gen.Specs {
			for _, name := range s.(*ast.ValueSpec).Names {
				if problem := c.varProblem(name); problem != "" {
					c.report(name.Pos(), "a core's variable %s %s: only errors and tables that are never written may stand here",
						name.Name, problem)
				}
			}
		}
	}
}

func (c *core) varProblem(name *ast.Ident) string {
	obj := c.info.Defs[name]
	if obj == nil || name.Name == "_" { // an assertion that a type implements an interface
		return ""
	}
	values := c.parents[name].(*ast.ValueSpec).Values
	switch {
	case isError(obj.Type()):
	case name.IsExported():
		return "is exported, so that others could write it"
	case len(values) == 0:
		return "has no value"
	case holds(obj.Type(), isFunc) && slices.ContainsFunc(values, c.calls):
		return "holds a function that a call has made, which may keep state"
	}
	if !c.onlyRead(obj) {
		return "may be written"
	}
	return ""
}

// onlyRead reports whether no use of obj in the package writes what it holds or
// lets an alias escape through which it could be written.
func (c *core) onlyRead(obj types.Object) bool {
	if verdict, ok := c.judged[obj]; ok {
		return verdict
	}
	c.judged[obj] = true // while it is judged: a recursive function adds nothing
	for id, used := range c.info.Uses {
		if used == obj && !c.reads(id) {
			c.judged[obj] = false
			break
		}
	}
	return c.judged[obj]
}

// reads judges one use: the longest expression of indexes and fields that starts
// at e.
func (c *core) reads(e ast.Expr) bool {
	for {
		parent := c.parents[e]
		switch p := parent.(type) {
		case *ast.IndexExpr:
			if ast.Unparen(p.X) == e {
				e = p
				continue
			}
		case *ast.SelectorExpr:
			if sel := c.info.Selections[p]; sel != nil && ast.Unparen(p.X) == e {
				if sel.Kind() != types.FieldVal {
					return c.readsByMethod(sel)
				}
				e = p
				continue
			}
		case *ast.StarExpr:
			e = p
			continue
		}
		return c.readsHere(e, parent)
	}
}

// readsHere judges the expression e where it stands.
func (c *core) readsHere(e ast.Expr, parent ast.Node) bool {
	alias := sharesMemory(c.info.TypeOf(e))
	switch p := parent.(type) {
	case *ast.AssignStmt:
		if slices.ContainsFunc(p.Lhs, func(l ast.Expr) bool { return ast.Unparen(l) == e }) {
			return false
		}
		return !alias || c.namesAreRead(p.Lhs)
	case *ast.IncDecStmt:
		return false
	case *ast.UnaryExpr:
		return p.Op != token.AND
	case *ast.SliceExpr:
		return !alias && !isArray(c.info.TypeOf(e)) || ast.Unparen(p.X) != e
	case *ast.RangeStmt:
		if ast.Unparen(p.X) != e {
			return false // it is assigned by the range
		}
		return p.Value == nil || !sharesMemory(c.info.TypeOf(p.Value)) ||
			c.namesAreRead([]ast.Expr{p.Value})
	case *ast.CallExpr:
		return !alias || c.readsByCall(p, e)
	case *ast.BinaryExpr, *ast.SwitchStmt, *ast.CaseClause, *ast.TypeSwitchStmt, *ast.ExprStmt, *ast.IndexExpr:
		return true
	}
	return !alias
}

// namesAreRead reports whether the expressions are new names that are only read
// themselves, or can hold no alias.
func (c *core) namesAreRead(list []ast.Expr) bool {
	return !slices.ContainsFunc(list, func(e ast.Expr) bool {
		id, ok := e.(*ast.Ident)
		if !ok {
			return true
		}
		obj := c.info.Defs[id]
		return obj == nil && id.Name != "_" && sharesMemory(c.info.TypeOf(id)) || obj != nil && !c.onlyRead(obj)
	})
}

// readsByCall judges an alias as an argument.
func (c *core) readsByCall(call *ast.CallExpr, arg ast.Expr) bool {
	if c.info.Types[call.Fun].IsType() {
		return !sharesMemory(c.info.TypeOf(call)) // string(table) copies
	}
	i := slices.IndexFunc(call.Args, func(a ast.Expr) bool { return ast.Unparen(a) == arg })
	switch fn := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		switch callee := c.info.Uses[fn].(type) {
		case *types.Builtin:
			return readsByBuiltin(callee.Name(), i, c.info.TypeOf(arg))
		case *types.Func:
			return c.readsByFunc(callee.Origin(), i)
		}
	case *ast.SelectorExpr:
		return slices.Contains(pureReaders, c.fullName(fn))
	}
	return false
}

func readsByBuiltin(name string, i int, t types.Type) bool {
	switch name {
	case "len", "cap":
		return true
	case "append", "copy": // from the table
		s, ok := t.Underlying().(*types.Slice)
		return ok && i > 0 && !sharesMemory(s.Elem())
	}
	return false
}

// readsByFunc judges a function of the core itself by what it does with its i-th
// parameter.
func (c *core) readsByFunc(fn *types.Func, i int) bool {
	params := fn.Signature().Params()
	if fn.Signature().Variadic() && i >= params.Len()-1 {
		return false
	}
	return c.isOwn(fn) && c.onlyRead(params.At(i))
}

// readsByMethod judges a method call on a table.
func (c *core) readsByMethod(sel *types.Selection) bool {
	fn, ok := sel.Obj().(*types.Func)
	if !ok || isError(sel.Recv()) {
		return ok
	}
	recv := fn.Origin().Signature().Recv()
	if _, pointer := recv.Type().(*types.Pointer); pointer {
		return false
	}
	return !sharesMemory(recv.Type()) || c.isOwn(fn) && !types.IsInterface(recv.Type()) && c.onlyRead(recv)
}

func (c *core) isOwn(fn *types.Func) bool {
	return fn.Pkg() != nil && fn.Pkg().Path() == c.path
}

// calls reports whether e calls a function outside of function literals.
func (c *core) calls(e ast.Expr) (found bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		found = found || ok && !c.info.Types[call.Fun].IsType()
		_, literal := n.(*ast.FuncLit)
		return !literal
	})
	return found
}

// sharesMemory reports whether a copy of a value of type t can be used to write
// what the original holds. Errors and functions cannot.
func sharesMemory(t types.Type) bool {
	return holds(t, func(t types.Type) bool {
		switch u := t.Underlying().(type) {
		case *types.Basic:
			return u.Kind() == types.UnsafePointer
		case *types.Signature, *types.Array, *types.Struct:
			return false
		}
		return !isError(t)
	})
}

func isFunc(t types.Type) bool {
	_, ok := t.Underlying().(*types.Signature)
	return ok
}

// holds reports whether is is true of t or of a part that a copy of it copies.
func holds(t types.Type, is func(types.Type) bool) bool {
	if t == nil || is(t) {
		return t != nil
	}
	switch u := t.Underlying().(type) {
	case *types.Array:
		return holds(u.Elem(), is)
	case *types.Struct:
		for f := range u.Fields() {
			if holds(f.Type(), is) {
				return true
			}
		}
	}
	return false
}

func isArray(t types.Type) bool {
	_, ok := t.Underlying().(*types.Array)
	return ok
}

func isError(t types.Type) bool {
	return t != nil && types.Identical(t, types.Universe.Lookup("error").Type())
}
