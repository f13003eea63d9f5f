package grade

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"dss.example/common/course/results"
)

// Bounds of a submission.
const (
	maxEntries = 20_000   // files and folders of any kind
	maxFiles   = 500      // that count
	maxFile    = 1 << 20  // bytes of each
	maxBytes   = 16 << 20 // of all
	maxIgnored = 50       // that are listed
)

// students lists the folders of submissions, in order. Anything else there is told
// and left alone.
func students(c Config) (names []string, err error) {
	entries, err := os.ReadDir(c.Submissions) // sorted
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		switch {
		case c.Student != "" && e.Name() != c.Student:
		case !e.IsDir():
			c.Progress(fmt.Sprintf("%q is no folder: left alone", e.Name()))
		case strings.HasPrefix(e.Name(), "."):
			c.Progress(fmt.Sprintf("%q is hidden: left alone", e.Name()))
		default:
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 && c.Student != "" {
		return nil, fmt.Errorf("no submission of %q in %s", c.Student, c.Submissions)
	}
	return names, nil
}

// source is a file of a submission that counts.
type source struct {
	name string // from the root
	data []byte
}

// collect reads the files that a student may change and takes note of the others.
// Nothing but regular files is opened, and nothing outside of the student's folder.
func (g *grader) collect(r *results.Report) ([]source, error) {
	root, err := os.OpenRoot(filepath.Join(g.Submissions, r.Student))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	c := &collector{grader: g, root: root, report: r}
	if err := fs.WalkDir(root.FS(), ".", c.visit); err != nil {
		return nil, err
	}
	if len(c.files) == 0 {
		return nil, refuse("there is no file of the stage: want paths as from the workspace's root, such as %s/%s", g.Stage.Dir, g.Stage.MayChange[0])
	}
	return c.files, nil
}

type collector struct {
	*grader
	root    *os.Root
	report  *results.Report
	files   []source
	entries int
	bytes   int
}

func (c *collector) visit(name string, e fs.DirEntry, err error) error {
	if c.entries++; c.entries > maxEntries {
		return refuse("more than %d files and folders", maxEntries)
	}
	switch {
	case err != nil:
		return fmt.Errorf("read the submission: %w", err)
	case e.IsDir():
		return nil
	case !c.Stage.Changeable(name):
		c.ignore(name)
		return nil
	case !e.Type().IsRegular():
		return refuse("%s is no regular file but a %v", name, e.Type())
	}
	return c.add(name)
}

func (c *collector) ignore(name string) {
	switch n := len(c.report.Ignored); {
	case n < maxIgnored:
		c.report.Ignored = append(c.report.Ignored, strings.ToValidUTF8(name, "?"))
	case n == maxIgnored:
		c.report.Ignored = append(c.report.Ignored, "… and more")
	}
}

func (c *collector) add(name string) error {
	f, err := c.root.Open(name)
	if err != nil {
		return fmt.Errorf("read the submission: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read the submission: %w", err)
	}
	before, err := c.root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || !os.SameFile(info, before) {
		return refuse("%s is no regular file", name)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return fmt.Errorf("read the submission: %w", err)
	case len(data) > maxFile:
		return refuse("%s has more than %d bytes", name, maxFile)
	}
	c.files = append(c.files, source{name, data})
	if c.bytes += len(data); c.bytes > maxBytes || len(c.files) > maxFiles {
		return refuse("at most %d files and %d bytes of them are accepted", maxFiles, maxBytes)
	}
	return nil
}

var errModule = errors.New("no module line")

// modulePath reads it from a go.mod.
func modulePath(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) >= 2 && words[0] == "module" {
			return strings.Trim(words[1], `"`), nil
		}
	}
	return "", fmt.Errorf("%s: %w", file, errModule)
}

// foreign are endings of files that the go command would hand to other compilers than
// Go's, or link in as they are.
var foreign = []string{
	".s", ".S", ".sx", ".c", ".cc", ".cpp", ".cxx", ".m", ".h", ".hh", ".hpp", ".hxx", ".f", ".F", ".for", ".f90",
	".swig", ".swigcxx", ".syso", ".a", ".o",
}

func isForeign(name string) bool { return slices.Contains(foreign, path.Ext(name)) }
