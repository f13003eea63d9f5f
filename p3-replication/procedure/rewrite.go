package procedure

import (
	"fmt"
	"math/big"

	"go.starlark.net/syntax"
)

// Bounds of a program's shape. They keep the frames of calls, and the depth of all that
// walks a program by recursion, small.
const (
	maxNested    = 100 // expressions and statements in each other
	maxTerms     = 512 // expressions in a statement
	maxFunctions = 100 // of a program, lambdas too: as none calls itself, also the depth of calls
	maxNames     = 64  // local to a function
)

// rewriter turns a program into one that asks before it makes anything: operations become
// calls of metered functions, whose names no source can hold, as they begin with a "$". What
// it does not know it refuses. The first refusal ends it.
type rewriter struct {
	offers    func(name string) bool // whether anything has a field or method of this name
	err       *Error
	depth     int
	terms     int
	functions int
	temps     int
	inside    bool // a function
}

func (w *rewriter) refuse(pos syntax.Position, format string, args ...any) {
	if w.err == nil {
		w.err = refusal(pos, format, args...)
	}
}

// enter counts a level of nesting and reports whether to go on.
func (w *rewriter) enter(n syntax.Node) bool {
	w.depth++
	if w.depth > maxNested && w.err == nil {
		w.refuse(start(n), "nested deeper than %d", maxNested)
	}
	return w.err == nil
}

func (w *rewriter) leave() { w.depth-- }

// start is syntax.Start without its walk down the left side of a tree, whose depth is not
// yet known to be bounded.
func start(n syntax.Node) syntax.Position {
	switch n := n.(type) {
	case *syntax.BinaryExpr:
		return n.OpPos
	case *syntax.CallExpr:
		return n.Lparen
	case *syntax.DotExpr:
		return n.Dot
	case *syntax.IndexExpr:
		return n.Lbrack
	case *syntax.SliceExpr:
		return n.Lbrack
	case *syntax.CondExpr:
		return n.If
	case *syntax.IfStmt:
		return n.If
	case *syntax.ForStmt:
		return n.For
	}
	at, _ := n.Span()
	return at
}

func (w *rewriter) stmts(in []syntax.Stmt) []syntax.Stmt {
	var out []syntax.Stmt // none stays nil: an else without statements is no else
	for _, s := range in {
		w.terms = 0
		if w.err != nil {
			break
		}
		out = append(out, w.stmt(s)...)
	}
	return out
}

func (w *rewriter) stmt(s syntax.Stmt) []syntax.Stmt {
	if w.enter(s) {
		switch s := s.(type) {
		case *syntax.AssignStmt:
			defer w.leave()
			return w.assign(s)
		case *syntax.ExprStmt:
			s.X = w.expr(s.X)
		case *syntax.ReturnStmt:
			if s.Result != nil {
				s.Result = w.expr(s.Result)
			}
		case *syntax.IfStmt:
			s.Cond = w.expr(s.Cond)
			s.True, s.False = w.stmts(s.True), w.stmts(s.False)
		case *syntax.ForStmt:
			s.X, s.Vars = w.expr(s.X), w.pattern(s.Vars)
			s.Body = w.stmts(s.Body)
		case *syntax.DefStmt:
			w.def(s)
		case *syntax.BranchStmt:
		case *syntax.LoadStmt:
			w.refuse(s.Load, "load is not allowed: a procedure sees nothing but the state")
		case *syntax.WhileStmt:
			w.refuse(s.While, "while is not allowed: write a for loop")
		default:
			w.refuse(start(s), "not allowed")
		}
	}
	w.leave()
	return []syntax.Stmt{s}
}

func (w *rewriter) def(s *syntax.DefStmt) {
	if w.inside {
		w.refuse(s.Def, "a def within a def is not allowed: write it beside, or a lambda")
		return
	}
	w.function(s.Def, s.Params)
	w.inside = true
	s.Body = w.stmts(s.Body)
	w.inside = false
}

func (w *rewriter) function(pos syntax.Position, params []syntax.Expr) {
	if w.functions++; w.functions > maxFunctions {
		w.refuse(pos, "more than %d functions", maxFunctions)
	}
	for _, p := range params {
		switch p := p.(type) {
		case *syntax.BinaryExpr: // name = default
			p.Y = w.expr(p.Y)
		case *syntax.UnaryExpr:
			w.refuse(p.OpPos, "%s parameters are not allowed: name them all", p.Op)
		}
	}
}

// assign rewrites x = y, and x += y into x = x + y. Of a[i] += y, a and i are computed once.
func (w *rewriter) assign(s *syntax.AssignStmt) []syntax.Stmt {
	if s.Op == syntax.EQ {
		s.RHS, s.LHS = w.expr(s.RHS), w.pattern(s.LHS)
		return []syntax.Stmt{s}
	}
	op := s.Op - syntax.PLUS_EQ + syntax.PLUS
	if op == syntax.SLASH {
		w.refuse(s.OpPos, slashIsRefused)
	}
	switch lhs := unparen(s.LHS).(type) {
	case *syntax.Ident:
		value := w.call(s.OpPos, augmented(op), &syntax.Ident{NamePos: lhs.NamePos, Name: lhs.Name}, w.expr(s.RHS))
		return []syntax.Stmt{assignment(s.OpPos, lhs, value)}
	case *syntax.IndexExpr:
		w.temps++
		of, at := fmt.Sprintf("$of%d", w.temps), fmt.Sprintf("$at%d", w.temps)
		name := func(n string) syntax.Expr { return &syntax.Ident{NamePos: s.OpPos, Name: n} }
		old := w.call(lhs.Lbrack, "$index", name(of), name(at))
		value := w.call(s.OpPos, augmented(op), old, w.expr(s.RHS))
		place := w.place(lhs.Lbrack, name(of), name(at))
		return []syntax.Stmt{
			assignment(s.OpPos, name(of), w.expr(lhs.X)),
			assignment(s.OpPos, name(at), w.expr(lhs.Y)),
			assignment(s.OpPos, place, value),
		}
	}
	w.refuse(s.OpPos, "only a name or a place in a list or dict can be on the left of %s", s.Op)
	return nil
}

const slashIsRefused = "/ is not allowed: // divides and rounds down"

func assignment(pos syntax.Position, lhs, rhs syntax.Expr) syntax.Stmt {
	return &syntax.AssignStmt{OpPos: pos, Op: syntax.EQ, LHS: lhs, RHS: rhs}
}

// pattern rewrites what is assigned to.
func (w *rewriter) pattern(x syntax.Expr) syntax.Expr {
	defer w.leave()
	if !w.enter(x) {
		return x
	}
	switch x := x.(type) {
	case *syntax.Ident:
	case *syntax.ParenExpr:
		x.X = w.pattern(x.X)
	case *syntax.TupleExpr:
		w.patterns(x.List)
	case *syntax.ListExpr:
		w.patterns(x.List)
	case *syntax.IndexExpr:
		return w.place(x.Lbrack, w.expr(x.X), w.expr(x.Y))
	default:
		w.refuse(start(x), "only a name or a place in a list or dict can be assigned to")
	}
	return x
}

// place is of[at] that is assigned to.
func (w *rewriter) place(pos syntax.Position, of, at syntax.Expr) syntax.Expr {
	return &syntax.IndexExpr{X: w.call(pos, "$holder", of), Lbrack: pos, Y: w.call(pos, "$slot", at)}
}

func (w *rewriter) patterns(list []syntax.Expr) {
	for i, x := range list {
		list[i] = w.pattern(x)
	}
}

func (w *rewriter) exprs(list []syntax.Expr) []syntax.Expr {
	for i, x := range list {
		list[i] = w.expr(x)
	}
	return list
}

// expr rewrites an expression. Those that make nothing stay as they are.
func (w *rewriter) expr(x syntax.Expr) syntax.Expr {
	defer w.leave()
	if w.terms++; w.terms > maxTerms {
		w.refuse(start(x), "more than %d terms in a statement", maxTerms)
	}
	if !w.enter(x) {
		return x
	}
	switch x := x.(type) {
	case *syntax.Ident:
		return x
	case *syntax.Literal:
		return w.literal(x)
	case *syntax.ParenExpr:
		x.X = w.expr(x.X)
		return x
	case *syntax.UnaryExpr:
		return w.unary(x)
	case *syntax.BinaryExpr:
		return w.binary(x)
	case *syntax.CondExpr:
		x.Cond, x.True, x.False = w.expr(x.Cond), w.expr(x.True), w.expr(x.False)
		return x
	case *syntax.CallExpr:
		return w.invoke(x)
	case *syntax.DotExpr:
		return w.dot(x)
	case *syntax.IndexExpr:
		return w.call(x.Lbrack, "$index", w.expr(x.X), w.expr(x.Y))
	case *syntax.SliceExpr:
		return w.call(x.Lbrack, "$slice", w.expr(x.X), w.bound(x.Lo), w.bound(x.Hi), w.bound(x.Step))
	case *syntax.ListExpr:
		return w.call(x.Lbrack, "$list", tuple(x.Lbrack, w.exprs(x.List)))
	case *syntax.TupleExpr:
		return w.call(tuplePos(x), "$tuple", tuple(tuplePos(x), w.exprs(x.List)))
	case *syntax.DictExpr:
		return w.dict(x)
	case *syntax.Comprehension:
		return w.comprehension(x)
	case *syntax.LambdaExpr:
		w.function(x.Lambda, x.Params)
		x.Body = w.expr(x.Body)
		return w.call(x.Lambda, "$lambda", x)
	}
	w.refuse(start(x), "not allowed")
	return x
}

func (w *rewriter) literal(x *syntax.Literal) syntax.Expr {
	switch value := x.Value.(type) {
	case *big.Int:
		w.refuse(x.TokenPos, "%s does not fit 64 bits", printable(value.String(), 24))
	case float64:
		w.refuse(x.TokenPos, "floating-point numbers are not allowed: count in whole units")
	}
	if x.Token == syntax.BYTES {
		w.refuse(x.TokenPos, "bytes literals are not allowed: every str is a string of bytes")
	}
	return x
}

func (w *rewriter) unary(x *syntax.UnaryExpr) syntax.Expr {
	_, number := unparen(x.X).(*syntax.Literal)
	x.X = w.expr(x.X)
	if x.Op == syntax.MINUS && !number {
		return w.call(x.OpPos, "$negate", x.X)
	}
	return x
}

func (w *rewriter) binary(x *syntax.BinaryExpr) syntax.Expr {
	switch x.Op {
	case syntax.AND, syntax.OR:
		x.X, x.Y = w.expr(x.X), w.expr(x.Y)
		return x
	case syntax.SLASH:
		w.refuse(x.OpPos, slashIsRefused)
	}
	return w.call(x.OpPos, "$"+x.Op.String(), w.expr(x.X), w.expr(x.Y))
}

func (w *rewriter) invoke(x *syntax.CallExpr) syntax.Expr {
	x.Fn = w.expr(x.Fn)
	for i, arg := range x.Args {
		switch arg := arg.(type) {
		case *syntax.UnaryExpr:
			if arg.Op == syntax.STAR || arg.Op == syntax.STARSTAR {
				w.refuse(arg.OpPos, "%s arguments are not allowed: write them out", arg.Op)
			}
			x.Args[i] = w.expr(arg)
		case *syntax.BinaryExpr:
			if arg.Op != syntax.EQ {
				x.Args[i] = w.expr(arg)
			} else {
				arg.Y = w.expr(arg.Y) // name = value
			}
		default:
			x.Args[i] = w.expr(arg)
		}
	}
	return x
}

func (w *rewriter) dot(x *syntax.DotExpr) syntax.Expr {
	if !w.offers(x.Name.Name) {
		w.refuse(x.Name.NamePos, "nothing has a .%s", printable(x.Name.Name, 40))
	}
	name := &syntax.Literal{Token: syntax.STRING, TokenPos: x.Name.NamePos, Value: x.Name.Name}
	return w.call(x.Dot, "$attr", w.expr(x.X), name)
}

func (w *rewriter) dict(x *syntax.DictExpr) syntax.Expr {
	var list []syntax.Expr
	for _, e := range x.List {
		e := e.(*syntax.DictEntry)
		list = append(list, w.expr(e.Key), w.expr(e.Value))
	}
	return w.call(x.Lbrace, "$dict", tuple(x.Lbrace, list))
}

func (w *rewriter) comprehension(x *syntax.Comprehension) syntax.Expr {
	for _, clause := range x.Clauses {
		switch c := clause.(type) {
		case *syntax.ForClause:
			c.X, c.Vars = w.expr(c.X), w.pattern(c.Vars)
		case *syntax.IfClause:
			c.Cond = w.expr(c.Cond)
		}
	}
	if e, ok := x.Body.(*syntax.DictEntry); ok { // made of a list of pairs
		pair := tuple(e.Colon, []syntax.Expr{w.expr(e.Key), w.expr(e.Value)})
		x.Curly, x.Body = false, w.call(e.Colon, "$item", w.call(e.Colon, "$tuple", pair))
		return w.call(x.Lbrack, "$pairs", x)
	}
	x.Body = w.call(start(x.Body), "$item", w.expr(x.Body))
	return w.call(x.Lbrack, "$comprehension", x)
}

// bound is a bound of a slice, which may be missing.
func (w *rewriter) bound(x syntax.Expr) syntax.Expr {
	if x == nil {
		return &syntax.Ident{Name: "$none"}
	}
	return w.expr(x)
}

// call makes the call of a metered function; errors are told at pos.
func (w *rewriter) call(pos syntax.Position, name string, args ...syntax.Expr) *syntax.CallExpr {
	return &syntax.CallExpr{Fn: &syntax.Ident{NamePos: pos, Name: name}, Lparen: pos, Args: args, Rparen: pos}
}

// tuple hands the parts of a literal over: a call takes no more than 255 arguments.
func tuple(pos syntax.Position, list []syntax.Expr) syntax.Expr {
	return &syntax.TupleExpr{Lparen: pos, List: list, Rparen: pos}
}

func augmented(op syntax.Token) string { return "$" + op.String() + "=" }

func tuplePos(x *syntax.TupleExpr) syntax.Position {
	if x.Lparen.IsValid() || len(x.List) == 0 {
		return x.Lparen
	}
	return start(x.List[0])
}

func unparen(x syntax.Expr) syntax.Expr {
	for {
		p, ok := x.(*syntax.ParenExpr)
		if !ok {
			return x
		}
		x = p.X
	}
}
