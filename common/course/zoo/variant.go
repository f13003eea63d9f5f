package zoo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"dss.example/common/course/stage"
	"dss.example/common/house/mutant"
)

// Mutants reads the wrong variants of a stage of the workspace at root, or those of
// from, a patch or a folder of patches, if it is not empty. None at all is an error.
func Mutants(root string, s *stage.Stage, from string) ([]*mutant.Mutant, error) {
	if from == "" {
		from = filepath.Join(root, s.Dir, "mutants")
	}
	info, err := os.Stat(from)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return mutant.Load(from)
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return nil, err
	}
	m, err := mutant.Parse(strings.TrimSuffix(filepath.Base(from), ".patch"), text)
	if err != nil {
		return nil, err
	}
	return []*mutant.Mutant{m}, nil
}

// Patch returns the text of one of a stage's mutants, or of one in from.
func Patch(root string, s *stage.Stage, from, id string) ([]byte, error) {
	if from == "" {
		from = filepath.Join(root, s.Dir, "mutants")
	}
	if info, err := os.Stat(from); err == nil && !info.IsDir() {
		from = filepath.Dir(from)
	}
	all, err := mutant.Load(from)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, m := range all {
		if m.ID == id {
			return os.ReadFile(filepath.Join(from, id+".patch"))
		}
		known = append(known, m.ID)
	}
	return nil, fmt.Errorf("no mutant %q: there is %s", id, strings.Join(known, ", "))
}

// right is a variant that must pass.
type right struct {
	name  string
	files map[string][]byte // by path from the root
}

// rights reads the right variants of a stage. There may be none.
func rights(root string, s *stage.Stage) ([]right, error) {
	dir := filepath.Join(root, s.Dir, "mutants", "right")
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []right
	for _, e := range list {
		if !e.IsDir() {
			continue
		}
		r := right{name: e.Name(), files: map[string][]byte{}}
		tree := os.DirFS(filepath.Join(dir, e.Name()))
		err = errors.Join(err, fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path.Ext(name) != ".go" {
				return err
			}
			text, err := fs.ReadFile(tree, name)
			if !strings.HasPrefix(name, s.Dir+"/") {
				name = path.Join(s.Dir, name)
			}
			r.files[name] = text
			return err
		}))
		if len(r.files) == 0 {
			err = errors.Join(err, fmt.Errorf("right variant %s: no Go file in it", r.name))
		}
		all = append(all, r)
	}
	return all, err
}

// touched returns the places of the steps whose functions a mutant changes.
func touched(root string, s *stage.Stage, files map[string][]byte) (steps []int) {
	var changed []string
	for name, text := range files {
		old, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err == nil {
			changed = append(changed, changedFuncs(s, name, old, text)...)
		}
	}
	for i := range s.Steps {
		if slices.ContainsFunc(s.Steps[i].Funcs, func(f string) bool { return slices.Contains(changed, f) }) {
			steps = append(steps, i)
		}
	}
	return steps
}
