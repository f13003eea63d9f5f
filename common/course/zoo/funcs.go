package zoo

import (
	"go/ast"
	"go/parser"
	"go/token"
)

// changedFuncs returns the functions whose text differs between two versions of a
// file, named as a stage names them: "table.Table.put". Files that do not parse have
// none.
func changedFuncs(folder string, before, after []byte) []string {
	old, now := funcs(folder, before), funcs(folder, after)
	var changed []string
	for name, text := range old {
		if now[name] != text {
			changed = append(changed, name)
		}
	}
	return changed
}

// funcs returns the texts of a file's functions by name.
func funcs(folder string, text []byte) map[string]string {
	all := map[string]string{}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", text, parser.SkipObjectResolution)
	if err != nil {
		return all
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			from, to := fset.Position(fn.Pos()).Offset, fset.Position(fn.End()).Offset
			all[folder+"."+receiver(fn)+fn.Name.Name] = string(text[from:to])
		}
	}
	return all
}

// receiver returns "Table." for a method of Table, of *Table, or of Table[K].
func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return ""
	}
	for at := fn.Recv.List[0].Type; ; {
		switch t := at.(type) {
		case *ast.StarExpr:
			at = t.X
		case *ast.ParenExpr:
			at = t.X
		case *ast.IndexExpr:
			at = t.X
		case *ast.IndexListExpr:
			at = t.X
		case *ast.Ident:
			return t.Name + "."
		default:
			return ""
		}
	}
}
