package zoo

import (
	"go/ast"
	"go/parser"
	"go/token"

	"dss.example/common/course/stage"
)

// changedFuncs returns the functions whose text differs between two versions of a
// file, named as the stage names them. Files that do not parse have none.
func changedFuncs(s *stage.Stage, file string, before, after []byte) []string {
	old, now := funcs(s, file, before), funcs(s, file, after)
	var changed []string
	for name, text := range old {
		if now[name] != text {
			changed = append(changed, name)
		}
	}
	return changed
}

// funcs returns the texts of a file's functions by name.
func funcs(s *stage.Stage, file string, text []byte) map[string]string {
	all := map[string]string{}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", text, parser.SkipObjectResolution)
	if err != nil {
		return all
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			from, to := fset.Position(fn.Pos()).Offset, fset.Position(fn.End()).Offset
			all[s.FuncName(file, fn)] = string(text[from:to])
		}
	}
	return all
}
