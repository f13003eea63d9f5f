package ladder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"dss.example/common/course/stage"
	"dss.example/common/course/template"
)

// entry is one file of a handout.
type entry struct {
	name string // from the root
	data []byte // nil: as it stands in the workspace
	mode fs.FileMode
}

// staffOnly are the folders that no handout has, wherever they lie.
func staffOnly(dir string) bool {
	name := path.Base(dir)
	return name == "mutants" || dir == "common/course/testdata" || name != ".ci" && strings.HasPrefix(name, ".")
}

// stageFiles returns the files of a stage's folder that may be a student's.
func stageFiles(root, dir string) ([]string, error) {
	w := walker{root: root, ignored: readIgnored(root)}
	err := w.walk(dir)
	return w.names, err
}

// tree lists what a handout holds: an allow-list, so that nothing that lies about in a
// workspace of staff gets out.
func (l *Ladder) tree(ctx context.Context, solved int, earlier Earlier, progress func(string)) ([]entry, error) {
	upTo, err := l.upTo()
	if err != nil {
		return nil, err
	}
	w := walker{root: l.root, ignored: readIgnored(l.root), progress: progress}
	if w.tracked, err = tracked(ctx, l.root); err != nil {
		return nil, err
	}
	if err := w.top(upTo); err != nil {
		return nil, err
	}
	replaced, err := l.replaced(upTo, solved, earlier)
	if err != nil {
		return nil, err
	}
	for name, data := range template.Files(l.stage.ID) {
		replaced[name] = data
		if !slices.Contains(w.names, name) {
			w.names = append(w.names, name)
		}
	}
	slices.Sort(w.names)
	return l.entries(w.names, replaced, upTo)
}

// upTo returns the stages of a handout, this one last.
func (l *Ladder) upTo() ([]*stage.Stage, error) {
	all, err := stage.All(os.DirFS(l.root))
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(s *stage.Stage) bool { return s.ID == l.stage.ID })
	if at < 0 {
		return nil, fmt.Errorf("%w: there is no stage %s in %s any more", ErrLadder, l.stage.ID, l.root)
	}
	return all[:at+1], nil
}

// replaced returns the students' files of all stages of a handout. One that the rung
// does not have is there as nil.
func (l *Ladder) replaced(upTo []*stage.Stage, solved int, earlier Earlier) (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, s := range upTo {
		at, rung := l, solved
		if s.ID != l.stage.ID {
			var err error
			if at, err = Read(l.root, s); err != nil {
				return nil, err
			}
			if rung = 0; earlier == Reference {
				rung = len(s.Steps)
			}
		}
		if err := at.Check(); err != nil {
			return nil, err
		}
		files, err := at.Files(rung)
		if err != nil {
			return nil, err
		}
		for name := range at.files {
			all[name] = files[name]
		}
	}
	return all, nil
}

// entries joins names and contents.
func (l *Ladder) entries(names []string, replaced map[string][]byte, upTo []*stage.Stage) ([]entry, error) {
	var all []entry
	for _, name := range names {
		e := entry{name: name, mode: 0o644}
		if info, err := os.Stat(l.file(name)); err == nil && info.Mode()&0o111 != 0 {
			e.mode = 0o755
		}
		data, ok := replaced[name]
		switch {
		case ok && data == nil:
			continue
		case ok:
			e.data = data
		case name == "go.work":
			text, err := os.ReadFile(l.file(name))
			if err != nil {
				return nil, err
			}
			e.data = workOf(text, upTo)
		}
		all = append(all, e)
	}
	return all, nil
}

func (l *Ladder) file(name string) string { return filepath.Join(l.root, filepath.FromSlash(name)) }

func (l *Ladder) content(e entry) ([]byte, error) {
	if e.data != nil {
		return e.data, nil
	}
	return os.ReadFile(l.file(e.name))
}

// workOf leaves out of a go.work the modules that a handout does not have.
func workOf(text []byte, upTo []*stage.Stage) []byte {
	var out []byte
	for line := range bytes.Lines(text) {
		words := strings.Fields(string(line))
		if len(words) > 0 && words[0] == "use" {
			words = words[1:]
		}
		if len(words) == 1 && strings.HasPrefix(words[0], "./") && !handedOut(path.Clean(words[0]), upTo) {
			continue
		}
		out = append(out, line...)
	}
	return out
}

// handedOut reports whether a folder lies in common or in one of the stages.
func handedOut(dir string, upTo []*stage.Stage) bool {
	first, _, _ := strings.Cut(dir, "/")
	return first == "common" || slices.ContainsFunc(upTo, func(s *stage.Stage) bool { return s.Dir == first })
}

// walker lists files, in order of names.
type walker struct {
	root     string
	ignored  []string
	tracked  map[string]bool // by git; nil if the workspace is no checkout
	progress func(string)
	names    []string
}

// top lists the root's own files, and the folders that a handout has.
func (w *walker) top(upTo []*stage.Stage) error {
	list, err := os.ReadDir(w.root)
	if err != nil {
		return err
	}
	for _, e := range list {
		name := e.Name()
		switch {
		case !e.IsDir():
			w.add(name, e)
		case name == ".ci" || handedOut(name, upTo):
			if err := w.walk(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *walker) walk(dir string) error {
	return filepath.WalkDir(filepath.Join(w.root, filepath.FromSlash(dir)), func(file string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(w.root, file)
		name = filepath.ToSlash(name)
		switch {
		case err != nil:
			return err
		case !e.IsDir():
			w.add(name, e)
		case staffOnly(name) || ignores(w.ignored, name, true):
			return fs.SkipDir
		}
		return nil
	})
}

// add takes a file in, unless it is none of a handout's. Who made one and forgot to
// tell git hears of it.
func (w *walker) add(name string, e fs.DirEntry) {
	switch {
	case ignores(w.ignored, name, false) || name == ".git":
	case !e.Type().IsRegular():
		w.say("left out, as it is no plain file: " + name)
	case w.tracked != nil && !w.tracked[name]:
		w.say("left out, as git does not track it: " + name)
	default:
		w.names = append(w.names, name)
	}
}

func (w *walker) say(text string) {
	if w.progress != nil {
		w.progress(text)
	}
}

// tracked returns what git tracks, or nil if the root is no checkout. That git cannot
// tell is an error: nothing is handed out that should not be.
func tracked(ctx context.Context, root string) (map[string]bool, error) {
	if _, err := os.Lstat(filepath.Join(root, ".git")); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	out, err := exec.CommandContext(ctx, "git", "-C", root, "ls-files", "-z").Output()
	if err != nil {
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
		}
		return nil, fmt.Errorf("git cannot tell which files it tracks: %w", err)
	}
	names := map[string]bool{}
	for _, name := range strings.Split(string(out), "\x00") {
		names[name] = true
	}
	return names, nil
}

// readIgnored returns the simple patterns of the root's .gitignore: a name or a
// pattern of path.Match, with a slash before it, behind it, or neither.
func readIgnored(root string) []string {
	text, err := os.ReadFile(filepath.Join(root, ".gitignore"))
	if err != nil {
		return nil
	}
	var patterns []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "!") {
			patterns = append(patterns, line)
		}
	}
	return patterns
}

func ignores(patterns []string, name string, dir bool) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		pattern, onlyDir := strings.CutSuffix(pattern, "/")
		subject := name
		if anchored, ok := strings.CutPrefix(pattern, "/"); ok {
			pattern = anchored
		} else if !strings.Contains(pattern, "/") {
			subject = path.Base(name)
		}
		match, _ := path.Match(pattern, subject)
		return match && (dir || !onlyDir)
	})
}
