package house

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
)

// checkImports is R1, R2 and R3.
func (t *tree) checkImports(p *pkg) {
	if !t.inWorkspace(p) {
		return
	}
	for _, f := range p.files {
		for _, spec := range f.ast.Imports {
			t.checkImport(p, spec.Pos(), importPath(spec))
		}
	}
}

func (t *tree) checkImport(p *pkg, pos token.Pos, name string) {
	own, ours := strings.CutPrefix(name, root)
	switch {
	case !ours && (isStd(name) || isApproved(name)):
	case !ours:
		t.report("R1", pos, "%s is not approved: the list is in common/house, the reason goes to DECISIONS.md", name)
	case mayImport(p.dir, own, p.isCommand()):
	case within(own, "common/course"):
		t.report("R3", pos, "%s is of the class tool: it stands beside the house, not under it", own)
	case withinAny(own, outside):
		t.report("R1", pos, "%s is of a module outside the workspace, which nothing may lean on", own)
	case p.stage() < 0:
		t.report("R3", pos, "common imports %s: nothing in common knows a stage", own)
	case p.isCommand():
		t.report("R2", pos, "a command of %s imports %s, which is no earlier stage", stages[p.stage()], own)
	default:
		t.report("R1", pos, "a library of %s imports %s: only its commands may join stages", stages[p.stage()], own)
	}
}

// mayImport reports whether a package or module in dir may import what lies in
// target. A command, or a module for its commands, may import earlier stages.
func mayImport(dir, target string, command bool) bool {
	mine, theirs := (&pkg{dir: dir}).stage(), (&pkg{dir: target}).stage()
	switch {
	case within(target, "common/course"):
		return within(dir, "common/course")
	case withinAny(target, outside):
		return slices.ContainsFunc(outside, func(mod string) bool { return within(dir, mod) && within(target, mod) })
	case within(target, "common"):
		return true
	case mine < 0 || theirs < 0:
		return false
	}
	return mine == theirs || command && theirs < mine
}

// isCommand reports whether the package lies under its stage's cmd.
func (p *pkg) isCommand() bool {
	return p.stage() >= 0 && within(p.dir, stages[p.stage()]+"/cmd")
}

// checkOpen is the second half of R2: a kvd joins its stage in one small function.
func (t *tree) checkOpen(p *pkg) {
	if p.stage() < 0 || p.dir != stages[p.stage()]+"/cmd/kvd" {
		return
	}
	for _, f := range p.code() {
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Name.Name != "open" || fn.Recv != nil {
				continue
			}
			if n := t.lines(fn); n > maxOpenLines {
				t.report("R2", fn.Pos(), "open has %d lines: at most %d, the rest belongs to common/daemon", n, maxOpenLines)
			}
			return
		}
	}
	t.reportAt("R2", p.dir, 0, "has no function open that joins the parts of the stage")
}

// checkTests refuses tests that sleep or skip.
func (t *tree) checkTests(p *pkg) {
	for _, f := range p.files {
		if !f.test {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, _ := sel.X.(*ast.Ident)
			switch {
			case x == nil:
			case f.imported(x.Name) == "time" && sel.Sel.Name == "Sleep":
				t.report("tests", call.Pos(), "a test sleeps: wait for what it waits for")
			case slices.Contains([]string{"t", "b", "f", "tb"}, x.Name) &&
				slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name):
				t.report("tests", call.Pos(), "a test skips: what is not tried is not known")
			}
			return true
		})
	}
}

// imported returns the path of the package that the file calls by a name, or "".
func (f *file) imported(local string) string {
	for _, spec := range f.ast.Imports {
		name := importPath(spec)
		if spec.Name != nil && spec.Name.Name == local || spec.Name == nil && path.Base(name) == local {
			return name
		}
	}
	return ""
}

func importPath(spec *ast.ImportSpec) string {
	name, _ := strconv.Unquote(spec.Path.Value) // the parser has seen to it
	return name
}

// isStd reports whether an import path belongs to the standard library, C apart:
// every package builds without a C compiler.
func isStd(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return !strings.Contains(first, ".") && name != "C"
}

func isApproved(name string) bool {
	return slices.ContainsFunc(approved, func(mod string) bool { return within(name, mod) })
}
