package pack

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/segment"
)

// Store implements blob.Store in a directory.
type Store struct {
	fs      disk.FS
	dir     string
	options Options
	lock    *disk.File

	// What follows belongs to the leader (see commit.go), and to Open and Close.
	writer   *segment.Writer
	number   uint32   // of the last pack
	contents contents // of the last pack
	used     int64    // bytes of its records

	mu      sync.RWMutex // guards what follows
	turn    *sync.Cond   // on mu: the leader has finished
	leading bool         // there is a leader
	index   index
	packs   map[uint32]*pack
	queue   queue
	epoch   uint32 // marks given out
	stats   Stats
	dead    error // wraps blob.ErrFailed or blob.ErrClosed

	compacting sync.Mutex // held by the one Compact
	stop       chan struct{}
	stopped    sync.Once
	flusher    sync.WaitGroup
}

// pack is one file of records. A pack that is lost has no segment.
type pack struct {
	segment *segment.Segment // for reading
	used    int64            // bytes of all its records
	live    int64            // bytes of those whose blobs are there
	lost    uint64           // records damaged beyond recognition
}

func (p *pack) close() error {
	if p.segment == nil {
		return nil
	}
	return p.segment.Close()
}

// Put implements blob.Store. A blob that is known to be damaged is stored anew.
func (s *Store) Put(codec blob.Codec, b []byte) (blob.ID, error) {
	if len(b) > blob.MaxSize {
		return blob.ID{}, fmt.Errorf("%w: %d bytes", blob.ErrTooLarge, len(b))
	}
	id := blob.Sum(codec, b)
	if err := id.Validate(); err != nil {
		return blob.ID{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead != nil {
		return blob.ID{}, s.dead
	}
	return id, s.add(id, b)
}

// add queues a copy of a blob to be written, unless a good one is there. From now on it is
// there: the index has it at no place yet (the zero place, with its size), and the queue
// under its ID, where Get finds it. It takes the place of one that is damaged. The lock is
// held, but for as long as enqueue waits.
//
//ds:todo p2.8
func (s *Store) add(id blob.ID, b []byte) error {
	if s.dedup(id) {
		return nil
	}
	o := &op{kind: kindBlob, id: id, bytes: bytes.Clone(b)}
	s.forget(id) // what is damaged
	s.learn(id, place{size: uint32(len(b))}, false)
	s.queue.waiting[id] = o
	s.stats.Puts++
	s.stats.PutBytes += int64(len(b))
	return s.enqueue(o)
}

// dedup tells whether a good blob is there that need not be stored again. It is touched,
// so that no sweep that has begun takes it.
//
//ds:todo p2.8
func (s *Store) dedup(id blob.ID) bool {
	e := s.index.find(id)
	if e == nil || e.damaged {
		return false
	}
	e.touched = s.epoch
	s.stats.Dedups++
	return true
}

// Get implements blob.Store. What it reads it hashes. The disk is read without the lock, so
// that a slow read holds up nobody; what was read may then have been moved meanwhile, or be
// damaged: doubt decides, and until it returns an error the blob is looked up again.
//
//ds:todo p2.8
func (s *Store) Get(id blob.ID) ([]byte, error) {
	for {
		b, at, from, err := s.locate(id)
		if b != nil || err != nil {
			return b, err
		}
		r, err := from.ReadAt(int64(at.offset), recordSize(at.size))
		if err == nil {
			b, err = open(id, r)
		}
		if err == nil {
			return b, nil
		}
		if err := s.doubt(id, at, err); err != nil {
			return nil, err
		}
	}
}

// locate returns the blob, if it is in memory, or where it is to be read.
func (s *Store) locate(id blob.ID) ([]byte, place, *segment.Segment, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.takes([]blob.ID{id}); err != nil {
		return nil, place{}, nil, err
	}
	e := s.index.find(id)
	switch {
	case e == nil:
		return nil, place{}, nil, s.missing(id)
	case e.damaged:
		return nil, place{}, nil, fmt.Errorf("%w: %v", blob.ErrCorrupt, id)
	case e.place.pack == 0:
		return append([]byte{}, s.queue.waiting[id].bytes...), place{}, nil, nil
	}
	return nil, e.place, s.packs[e.place.pack].segment, nil
}

// missing tells that a blob is not there, if that is known.
func (s *Store) missing(id blob.ID) error {
	for _, p := range s.packs {
		if p.lost > 0 {
			return fmt.Errorf("%w: %v: it is not among what can be read, and other records cannot", blob.ErrCorrupt, id)
		}
	}
	return fmt.Errorf("%w: %v", blob.ErrNotFound, id)
}

// doubt decides about a read that went wrong: nil if the blob was moved meanwhile and must
// be looked up again; else the error for who asked. A blob that does not check is damaged
// from now on; a disk that cannot read may do it the next time.
func (s *Store) doubt(id blob.ID, at place, why error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.index.find(id)
	switch {
	case s.dead != nil:
		return s.dead
	case e == nil || e.place != at:
		return nil
	case !errors.Is(why, segment.ErrDamaged) && !errors.Is(why, blob.ErrCorrupt):
		return fmt.Errorf("get %v: %w", id, why)
	case !e.damaged:
		e.damaged = true
		s.stats.Damaged++
	}
	return fmt.Errorf("%w: %v: %w", blob.ErrCorrupt, id, why)
}

// Stat implements blob.Store.
func (s *Store) Stat(ids []blob.ID) ([]blob.Info, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.takes(ids); err != nil {
		return nil, err
	}
	infos := make([]blob.Info, 0, len(ids))
	for _, id := range ids {
		info := blob.Info{ID: id, Size: -1}
		if e := s.index.find(id); e != nil {
			info.Size = int64(e.place.size)
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// List implements blob.Store.
func (s *Store) List(after blob.ID, max int) ([]blob.Info, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.dead != nil:
		return nil, s.dead
	case max < 1 || max > blob.MaxBatch:
		return nil, fmt.Errorf("%w: %d, want 1 to %d", blob.ErrBatch, max, blob.MaxBatch)
	}
	infos := []blob.Info{}
	s.index.from(after, func(id blob.ID, e *entry) bool {
		infos = append(infos, blob.Info{ID: id, Size: int64(e.place.size)})
		return len(infos) < max
	})
	return infos, nil
}

// Delete implements blob.Store.
func (s *Store) Delete(ids []blob.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.takes(ids); err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.bury(id); err != nil {
			return err
		}
	}
	return nil
}

// bury deletes a blob, if it is there.
func (s *Store) bury(id blob.ID) error {
	if !s.forget(id) {
		return nil
	}
	return s.enqueue(&op{kind: kindTomb, id: id})
}

// Sync implements blob.Store. Callers that come at the same time share one sync.
func (s *Store) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reach(s.queue.queued, true)
}

// Close implements blob.Store. It syncs, unless the Store has failed. The error is that of
// the sync, or of closing a file.
func (s *Store) Close() error {
	s.stopped.Do(func() { close(s.stop) })
	s.flusher.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.reach(s.queue.queued, true)
	for s.leading {
		s.turn.Wait()
	}
	if errors.Is(s.dead, blob.ErrClosed) {
		return s.dead
	}
	if s.dead != nil {
		err = nil // it was told
	}
	s.dead = blob.ErrClosed
	return errors.Join(err, s.closeFiles())
}

func (s *Store) closeFiles() error {
	var err error
	if s.writer != nil {
		err = s.writer.Close()
	}
	for _, p := range s.packs {
		err = errors.Join(err, p.close())
	}
	return errors.Join(err, s.lock.Close())
}

// takes returns why a call about ids is refused, or nil.
func (s *Store) takes(ids []blob.ID) error {
	if s.dead != nil {
		return s.dead
	}
	return blob.CheckBatch(ids)
}

// learn adds a blob to the index. It is not there.
func (s *Store) learn(id blob.ID, at place, isDamaged bool) {
	e := s.index.add(id)
	e.place, e.touched, e.damaged = at, s.epoch, isDamaged
	s.settle(e, at)
	s.stats.Blobs++
	s.stats.Bytes += int64(at.size)
	if isDamaged {
		s.stats.Damaged++
	}
}

// settle moves a blob to a place.
func (s *Store) settle(e *entry, at place) {
	e.place = at
	if p := s.packs[at.pack]; p != nil {
		p.live += recordSize(at.size)
	}
}

// leave takes a blob from its place.
func (s *Store) leave(e *entry) {
	if p := s.packs[e.place.pack]; p != nil {
		p.live -= recordSize(e.place.size)
	}
}

// heal takes back that a blob is damaged.
func (s *Store) heal(e *entry) {
	if e.damaged {
		e.damaged = false
		s.stats.Damaged--
	}
}

// forget takes a blob out of the index and tells whether it was there.
func (s *Store) forget(id blob.ID) bool {
	e := s.index.find(id)
	if e == nil {
		return false
	}
	s.leave(e)
	s.stats.Blobs--
	s.stats.Bytes -= int64(e.place.size)
	s.heal(e)
	delete(s.queue.waiting, id)
	s.index.remove(id)
	return true
}
