package house

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/scanner"
	"go/token"
	"io"
	"io/fs"
	"strings"
	"text/tabwriter"
)

// Size is how large one package is, in lines.
type Size struct {
	Dir    string
	Code   int    // that hold more than a comment, without tests
	All    int    // with comments and blanks, without tests
	Test   int    // of tests, all lines
	Budget int    // for Code; 0 without
	Why    string // it may exceed the usual budget
}

// Sizes returns the size of every package under fsys, in order of directories.
func Sizes(fsys fs.FS) ([]Size, error) {
	t, err := load(fsys)
	if err != nil {
		return nil, err
	}
	var sizes []Size
	for _, p := range t.sortedPackages() {
		sizes = append(sizes, t.size(p))
	}
	return sizes, nil
}

// WriteSizes prints a table.
func WriteSizes(w io.Writer, sizes []Size) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(tw, "code\tbudget\tall\ttests\t\n")
	var sum Size
	for _, s := range sizes {
		budget := ""
		if s.Budget > 0 {
			budget = fmt.Sprint(s.Budget)
		}
		fmt.Fprintf(tw, "%d\t%s\t%d\t%d\t  %s\n", s.Code, budget, s.All, s.Test, strings.TrimSpace(s.Dir+" "+s.Why))
		sum.Code, sum.All, sum.Test = sum.Code+s.Code, sum.All+s.All, sum.Test+s.Test
	}
	fmt.Fprintf(tw, "%d\t\t%d\t%d\t  in all\n", sum.Code, sum.All, sum.Test)
	return tw.Flush()
}

func (t *tree) size(p *pkg) Size {
	s := Size{Dir: p.dir, Budget: p.budget()}
	if o, ok := overruns[p.dir]; ok {
		s.Budget, s.Why = o.max, "("+o.why+")"
	}
	for _, f := range p.files {
		all := bytes.Count(t.texts[f.path], []byte("\n"))
		if f.test {
			s.Test += all
			continue
		}
		s.All += all
		s.Code += codeLines(t.texts[f.path])
	}
	return s
}

// budget returns how many lines of code the package may have, or 0.
func (p *pkg) budget() int {
	switch {
	case p.isCore():
		return coreBudget
	case p.dir == "common/sim":
		return simBudget
	case within(p.dir, "common") && !within(p.dir, "common/course"):
		return commonBudget
	}
	return 0
}

// codeLines counts the lines on which a token stands.
func codeLines(text []byte) int {
	var s scanner.Scanner
	fset := token.NewFileSet()
	file := fset.AddFile("", fset.Base(), len(text))
	s.Init(file, text, func(token.Position, string) {}, 0)
	n, last := 0, 0
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return n
		}
		if tok == token.SEMICOLON && lit == "\n" {
			continue
		}
		first := file.Line(pos)
		end := first + strings.Count(lit, "\n") // a raw string
		n += end - max(first, last+1) + 1
		last = max(last, end)
	}
}

// checkSizes holds files, functions and packages to their budgets.
func (t *tree) checkSizes() {
	for _, p := range t.sortedPackages() {
		if s := t.size(p); s.Budget > 0 && s.Code > s.Budget {
			t.reportAt("size", p.dir, 0, "has %d lines of code: its budget is %d", s.Code, s.Budget)
		}
		for _, f := range p.files {
			if n := bytes.Count(t.texts[f.path], []byte("\n")); n > allowance(f.path, maxFileLines) {
				t.reportAt("size", f.path, 0, "has %d lines: at most %d", n, allowance(f.path, maxFileLines))
			}
			t.checkFuncs(f)
		}
	}
}

func (t *tree) checkFuncs(f *file) {
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		most := allowance(f.path+" "+fn.Name.Name, maxFuncLines)
		if n := t.lines(fn); n > most {
			t.report("size", fn.Pos(), "%s has %d lines: at most %d", fn.Name.Name, n, most)
		}
	}
}

// allowance returns what overruns grants, or the usual.
func allowance(key string, usual int) int {
	if o, ok := overruns[key]; ok {
		return o.max
	}
	return usual
}
