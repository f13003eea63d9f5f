package ladder

import (
	"cmp"
	"go/format"
	"go/scanner"
	"go/token"
	"slices"
)

// span is a part of a file, in bytes.
type span struct{ start, end int }

// plan is what the directives say of one file.
type plan struct {
	text    []byte
	marks   []span // the directives: never shown
	cuts    []cut
	gone    int               // the file is there only when this step is solved; or -1
	imports map[string]string // the name of each import path in this file
}

// cut is a part of the file that is not there until a step is solved.
type cut struct {
	span
	step     int
	line     int
	lines    int    // of code
	with     []byte // what stands in its place
	function string // of a todo
	group    *group // that a specification is cut out of; or nil
}

// group is a declaration in parentheses, which goes when it would be empty.
type group struct {
	whole span
	specs int
}

type edit struct {
	span
	with []byte
}

func (p *plan) exists(solved int) bool { return p.gone < solved }

// lines returns how many lines of code a step adds to the file.
func (p *plan) lines(step int) int {
	sum := 0
	for _, c := range p.cuts {
		if c.step == step {
			sum += c.lines
		}
	}
	if p.gone == step {
		return max(sum, codeLines(p.text))
	}
	return sum
}

// rung returns the file as it stands when that many steps are solved.
func (p *plan) rung(solved int) ([]byte, error) {
	text, err := dropImports(apply(p.text, p.edits(solved)), p.imports)
	if err != nil {
		return nil, err
	}
	return format.Source(text)
}

func (p *plan) edits(solved int) []edit {
	var edits []edit
	for _, s := range p.marks {
		edits = append(edits, edit{span: s})
	}
	away := map[*group]int{}
	for _, c := range p.cuts {
		if c.step < solved {
			continue
		}
		edits = append(edits, edit{c.span, c.with})
		if c.group == nil {
			continue
		}
		if away[c.group]++; away[c.group] == c.group.specs {
			edits = append(edits, edit{span: c.group.whole})
		}
	}
	return edits
}

// apply makes the edits. One that lies inside another is done with it.
func apply(text []byte, edits []edit) []byte {
	slices.SortFunc(edits, func(a, b edit) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end))
	})
	var out []byte
	done := 0
	for _, e := range edits {
		if e.start < done {
			continue
		}
		out = append(append(out, text[done:e.start]...), e.with...)
		done = e.end
	}
	return append(out, text[done:]...)
}

// codeLines counts the lines that hold more than blanks and comments.
func codeLines(text []byte) int {
	lines := map[int]bool{}
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, text, func(token.Position, string) {}, 0)
	for {
		pos, tok, literal := s.Scan()
		if tok == token.EOF {
			return len(lines)
		}
		if tok == token.SEMICOLON && literal == "\n" {
			continue
		}
		end := min(file.Offset(pos)+len(literal), file.Size())
		for line := file.Line(pos); line <= file.Line(file.Pos(end)); line++ {
			lines[line] = true
		}
	}
}
