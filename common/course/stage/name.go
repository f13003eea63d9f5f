package stage

import (
	"go/ast"
	"path"
	"strings"
)

// FuncName is what the stage calls a function that is declared in the file at that
// path from the root: "table.Table.put". A file outside the stage's folder is named
// by its own folder from the root.
func (s *Stage) FuncName(file string, f *ast.FuncDecl) string {
	folder := strings.TrimPrefix(path.Dir(file)+"/", s.Dir+"/")
	if folder == "" {
		return ShortName(f)
	}
	return strings.TrimSuffix(folder, "/") + "." + ShortName(f)
}

// ShortName is a function's name without its package: "Table.put" for a method of
// Table, of *Table, or of Table[K].
func ShortName(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return f.Name.Name
	}
	for t := f.Recv.List[0].Type; ; {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.ParenExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name + "." + f.Name.Name
		default:
			return f.Name.Name
		}
	}
}
