// Package template holds what a handout gets beside the sources: what runs the tests
// at each push, on two platforms, and a container to work in. A student keeps the one
// that fits and deletes the others.
package template

import (
	"bytes"
	_ "embed"
)

//go:embed devcontainer.json
var devcontainer []byte

//go:embed gitlab-ci.yml
var gitlab []byte

//go:embed github.yml
var github []byte

// Files returns the files by their paths from the root, for the stage with that ID.
func Files(id string) map[string][]byte {
	files := map[string][]byte{
		".devcontainer/devcontainer.json": devcontainer,
		".gitlab-ci.yml":                  gitlab,
		".github/workflows/test.yml":      github,
	}
	for name, text := range files {
		files[name] = bytes.ReplaceAll(text, []byte("pN"), []byte(id))
	}
	return files
}
