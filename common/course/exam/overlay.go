package exam

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// writeOverlay writes the changed files, and the map of them that the go command
// reads, whose name it returns.
func (r *Room) writeOverlay() (string, error) {
	replace := map[string]string{}
	for name, content := range r.setup.Overlay {
		r.overlaid = append(r.overlaid, name)
		file := filepath.Join(r.dir, fmt.Sprintf("overlay-%d", len(replace)))
		if err := os.WriteFile(file, content, 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(r.root, filepath.FromSlash(name))] = file
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(r.dir, "overlay.json")
	return name, os.WriteFile(name, b, 0o600)
}

var overlayFile = regexp.MustCompile(`[^\s:]*/overlay-([0-9]+):`)

// named gives the files of the overlay the names that they stand in for.
func (r *Room) named(text string) string {
	return overlayFile.ReplaceAllStringFunc(text, func(place string) string {
		n, err := strconv.Atoi(overlayFile.FindStringSubmatch(place)[1])
		if err != nil || n >= len(r.overlaid) {
			return place
		}
		return r.overlaid[n] + ":"
	})
}

// changed returns the folders, from the root, of the packages that the overlay
// changes, and whether others compile with it whenever they do without: it does not
// touch what packages see of each other.
func (r *Room) changed() (folders []string, within bool) {
	within = true
	for name, now := range r.setup.Overlay {
		old, err := os.ReadFile(filepath.Join(r.root, filepath.FromSlash(name)))
		within = within && err == nil && sameButBodies(old, now)
		folders = append(folders, path.Dir(name))
	}
	slices.Sort(folders)
	return slices.Compact(folders), within
}

// sameButBodies reports whether two versions of a file differ in nothing but the
// bodies of functions. Then whoever imports the package sees no difference.
func sameButBodies(a, b []byte) bool {
	restA, okA := withoutBodies(a)
	restB, okB := withoutBodies(b)
	return okA && okB && bytes.Equal(restA, restB)
}

// withoutBodies cuts the bodies of functions out of a file. Bodies keep their braces,
// for a function without a body is something else.
func withoutBodies(text []byte) (rest []byte, ok bool) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", text, parser.SkipObjectResolution)
	if err != nil {
		return nil, false
	}
	offset := func(p token.Pos) int { return fset.PositionFor(p, false).Offset } // whatever //line says
	from := 0
	for _, d := range f.Decls {
		if fn, is := d.(*ast.FuncDecl); is && fn.Body != nil {
			rest = append(rest, text[from:offset(fn.Body.Lbrace)+1]...)
			from = offset(fn.Body.Rbrace)
		}
	}
	return append(rest, text[from:]...), true
}

// patterns are those of all packages of a stage but its mutants, where a variant may hold
// less than a whole package, and modules of their own, which go.work does not know.
func patterns(root, dir string) ([]string, error) {
	list, err := os.ReadDir(filepath.Join(root, dir))
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range list {
		switch {
		case e.IsDir() && (e.Name() == "mutants" || e.Name() == "testdata" || strings.HasPrefix(e.Name(), ".")):
		case e.IsDir() && isModule(filepath.Join(root, dir, e.Name())):
		case e.IsDir():
			all = append(all, "./"+dir+"/"+e.Name()+"/...")
		case filepath.Ext(e.Name()) == ".go" && !slices.Contains(all, "./"+dir):
			all = append(all, "./"+dir)
		}
	}
	return all, nil
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}
