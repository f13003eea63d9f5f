package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"dss.example/common/blob"
	"dss.example/p2-persist/chunk"
	"dss.example/p2-persist/file"
)

// Bounds of a Scan.
const (
	MaxWorkers = file.MaxWorkers
	MaxListed  = 1000 // problems and skipped files that are listed; more are counted
)

// ScanOptions say how to take a snapshot. The zero value is good for a first one.
type ScanOptions struct {
	Cutter  chunk.Cutter // cuts files; nil: chunk.Default
	Workers int          // files and directories at a time, at most MaxWorkers; 0: 2

	// Previous is the root of an older Scan of the same directory with the same
	// Cutter, all of which is in the store. A file that has the same size, time and
	// mode as there is not read again.
	Previous blob.ID
	// Since is when the Scan of Previous began, by the clock of the files, in
	// nanoseconds since 1970 UTC. A file as young as that is read again, because it
	// may have changed right after it was read, and still have the same time. 0:
	// no file is too young.
	Since int64

	// Exclude has patterns of package path. One without "/" is for names in any
	// directory, another for whole paths from the root. What matches is left out,
	// with all that is in it.
	Exclude []string

	// KeepGoing takes the snapshot without what could not be read.
	KeepGoing bool

	// Progress is called after each file, one call at a time, and must not block. It
	// must not keep the lists.
	Progress func(ScanStats)
}

// ScanStats say what a Scan did.
type ScanStats struct {
	Files, Dirs, Symlinks int64 // in the snapshot
	Bytes                 int64 // of those files: read or reused
	BytesRead             int64 // of the files that were read
	BytesReused           int64 // of the files that have not changed since Previous
	Excluded              int64 // by patterns; what is in them is not counted

	Skipped  Listing // what is neither file, directory nor symbolic link
	Problems Listing // what could not be read
}

// Listing is paths and what is to be said of them, in order of the paths.
type Listing struct {
	Count int64
	List  []Problem // at most MaxListed
}

// Problem is a path and what is to be said of it.
type Problem struct {
	Path string
	Err  error
}

// ErrSpecial is why a file was skipped. It is wrapped with what the file is.
var ErrSpecial = errors.New("neither file, directory nor symbolic link")

func (l *Listing) add(path string, err error) {
	l.Count++
	if len(l.List) < MaxListed {
		l.List = append(l.List, Problem{path, err})
	}
}

// err returns ErrIncomplete if the listing is not empty.
func (l *Listing) err() error {
	if l.Count == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d problems, one of them: %s: %w", ErrIncomplete, l.Count, l.List[0].Path, l.List[0].Err)
}

func (l *Listing) sort() {
	slices.SortFunc(l.List, func(a, b Problem) int { return strings.Compare(a.Path, b.Path) })
}

// Scan takes a snapshot of a directory and returns its ID. The same directory has the same
// ID, whatever the options but Exclude, and the Cutter. fsys should be the FS of an os.Root,
// which cannot be led out by symbolic links that somebody swaps in; it must be an
// fs.ReadLinkFS if there are any. The mode and time of the topmost directory are not kept.
//
// The snapshot is durable after a Sync of the store. Names, modes and contents are each
// taken at some moment during the Scan. A file that changes while it is read is taken in
// some state between, and is read again next time if its size or time tells.
//
// It needs memory for the entries of the directories on the ways that the workers are on,
// and for each worker what file.NewWriter needs; large files are cut by one worker and
// hashed by as many again.
//
// Errors: ErrIncomplete if something could not be read, with ScanStats.Problems, unless
// told to KeepGoing; ErrPattern; the context's; those of the store. Then blobs that nobody
// refers to may be left.
func Scan(ctx context.Context, fsys fs.FS, store blob.Store, o ScanOptions) (blob.ID, ScanStats, error) {
	for _, pattern := range o.Exclude {
		if _, err := path.Match(pattern, ""); err != nil {
			return blob.ID{}, ScanStats{}, fmt.Errorf("%w: %q", ErrPattern, pattern)
		}
	}
	s := newScanner(ctx, fsys, store, o)
	defer s.stop(nil)
	s.acquire()
	id := s.directory(".", o.Previous, 1)
	s.stats.Problems.sort()
	s.stats.Skipped.sort()
	if err := context.Cause(s.ctx); err != nil {
		return blob.ID{}, s.stats, err
	}
	if err := s.stats.Problems.err(); err != nil && (!o.KeepGoing || id.IsZero()) {
		return blob.ID{}, s.stats, err
	}
	return id, s.stats, nil
}

// scanner is one Scan. As many goroutines work as there are slots: each holds one, but
// gives it away while it waits for others.
type scanner struct {
	ctx   context.Context
	stop  context.CancelCauseFunc // with the error of the store that ends the Scan
	fsys  fs.FS
	blobs blob.Store
	o     ScanOptions

	slots   chan struct{} // free ones are missing: sending takes one
	writers chan *writers // one for each slot

	mu    sync.Mutex // guards stats
	stats ScanStats
}

func newScanner(ctx context.Context, fsys fs.FS, store blob.Store, o ScanOptions) *scanner {
	if o.Cutter == nil {
		o.Cutter = chunk.Default()
	}
	if o.Workers <= 0 {
		o.Workers = 2
	}
	o.Workers = min(o.Workers, MaxWorkers)
	s := &scanner{
		fsys: fsys, blobs: store, o: o,
		slots:   make(chan struct{}, o.Workers),
		writers: make(chan *writers, o.Workers),
	}
	s.ctx, s.stop = context.WithCancelCause(ctx)
	for range o.Workers {
		s.writers <- &writers{small: file.NewWriter(store, o.Cutter, 0)}
	}
	return s
}

func (s *scanner) acquire() { s.slots <- struct{}{} }
func (s *scanner) release() { <-s.slots }

// fork runs f in a goroutine of group if a slot is free, and else here and now.
func (s *scanner) fork(group *sync.WaitGroup, f func()) {
	select {
	case s.slots <- struct{}{}:
		group.Go(func() {
			defer s.release()
			f()
		})
	default:
		f()
	}
}

// wait waits for a group. Meanwhile somebody else may use the slot.
func (s *scanner) wait(group *sync.WaitGroup) {
	s.release()
	group.Wait()
	s.acquire()
}

// directory takes a snapshot of one directory, the depth-th on its path. It returns the
// zero ID if it is not to be in the snapshot.
func (s *scanner) directory(at string, previous blob.ID, depth int) blob.ID {
	if depth > MaxDepth {
		s.problem(at, ErrTooDeep)
		return blob.ID{}
	}
	list, err := fs.ReadDir(s.fsys, at)
	if err != nil {
		s.problem(at, err)
		return blob.ID{}
	}
	old, err := s.entriesOf(previous)
	if err != nil {
		s.stop(fmt.Errorf("previous snapshot of %s: %w", at, err))
		return blob.ID{}
	}
	entries := s.entries(at, list, old, depth)
	if s.ctx.Err() != nil {
		return blob.ID{}
	}
	if !previous.IsZero() && slices.Equal(entries, old) {
		return previous
	}
	id, err := Save(s.blobs, entries)
	if err != nil {
		s.stop(fmt.Errorf("save directory %s: %w", at, err))
	}
	return id
}

// entriesOf returns the entries of a directory, none if id is zero.
func (s *scanner) entriesOf(id blob.ID) ([]Entry, error) {
	d, err := loadOrEmpty(s.blobs, id)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, d.Len())
	for e, err := range d.Entries() {
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// entries returns the entries of one directory, in order of their names. Each goroutine
// writes an entry of its own, so their order does not depend on who was faster.
func (s *scanner) entries(at string, list []fs.DirEntry, old []Entry, depth int) []Entry {
	var group sync.WaitGroup
	entries := make([]Entry, len(list))
	for i, d := range list {
		if s.ctx.Err() != nil {
			break
		}
		p := join(at, d.Name())
		if s.excludes(p) {
			s.count(func(stats *ScanStats) { stats.Excluded++ })
			continue
		}
		e, before := s.describe(p, d), find(old, d.Name())
		switch {
		case e.Name == "" || e.Kind == Symlink:
			entries[i] = e
		case s.isUnchanged(e, before):
			entries[i] = s.reuse(before)
		default:
			s.fork(&group, func() { entries[i] = s.store(p, e, before, depth) })
		}
	}
	s.wait(&group)
	entries = slices.DeleteFunc(entries, func(e Entry) bool { return e.Name == "" })
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries
}

// find returns the entry of a name in a sorted list, or the zero Entry.
func find(entries []Entry, name string) Entry {
	e, _, _ := Directory{entries: entries}.Lookup(name) // it is all in memory
	return e
}

// excludes reports whether a pattern matches a path or its last name.
func (s *scanner) excludes(p string) bool {
	return slices.ContainsFunc(s.o.Exclude, func(pattern string) bool {
		subject := p
		if !strings.Contains(pattern, "/") {
			subject = path.Base(p)
		}
		matches, _ := path.Match(pattern, subject) // the pattern is good: Scan has looked
		return matches
	})
}

// problem notes what could not be read.
func (s *scanner) problem(at string, err error) {
	s.count(func(stats *ScanStats) { stats.Problems.add(at, err) })
}

// count changes the statistics.
func (s *scanner) count(change func(*ScanStats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.stats)
}

// progress counts a file and tells.
func (s *scanner) progress(change func(*ScanStats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.stats)
	if s.o.Progress != nil {
		s.o.Progress(s.stats)
	}
}
