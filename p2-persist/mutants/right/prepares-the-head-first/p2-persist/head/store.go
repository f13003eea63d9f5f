package head

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"dss.example/common/blob"
	"dss.example/common/disk"
)

const (
	lockFile  = "lock"
	floorFile = "floor"
)

// Store is the heads in one directory. It may be used from many goroutines at once.
type Store struct {
	fs    disk.FS
	dir   string
	blobs Blobs
	lock  *disk.File

	mu    sync.RWMutex // guards what follows, and the directory's files
	count int          // heads' files, damaged ones too
	floor uint64       // no new head gets this generation or a lower one
	dead  error        // ErrFailed or ErrClosed, wrapped
}

// Open opens the heads in a directory, which is made if it is missing, and removes what
// an interrupted Set has left. The heads point into blobs, which the caller closes later
// than the Store. Errors: disk.Locked if another Store is open there; ErrCorrupt if the
// floor is damaged (a damaged head is the error of who asks for it).
func Open(fs disk.FS, dir string, blobs Blobs) (*Store, error) {
	s := &Store{fs: fs, dir: dir, blobs: blobs}
	if err := fs.MakeAll(dir); err != nil {
		return nil, fmt.Errorf("open heads: %w", err)
	}
	lock, err := fs.Lock(s.path(lockFile))
	if err != nil {
		return nil, fmt.Errorf("open heads: %w", err)
	}
	s.lock = lock
	if err := s.recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("open heads: %w", err), lock.Close())
	}
	return s, nil
}

// recover brings the directory into order while nobody else has it. The sync is for a
// process that was killed between a rename and its sync: what this one reads from now on
// must outlive a crash.
func (s *Store) recover() error {
	if err := s.fs.RemoveTemps(s.dir); err != nil {
		return err
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return err
	}
	files, err := s.files()
	if err != nil {
		return err
	}
	s.count = len(files)
	b, err := s.fs.ReadFile(s.path(floorFile), maxFile)
	switch {
	case errors.Is(err, disk.NotFound):
		return nil
	case errors.Is(err, disk.ErrTooLarge):
		return fmt.Errorf("%w: floor: %w", ErrCorrupt, err)
	case err != nil:
		return err
	}
	if s.floor, err = decodeFloor(b); err != nil {
		return fmt.Errorf("floor: %w", err)
	}
	return nil
}

// Get returns a head. Errors: ErrBadName, ErrNotFound, and ErrCorrupt if its file is
// damaged: a damaged head is never taken for one that is not there.
func (s *Store) Get(name string) (Head, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.takes(name); err != nil {
		return Head{}, err
	}
	return s.read(name)
}

// Set points a head to a blob if its generation is old still, or makes it if old is None
// and it is not there; it returns the head as it is now. Everything that was put into the
// blobs before Set was called is durable before the head can be seen, and the head is
// durable when Set returns.
//
// Errors: ErrConflict if the generation is another one, or the head is not there, or (old
// is None) is; ErrNoBlob if no such blob is stored; ErrTooMany; ErrCorrupt if the head is
// damaged: then it must be deleted first; disk.NoSpace, which changes nothing; those of the
// blobs, which have touched no head. After any other error of the disk nobody knows which
// blob the head will point to: every later call returns ErrFailed, and the process must stop.
func (s *Store) Set(name string, old uint64, id blob.ID) (Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.takes(name); err != nil {
		return Head{}, err
	}
	if err := s.demand(id); err != nil {
		return Head{}, fmt.Errorf("set head %q: %w", name, err)
	}
	generation, isNew, err := s.succeed(name, old)
	if err != nil {
		return Head{}, err
	}
	next := Head{Name: name, ID: id, Generation: generation}
	temp, err := s.prepare(fileName(name), encode(next))
	if err != nil {
		return Head{}, err
	}
	if err := s.blobs.Sync(); err != nil { // the old head stands, and so does the file beside it, until the next Open
		return Head{}, fmt.Errorf("set head %q: %w", name, err)
	}
	if err := s.install(temp, fileName(name)); err != nil {
		return Head{}, err
	}
	if isNew {
		s.count++
	}
	return next, nil
}

// succeed returns the generation that a head of the name will have if old is its generation
// still, one more than it and than the floor, and whether it is new. Else, and at a bound,
// it returns why it may not be set: see Set.
func (s *Store) succeed(name string, old uint64) (generation uint64, isNew bool, err error) {
	now, err := s.read(name)
	isNew = errors.Is(err, ErrNotFound)
	switch {
	case err != nil && !isNew:
		return 0, false, err
	case now.Generation != old:
		return 0, false, conflict(now, name, old)
	case max(now.Generation, s.floor) >= maxGeneration:
		return 0, false, fmt.Errorf("%w: %q has no generation left", ErrCorrupt, name)
	case isNew && s.count >= MaxHeads:
		return 0, false, fmt.Errorf("%w: %q would be one more than %d", ErrTooMany, name, MaxHeads)
	}
	return max(now.Generation, s.floor) + 1, isNew, nil
}

// demand returns ErrNoBlob if the blob is not there.
func (s *Store) demand(id blob.ID) error {
	infos, err := s.blobs.Stat([]blob.ID{id})
	if err == nil && infos[0].Size < 0 {
		err = fmt.Errorf("%w: %v", ErrNoBlob, id)
	}
	return err
}

// Delete removes a head if its generation is old still, durably. With Any it removes it
// whatever it is: that is the only way to be rid of a damaged head, of which nobody knows
// the generation, and which a new head of its name may then repeat. Errors: ErrNotFound,
// and those of Set.
func (s *Store) Delete(name string, old uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.takes(name); err != nil {
		return err
	}
	now, err := s.read(name)
	switch {
	case err != nil && !(old == Any && errors.Is(err, ErrCorrupt)):
		return err
	case old != Any && old != now.Generation:
		return conflict(now, name, old)
	}
	if now.Generation > s.floor {
		if err := s.replace(floorFile, encodeFloor(now.Generation)); err != nil {
			return err
		}
		s.floor = now.Generation
	}
	err = s.fs.Remove(s.path(fileName(name)))
	if err == nil {
		err = s.fs.SyncDir(s.dir)
	}
	if err != nil {
		return s.fail(err)
	}
	s.count--
	return nil
}

// List returns all heads in order of their names. If some are damaged it returns the
// others with an error that wraps ErrCorrupt for each.
func (s *Store) List() ([]Head, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.dead != nil {
		return nil, s.dead
	}
	files, err := s.files()
	if err != nil {
		return nil, err
	}
	heads, damaged := []Head{}, error(nil)
	for _, file := range files {
		name, ok := headName(file)
		if !ok {
			damaged = errors.Join(damaged, fmt.Errorf("%w: no head has the file %q", ErrCorrupt, file))
			continue
		}
		h, err := s.read(name)
		switch {
		case errors.Is(err, ErrCorrupt):
			damaged = errors.Join(damaged, err)
		case err != nil:
			return nil, err
		default:
			heads = append(heads, h)
		}
	}
	slices.SortFunc(heads, func(a, b Head) int { return strings.Compare(a.Name, b.Name) })
	return heads, damaged
}

// Close ends the store. All that was set is durable already. To close twice is ErrClosed.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.dead, ErrClosed) {
		return s.dead
	}
	s.dead = ErrClosed
	return s.lock.Close()
}

// takes returns why a call about a name is refused, or nil.
func (s *Store) takes(name string) error {
	if s.dead != nil {
		return s.dead
	}
	return CheckName(name)
}

// read reads one head from its file.
func (s *Store) read(name string) (Head, error) {
	b, err := s.fs.ReadFile(s.path(fileName(name)), maxFile)
	switch {
	case errors.Is(err, disk.NotFound):
		return Head{}, fmt.Errorf("%w: %q", ErrNotFound, name)
	case errors.Is(err, disk.ErrTooLarge), errors.Is(err, disk.WrongKind):
		return Head{}, fmt.Errorf("%q: %w: %w", name, ErrCorrupt, err)
	case err != nil:
		return Head{}, fmt.Errorf("read head %q: %w", name, err)
	}
	h, err := decode(name, b)
	if err != nil {
		return Head{}, fmt.Errorf("%q: %w", name, err)
	}
	return h, nil
}

// replace gives a file new contents.
func (s *Store) replace(file string, b []byte) error {
	temp, err := s.prepare(file, b)
	if err != nil {
		return err
	}
	return s.install(temp, file)
}

// prepare makes a durable file beside the one that it is to replace. It outlives a full
// disk, and nothing else.
func (s *Store) prepare(file string, b []byte) (temp string, err error) {
	temp = s.path("~" + file)
	if err := s.fs.Remove(temp); err != nil && !errors.Is(err, disk.NotFound) {
		return "", s.fail(err)
	}
	f, err := s.fs.Create(temp)
	if errors.Is(err, disk.NoSpace) {
		return "", err
	}
	if err != nil {
		return "", s.fail(err)
	}
	if _, err := f.WriteAt(b, 0); err != nil {
		gone := errors.Join(f.Close(), s.fs.Remove(temp))
		if gone == nil && errors.Is(err, disk.NoSpace) {
			return "", err
		}
		return "", s.fail(errors.Join(err, gone))
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return "", s.fail(err)
	}
	return temp, nil
}

// install gives a prepared file its name, durably.
func (s *Store) install(temp, file string) error {
	err := s.fs.Rename(temp, s.path(file))
	if err == nil {
		err = s.fs.SyncDir(s.dir)
	}
	if err != nil {
		return s.fail(err)
	}
	return nil
}

// fail makes err the answer to all that comes.
func (s *Store) fail(err error) error {
	s.dead = fmt.Errorf("%w: %w", ErrFailed, err)
	return s.dead
}

// files returns the names of all files that claim to be a head's.
func (s *Store) files() ([]string, error) {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return !strings.HasPrefix(name, filePrefix)
	}), nil
}

func (s *Store) path(file string) string {
	if s.dir == "." {
		return file
	}
	return s.dir + "/" + file
}

// conflict tells what stands where old was expected.
func conflict(now Head, name string, old uint64) error {
	if now.Generation == None {
		return fmt.Errorf("%w: %q is not there, want generation %d", ErrConflict, name, old)
	}
	return fmt.Errorf("%w: %q has generation %d, want %d", ErrConflict, name, now.Generation, old)
}
