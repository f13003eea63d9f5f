package ladder

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"dss.example/common/course/stage"
)

// looksLike matches what somebody may have meant as a directive.
var looksLike = regexp.MustCompile(`^//\s*ds:`)

const (
	todo = "todo"
	only = "only"
)

// directive is a comment's "//ds:VERB STEP STATEMENT".
type directive struct {
	verb      string
	step      int
	statement string // of a todo; may be empty
}

func parseDirective(text string, s *stage.Stage) (directive, error) {
	rest, ok := strings.CutPrefix(text, "//ds:")
	if !ok {
		return directive{}, fmt.Errorf("a directive is written without a space, //ds:VERB")
	}
	verb, rest, _ := strings.Cut(rest, " ")
	id, statement, _ := strings.Cut(strings.TrimSpace(rest), " ")
	d := directive{verb: verb, statement: strings.TrimSpace(statement)}
	d.step = slices.IndexFunc(s.Steps, func(step stage.Step) bool { return step.ID == id })
	switch {
	case verb != todo && verb != only:
		return d, fmt.Errorf("//ds:%s: want //ds:todo or //ds:only", verb)
	case d.step < 0:
		return d, fmt.Errorf("//ds:%s: stage %s has no step %q", verb, s.ID, id)
	case verb == only && d.statement != "":
		return d, fmt.Errorf("//ds:only takes a step and nothing else, not %q", d.statement)
	}
	return d, checkStatement(d.statement)
}

// checkStatement refuses what would not stay inside a body.
func checkStatement(statement string) error {
	f, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc _() {\n"+statement+"\n}\n", parser.SkipObjectResolution)
	if err != nil || len(f.Decls) != 1 || strings.ContainsAny(statement, "\r\n") {
		return fmt.Errorf("//ds:todo: %q is no statement", statement)
	}
	return nil
}

// read takes in one file of the stage.
func (l *Ladder) read(name string) error {
	text, err := os.ReadFile(filepath.Join(l.root, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	owned := l.stage.Changeable(name)
	if owned {
		l.files[name] = text
	}
	if !strings.HasSuffix(name, ".go") || slices.Contains(strings.Split(name, "/"), "testdata") {
		return nil
	}
	r := &reader{stage: l.stage, name: name, fset: token.NewFileSet(), text: text}
	p, err := r.read()
	switch {
	case err != nil:
		return err
	case p != nil && !owned:
		return fmt.Errorf("%w: %s: has a directive and is not a file that the student may change", ErrLadder, name)
	case p != nil:
		l.cuts[name] = p
	}
	for function, line := range r.functions() {
		l.where[function] = fmt.Sprintf("%s:%d", name, line)
	}
	return nil
}

// reader reads the directives of one file.
type reader struct {
	stage *stage.Stage
	name  string
	fset  *token.FileSet
	text  []byte
	file  *ast.File
	marks []*ast.Comment // that look like directives, and no declaration has taken yet
	plan  *plan
	wrong []error
}

// read returns nil if the file has no directive.
func (r *reader) read() (*plan, error) {
	var err error
	if r.file, err = parser.ParseFile(r.fset, r.name, r.text, parser.ParseComments); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLadder, err)
	}
	if r.findMarks(); len(r.marks) == 0 {
		return nil, nil
	}
	if good, err := format.Source(r.text); err != nil || !bytes.Equal(good, r.text) {
		return nil, fmt.Errorf("%w: %s: has directives and is not formatted with gofmt", ErrLadder, r.name)
	}
	r.plan = &plan{text: r.text, gone: -1}
	r.plan.imports, err = importNames(r.file)
	r.fail(r.file.Package, err)
	r.declarations()
	for _, c := range r.marks {
		r.fail(c.Pos(), errors.New("a directive belongs into the doc comment of a declaration, or above the package clause"))
	}
	return r.plan, errors.Join(r.wrong...)
}

func (r *reader) findMarks() {
	for _, group := range r.file.Comments {
		for _, c := range group.List {
			if looksLike.MatchString(c.Text) {
				r.marks = append(r.marks, c)
			}
		}
	}
}

func (r *reader) fail(pos token.Pos, err error) {
	if err != nil {
		r.wrong = append(r.wrong, fmt.Errorf("%w: %s:%d: %w", ErrLadder, r.name, r.line(pos), err))
	}
}

func (r *reader) line(pos token.Pos) int { return r.fset.PositionFor(pos, false).Line }

func (r *reader) offset(pos token.Pos) int { return r.fset.File(pos).Offset(pos) }

func (r *reader) declarations() {
	for _, group := range r.file.Comments {
		if group.End() > r.file.Package {
			break
		}
		r.wholeFile(group)
	}
	for _, decl := range r.file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			r.function(d)
		case *ast.GenDecl:
			r.general(d)
		}
	}
}

// take returns the directive of a doc comment, if it has one.
func (r *reader) take(doc *ast.CommentGroup) (directive, bool) {
	if doc == nil {
		return directive{}, false
	}
	var d directive
	taken := map[*ast.Comment]bool{}
	for _, c := range doc.List {
		at := slices.Index(r.marks, c)
		if at < 0 {
			continue
		}
		r.marks = slices.Delete(r.marks, at, at+1)
		if len(taken) > 0 {
			r.fail(c.Pos(), errors.New("a declaration has one directive: what another step changes is a function of its own"))
		}
		taken[c] = true
		var err error
		d, err = parseDirective(c.Text, r.stage)
		r.fail(c.Pos(), err)
	}
	r.strike(doc, taken)
	return d, len(taken) > 0 && len(r.wrong) == 0
}

// strike removes the directive's lines, and the empty ones that it leaves at the
// comment's begin and end.
func (r *reader) strike(doc *ast.CommentGroup, taken map[*ast.Comment]bool) {
	if len(taken) == 0 {
		return
	}
	empty := func(c *ast.Comment) bool { return taken[c] || c.Text == "//" }
	list := doc.List
	for len(list) > 0 && empty(list[0]) {
		taken[list[0]] = true
		list = list[1:]
	}
	for len(list) > 0 && empty(list[len(list)-1]) {
		taken[list[len(list)-1]] = true
		list = list[:len(list)-1]
	}
	for _, c := range doc.List {
		if taken[c] {
			s, err := r.lines(nil, c)
			r.fail(c.Pos(), err)
			r.plan.marks = append(r.plan.marks, s)
		}
	}
}

func (r *reader) wholeFile(group *ast.CommentGroup) {
	d, ok := r.take(group)
	switch {
	case !ok:
	case d.verb == todo:
		r.fail(group.Pos(), errors.New("//ds:todo is for functions: a file takes //ds:only"))
	case r.plan.gone >= 0:
		r.fail(group.Pos(), errors.New("a file has one directive above its package clause"))
	default:
		r.plan.gone = d.step
	}
}

func (r *reader) function(f *ast.FuncDecl) {
	d, ok := r.take(f.Doc)
	switch {
	case !ok:
	case d.verb == only:
		r.only(d, f.Doc, f, nil)
	case f.Body == nil || f.Recv == nil && f.Name.Name == "init" || f.Name.Name == "_":
		r.fail(f.Pos(), errors.New("//ds:todo is for functions that have a body and can be called"))
	default:
		s := span{r.offset(f.Body.Lbrace), r.offset(f.Body.Rbrace) + 1}
		r.plan.cuts = append(r.plan.cuts, cut{
			span: s, step: d.step, line: r.line(f.Body.Lbrace), lines: codeLines(r.text[s.start+1 : s.end-1]),
			with: stub(r.stage.Steps[d.step].ID, stage.ShortName(f), d.statement), function: r.stage.FuncName(r.name, f),
		})
	}
}

// stub is the body that a student finds.
func stub(id, name, statement string) []byte {
	if statement == "" {
		statement = fmt.Sprintf("panic(%q)", id+": "+name+" is not written yet")
	}
	return fmt.Appendf(nil, "{\n\t// Your code for %s goes here.\n\t%s\n}", id, statement)
}

func (r *reader) general(g *ast.GenDecl) {
	if d, ok := r.take(g.Doc); ok {
		r.only(d, g.Doc, g, nil)
	}
	if !g.Lparen.IsValid() {
		return // its one specification has no comment of its own
	}
	whole, err := r.lines(g.Doc, g)
	all := &group{whole: whole, specs: len(g.Specs)}
	steps := make([]int, len(g.Specs)) // 0 stays whatever is solved
	for i, spec := range g.Specs {
		doc := specDoc(spec)
		if d, ok := r.take(doc); ok {
			r.fail(g.Pos(), err)
			r.only(d, doc, spec, all)
			steps[i] = d.step + 1
		}
	}
	if g.Tok == token.CONST && counts(g) && !slices.IsSorted(steps) {
		r.fail(g.Pos(), errors.New("//ds:only on a constant of a group that counts: all behind it would change"))
	}
}

func specDoc(spec ast.Spec) *ast.CommentGroup {
	switch s := spec.(type) {
	case *ast.ImportSpec:
		return s.Doc
	case *ast.ValueSpec:
		return s.Doc
	case *ast.TypeSpec:
		return s.Doc
	}
	return nil
}

// counts reports whether a constant of the group rests on its place in it.
func counts(g *ast.GenDecl) (yes bool) {
	for _, spec := range g.Specs {
		s := spec.(*ast.ValueSpec)
		yes = yes || len(s.Values) == 0
		ast.Inspect(s, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			yes = yes || ok && id.Name == "iota"
			return true
		})
	}
	return yes
}

// only cuts a declaration out with its comments.
func (r *reader) only(d directive, doc *ast.CommentGroup, n ast.Node, in *group) {
	if d.verb == todo {
		r.fail(n.Pos(), errors.New("//ds:todo is for functions: a declaration takes //ds:only"))
		return
	}
	s, err := r.lines(doc, n)
	r.fail(n.Pos(), err)
	r.plan.cuts = append(r.plan.cuts, cut{
		span: s, step: d.step, line: r.line(n.Pos()), lines: codeLines(r.text[s.start:s.end]), group: in,
	})
}

// lines returns the lines of a node from its doc comment to the comments behind it.
// Nothing else may stand on them.
func (r *reader) lines(doc *ast.CommentGroup, n ast.Node) (span, error) {
	from, to := n.Pos(), n.End()
	if doc != nil {
		from = doc.Pos()
	}
	for _, group := range r.file.Comments {
		if group.End() <= to {
			continue
		}
		if r.line(group.Pos()) > r.line(to) {
			break
		}
		for _, c := range group.List {
			if c.Pos() >= to && r.line(c.Pos()) == r.line(to) {
				to = c.End()
			}
		}
	}
	s := span{r.offset(from), r.offset(to)}
	begin := bytes.LastIndexByte(r.text[:s.start], '\n') + 1
	end := len(r.text)
	if i := bytes.IndexByte(r.text[s.end:], '\n'); i >= 0 {
		end = s.end + i + 1
	}
	around := string(r.text[begin:s.start]) + string(r.text[s.end:end])
	if strings.TrimSpace(around) != "" {
		return span{}, errors.New("a directive, or what it rules, shares its lines with something else")
	}
	return span{begin, end}, nil
}

// functions returns the line of every function of the file.
func (r *reader) functions() map[string]int {
	lines := map[string]int{}
	for _, decl := range r.file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok {
			lines[r.stage.FuncName(r.name, f)] = r.line(f.Name.Pos())
		}
	}
	return lines
}
