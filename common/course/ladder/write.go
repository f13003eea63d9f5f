package ladder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Write writes the whole tree that a student gets, with that many steps solved: the
// root's files, common, the stages up to this one, earlier ones as earlier says, and
// the templates of package template. Later stages, variants on which the graders are
// tried, and what git ignores or does not track stay out.
//
// dst must be empty or missing; it is written completely, or left as it was when ctx
// ends or something fails. What is left out although it might be wanted is told to
// progress, which may be nil.
func (l *Ladder) Write(ctx context.Context, dst string, solved int, earlier Earlier, progress func(string)) (err error) {
	all, err := l.tree(ctx, solved, earlier, progress)
	if err != nil {
		return err
	}
	undo, err := makeEmpty(dst)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, undo())
		}
	}()
	for _, e := range all {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("nothing is written: %w", err)
		}
		if err := l.writeEntry(dst, e); err != nil {
			return err
		}
	}
	if progress != nil {
		progress(fmt.Sprintf("%d files written to %s", len(all), dst))
	}
	return nil
}

func (l *Ladder) writeEntry(dst string, e entry) error {
	data, err := l.content(e)
	if err != nil {
		return err
	}
	file := filepath.Join(dst, filepath.FromSlash(e.name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, data, e.mode)
}

// makeEmpty makes sure that dir is an empty folder. undo brings back what was there.
func makeEmpty(dir string) (undo func() error, err error) {
	list, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		made := firstMissing(dir)
		undo = func() error { return os.RemoveAll(made) }
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, errors.Join(err, undo())
		}
		return undo, nil
	case err != nil:
		return nil, err
	case len(list) > 0:
		return nil, fmt.Errorf("%s is not empty: name a folder that is empty or does not exist", dir)
	}
	return func() error { return empty(dir) }, nil
}

// firstMissing returns the topmost of dir and its parents that does not exist.
func firstMissing(dir string) string {
	for {
		parent := filepath.Dir(dir)
		if _, err := os.Lstat(parent); parent == dir || err == nil {
			return dir
		}
		dir = parent
	}
}

func empty(dir string) error {
	list, err := os.ReadDir(dir)
	for _, e := range list {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}
