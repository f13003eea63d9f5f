package procedure

import (
	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// program is a compiled source: what its statements outside of functions have left, frozen.
type program struct {
	check  *starlark.Function // nil: it defines none
	merge  *starlark.Function // nil: it defines none
	steps  uint64             // that those statements took; every run starts from them
	memory int
}

// fileName is the name under which the library knows a source.
const fileName = "procedure"

// compile turns a source into a program, or tells why not.
func (i *Interpreter) compile(src string) (p *program, refused *Error) {
	defer func() {
		if recover() != nil {
			p, refused = nil, refusal(syntax.Position{}, "%v", errBroken)
		}
	}()
	if len(src) > i.limits.Source {
		return nil, refusal(syntax.Position{}, "%d bytes of source: at most %d are allowed", len(src), i.limits.Source)
	}
	options := &syntax.FileOptions{Set: true} // so that refuseNames says why there is none
	file, err := options.Parse(fileName, src, 0)
	if err != nil {
		return nil, refusalOf(err)
	}
	expressionIsCheck(file)
	w := rewriter{offers: i.run.offers}
	if file.Stmts = w.stmts(file.Stmts); w.err != nil {
		return nil, w.err
	}
	code, err := starlark.FileProgram(file, i.names.Has)
	if err != nil {
		return nil, refusalOf(err)
	}
	if err := refuseNames(file); err != nil {
		return nil, err
	}
	return i.load(code)
}

// expressionIsCheck lets a source that is one expression define check by it.
func expressionIsCheck(file *syntax.File) {
	if len(file.Stmts) != 1 {
		return
	}
	x, ok := file.Stmts[0].(*syntax.ExprStmt)
	if !ok {
		return
	}
	pos := start(x.X)
	name := func(n string) *syntax.Ident { return &syntax.Ident{NamePos: pos, Name: n} }
	file.Stmts[0] = &syntax.DefStmt{
		Def: pos, Name: name("check"), Lparen: pos, Rparen: pos,
		Params: []syntax.Expr{name("db"), name("update")},
		Body:   []syntax.Stmt{&syntax.ReturnStmt{Return: pos, Result: x.X}},
	}
}

// refuseNames refuses the names of the library that are not offered, and functions with more
// names than maxNames. Names are known only when the library has resolved them.
func refuseNames(file *syntax.File) *Error {
	var err *Error
	first := func(e *Error) {
		if err == nil {
			err = e
		}
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Ident:
			b, ok := n.Binding.(*resolve.Binding)
			if ok && b.Scope == resolve.Universal && !isConstant(n.Name) {
				first(refusal(n.NamePos, "%s is not allowed: %s", n.Name, whyNot(n.Name)))
			}
		case *syntax.DefStmt:
			if len(n.Function.(*resolve.Function).Locals) > maxNames {
				first(refusal(n.Def, "%s has more than %d names", n.Name.Name, maxNames))
			}
		case *syntax.LambdaExpr:
			if len(n.Function.(*resolve.Function).Locals) > maxNames {
				first(refusal(n.Lambda, "a lambda has more than %d names", maxNames))
			}
		}
		return true
	})
	return err
}

func isConstant(name string) bool { return name == "None" || name == "True" || name == "False" }

func whyNot(name string) string {
	switch name {
	case "print":
		return "a procedure speaks by its changes, and by fail"
	case "float":
		return "count in whole units"
	case "set":
		return "the keys of a dict are a set"
	case "hash", "dir", "getattr", "hasattr":
		return "it would show the interpreter and not the state"
	case "bytes":
		return "every str is a string of bytes"
	}
	return "procedures have no use for it"
}

// load runs the statements outside of functions, once for all runs of the program.
func (i *Interpreter) load(code *starlark.Program) (*program, *Error) {
	limits := i.limits
	limits.Memory /= topLevelShare
	i.run.begin(limits, &program{})
	var globals starlark.StringDict
	_, err := i.run.protect(func(t *starlark.Thread) (_ starlark.Value, err error) {
		globals, err = code.Init(t, i.names)
		globals.Freeze()
		return nil, err
	})
	if err != nil {
		e := i.run.failureOf(err)
		e.Kind = ErrRefused
		return nil, e
	}
	p := &program{steps: i.run.thread.Steps, memory: i.run.memory}
	var refused *Error
	p.check, refused = entryPoint(globals["check"], "check")
	if refused == nil {
		p.merge, refused = entryPoint(globals["merge"], "merge")
	}
	return p, refused
}

// function returns what a run in this role calls.
func (p *program) function(role string) (*starlark.Function, *Error) {
	f, want := p.check, "write an expression, or def check(db, update)"
	if role == mergeRole {
		f, want = p.merge, "write def merge(db, update)"
	}
	if f == nil {
		return nil, refusal(syntax.Position{}, "the program defines none: %s", want)
	}
	return f, nil
}

// entryPoint returns the function that a run calls; nil if the program has none.
func entryPoint(v starlark.Value, name string) (*starlark.Function, *Error) {
	if v == nil {
		return nil, nil
	}
	f, ok := v.(*starlark.Function)
	if !ok {
		return nil, refusal(syntax.Position{}, "%s is %s: write def %s(db, update)", name, v.Type(), name)
	}
	if f.NumParams() != 2 || f.Name() != name {
		return nil, refusal(f.Position(), "%s takes two parameters: write def %s(db, update)", name, name)
	}
	return f, nil
}
