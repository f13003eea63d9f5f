package grade

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"strconv"
	"strings"
)

// checkSources refuses what a student's file may not import or demand. It looks at
// what the compiler will see, so that text in strings is nobody's business.
func (g *grader) checkSources(files []source) error {
	var wrong []string
	for _, f := range files {
		switch {
		case isForeign(f.name):
			wrong = append(wrong, fmt.Sprintf("%s: only Go is accepted", f.name))
		case path.Ext(f.name) == ".go":
			wrong = append(wrong, g.checkSource(f)...)
		}
	}
	const most = 20
	if len(wrong) > most {
		wrong = append(wrong[:most], "… and more")
	}
	if len(wrong) > 0 {
		return refuse("%s", strings.Join(wrong, "\n"))
	}
	return nil
}

func (g *grader) checkSource(f source) (wrong []string) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, f.name, f.data, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return []string{firstLine(err.Error())}
	}
	at := func(pos token.Pos) string { // where it is, whatever //line says
		p := fset.PositionFor(pos, false)
		return fmt.Sprintf("%s:%d", p.Filename, p.Line)
	}
	for _, spec := range file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil || !g.Stage.Importable(g.module, name) {
			wrong = append(wrong, fmt.Sprintf("%s: may not import %s", at(spec.Pos()), spec.Path.Value))
		}
	}
	for _, group := range file.Comments {
		for _, c := range group.List {
			if what := demand(c); what != "" {
				wrong = append(wrong, fmt.Sprintf("%s: may not say %s", at(c.Pos()), what))
			}
		}
	}
	return wrong
}

// demand returns the directive that a comment is, if it is one that changes what is
// compiled or how: all of the go command's and the compiler's but generate.
func demand(c *ast.Comment) string {
	word, _, _ := strings.Cut(c.Text, " ")
	switch {
	case strings.HasPrefix(c.Text, "//go:generate "):
		return ""
	case strings.HasPrefix(c.Text, "//go:"), strings.HasPrefix(c.Text, "//export "), strings.HasPrefix(c.Text, "//line "):
		return strings.TrimSpace(word)
	case strings.HasPrefix(c.Text, "/*line "):
		return "/*line"
	case strings.HasPrefix(strings.TrimSpace(strings.TrimPrefix(c.Text, "//")), "+build"):
		return "// +build"
	}
	return ""
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
