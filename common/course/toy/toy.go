// Package toy writes a workspace of one small stage that has everything a stage can
// have: directives of every form, unit tests, golden scripts, seeds, a process, a
// judge, wrong and right variants. The class tool is tried on it; that it can be is
// the proof that a new stage needs no change in the tool.
//
// The toy imports nothing but the standard library, so that it builds in a second.
package toy

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"
)

//go:embed toy.txtar
var archive []byte

// Write writes the workspace into a folder of the test's and returns its root.
func Write(t testing.TB) (root string) {
	t.Helper()
	root = t.TempDir()
	for _, f := range txtar.Parse(archive).Files {
		write(t, filepath.Join(root, filepath.FromSlash(f.Name)), f.Data)
	}
	return root
}

// Main is for TestMain: it runs all tests with a folder for temporary files of their
// own, and ends the process with 1 if they leave anything there.
func Main(m *testing.M) {
	code, err := runTidily(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runTidily(m *testing.M) (code int, err error) {
	temp, err := os.MkdirTemp("", "toy-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(temp)
	if err := os.Setenv("TMPDIR", temp); err != nil {
		return 0, err
	}
	code = m.Run()
	left, err := os.ReadDir(temp)
	if err == nil && len(left) > 0 && code == 0 { // a test that fails may leave something
		err = fmt.Errorf("temporary files are left: %v", left)
	}
	return code, err
}

func write(t testing.TB, file string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	mode := os.FileMode(0o600)
	if filepath.Base(filepath.Dir(file)) == ".ci" {
		mode = 0o700
	}
	if err := os.WriteFile(file, data, mode); err != nil {
		t.Fatal(err)
	}
}
