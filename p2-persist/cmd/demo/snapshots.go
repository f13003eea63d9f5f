//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"dss.example/common/demo"
)

// taken is what `blob snapshot -json` prints.
type taken struct {
	Snapshot string `json:"snapshot"`
	New      bool   `json:"new"`
	Files    int    `json:"files"`
	Bytes    int64  `json:"bytes"`
	Read     int64  `json:"bytes_read"`
	Stored   int64  `json:"bytes_stored"`
}

// take takes a snapshot of the tree and returns how fast the tree went by.
func (s *stage) take(ctx context.Context, what string) (t taken, rate string, err error) {
	step := s.Begin(what, 0, "files")
	err = s.ask(ctx, &t, s.store, "snapshot", "-json", "-m", what, s.tree)
	step.Add(int64(t.Files))
	return t, step.End(), err
}

// first takes the first snapshot.
func (s *stage) first(ctx context.Context) error {
	t, rate, err := s.take(ctx, "as it came")
	if err != nil {
		return err
	}
	row := demo.Row{
		What: fmt.Sprintf("snapshot of %d files, %d MB", t.Files, t.Bytes>>20),
		Note: fmt.Sprintf("%d MB stored", t.Stored>>20), Rate: rate,
	}
	if t.Files != len(s.source.Files) || t.Bytes != s.source.Bytes {
		row.Err = fmt.Errorf("the tree has %d files of %d bytes in all, the snapshot %d of %d", len(s.source.Files), s.source.Bytes, t.Files, t.Bytes)
	}
	s.Row(row)
	return nil
}

// second changes one file in a hundred, and takes a snapshot again.
func (s *stage) second(ctx context.Context) error {
	changed := 0
	for i, f := range s.source.Files {
		if i%100 != 0 {
			continue
		}
		if err := appendTo(s.at(f), "// changed\n"); err != nil {
			return err
		}
		changed++
	}
	t, rate, err := s.take(ctx, "one file in a hundred changed")
	if err != nil {
		return err
	}
	row := demo.Row{
		What: fmt.Sprintf("%d files changed, and a snapshot again", changed),
		Note: fmt.Sprintf("%.1f %% shared", 100*(1-float64(t.Stored)/float64(t.Bytes))), Rate: rate,
	}
	if t.Stored > t.Bytes/10 {
		row.Err = fmt.Errorf("%d bytes were stored anew, of %d: want what has changed, and the way to it", t.Stored, t.Bytes)
	}
	s.Row(row)
	return nil
}

func appendTo(name, text string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// travel goes back to the first snapshot and compares every byte with what was.
func (s *stage) travel(ctx context.Context) error {
	dir, err := s.TempDir()
	if err != nil {
		return err
	}
	target := filepath.Join(dir, "then")
	step := s.Begin("travel back, and compare every byte", int64(len(s.source.Files)), "files")
	began := time.Now()
	if _, err := s.Run(ctx, s.blob, "-store", s.store, "restore", "main~1", target); err != nil {
		return err
	}
	restored := time.Since(began)
	row := demo.Row{What: "back to the first snapshot", Note: "every byte equal", Rate: demo.Rate(int64(len(s.source.Files)), "files", restored)}
	row.Err = s.compare(target, step)
	step.End()
	s.Row(row)
	return os.RemoveAll(target)
}

// compare compares a restored tree with Go's own.
func (s *stage) compare(target string, step *demo.Step) error {
	for _, f := range s.source.Files {
		want, err := f.Read()
		if err != nil {
			return err
		}
		got, err := os.ReadFile(filepath.Join(target, filepath.FromSlash(f.Key)))
		if err != nil {
			return err
		}
		if string(got) != string(want) {
			return fmt.Errorf("%s: %d bytes came back, %d were there, and not the same", f.Key, len(got), len(want))
		}
		step.Add(1)
	}
	there, err := demo.ListFiles(target)
	if err == nil && len(there.Files) != len(s.source.Files) {
		err = fmt.Errorf("%d files came back: want %d", len(there.Files), len(s.source.Files))
	}
	return err
}
