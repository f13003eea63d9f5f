package house

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// checkDocs demands a comment for every package and every exported name outside
// tests. A group's comment speaks for its members, and so does one behind them.
func (t *tree) checkDocs(p *pkg) {
	code := p.code()
	if len(code) == 0 {
		return
	}
	if !slices.ContainsFunc(code, func(f *file) bool { return f.ast.Doc != nil }) {
		t.reportAt("docs", p.dir, 0, "has no package comment")
	}
	for _, f := range code {
		for _, d := range f.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) {
					t.report("docs", d.Pos(), "%s has no doc comment", d.Name.Name)
				}
			case *ast.GenDecl:
				if d.Doc == nil && d.Tok != token.IMPORT {
					t.checkSpecs(d)
				}
			}
		}
	}
}

func (t *tree) checkSpecs(d *ast.GenDecl) {
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Doc == nil && s.Comment == nil && s.Name.IsExported() {
				t.report("docs", s.Pos(), "%s has no doc comment", s.Name.Name)
			}
		case *ast.ValueSpec:
			if s.Doc == nil && s.Comment == nil && slices.ContainsFunc(s.Names, (*ast.Ident).IsExported) {
				t.report("docs", s.Pos(), "%s has no doc comment", s.Names[0].Name)
			}
		}
	}
}

// exportedReceiver is true of functions too.
func exportedReceiver(d *ast.FuncDecl) bool {
	return d.Recv == nil || token.IsExported(strings.TrimLeft(types.ExprString(d.Recv.List[0].Type), "*("))
}
