package pack

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/segment"
)

// segmentKind is what the segments of packs are for.
const segmentKind = 'P'

const (
	lockFile    = "lock"
	packPrefix  = "pack-"
	indexPrefix = "idx-"
)

func packName(number uint32) string  { return fmt.Sprintf("%s%010d", packPrefix, number) }
func indexName(number uint32) string { return fmt.Sprintf("%s%010d", indexPrefix, number) }

// headerOf returns the identity of a pack, of which its name must tell all.
func headerOf(number uint32) segment.Header {
	return segment.Header{Kind: segmentKind, First: uint64(number) << 32}
}

// Open opens the store in a directory, which is made if it is missing. What was synced is
// there, and what the last pack holds behind that is there or cut; all that is there is
// durable. Damage is no error (see [Stats]). To open again after a crash of Open is fine.
//
// Open reads the index files and the last pack. Errors: disk.Locked if another Store is
// open there; ErrOptions; segment.ErrVersion.
func Open(fs disk.FS, dir string, o Options) (*Store, error) {
	o, err := o.check()
	if err != nil {
		return nil, err
	}
	s := &Store{
		fs: fs, dir: dir, options: o, packs: map[uint32]*pack{}, stop: make(chan struct{}),
		queue: queue{waiting: map[blob.ID]*op{}},
	}
	s.turn = sync.NewCond(&s.mu)
	if err := fs.MakeAll(dir); err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	if s.lock, err = fs.Lock(s.path(lockFile)); err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	if err := s.recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("open blobs: %w", err), s.closeFiles())
	}
	if o.FlushEvery > 0 {
		s.flusher.Go(func() { s.flushLoop(o.FlushEvery) })
	}
	return s, nil
}

func (s *Store) path(file string) string {
	if s.dir == "." {
		return file
	}
	return s.dir + "/" + file
}

// recover reads what the directory holds. The sync comes first, for a process that was
// killed may have left names that a crash would take back.
func (s *Store) recover() error {
	if err := s.fs.RemoveTemps(s.dir); err != nil {
		return err
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return err
	}
	names, err := s.fs.List(s.dir)
	if err != nil {
		return err
	}
	packs, indexes := numbers(names, packPrefix), numbers(names, indexPrefix)
	all := slices.Compact(slices.Sorted(slices.Values(append(packs, indexes...))))
	if len(all) == 0 {
		return s.begin(1, 0)
	}
	for i, n := range all {
		isHere := slices.Contains(packs, n)
		if err := s.load(n, isHere, isHere && i == len(all)-1); err != nil {
			return fmt.Errorf("pack %d: %w", n, err)
		}
	}
	if s.writer == nil { // the last pack is lost, or its end
		return s.begin(all[len(all)-1]+1, 0)
	}
	return nil
}

// maxNumber is the number of the last pack that a store can have.
const maxNumber = 1 << 31

// numbers returns those in the names that begin with prefix.
func numbers(names []string, prefix string) []uint32 {
	var numbers []uint32
	for _, name := range names {
		digits, ok := strings.CutPrefix(name, prefix)
		n, err := strconv.ParseUint(digits, 10, 32)
		if ok && err == nil && len(digits) == 10 && 0 < n && n <= maxNumber {
			numbers = append(numbers, uint32(n))
		}
	}
	return numbers
}

// load takes what a pack holds into the index: from its index file if that is good, else
// from the pack, which then gets a new index file. The last pack is always read, for no
// index file is sure to know its end, and is appended to from now on.
func (s *Store) load(n uint32, isHere, isLast bool) error {
	p := &pack{}
	s.packs[n] = p
	if isHere {
		var err error
		if p.segment, err = segment.Open(s.fs, s.path(packName(n)), headerOf(n)); err != nil {
			return err
		}
	}
	if isLast {
		return s.resume(n, p)
	}
	sum, err := s.readIndex(n)
	switch {
	case err != nil && !errors.Is(err, blob.ErrCorrupt):
		return err
	case err != nil && !isHere:
		sum = summary{lost: 1}
	case err != nil:
		if sum, _, err = s.scan(n, p.segment, segment.MaxSize); err != nil {
			return err
		}
		s.stats.Rebuilt++
		if err := s.fs.Replace(s.path(indexName(n)), encodeIndex(n, sum)); err != nil {
			return err
		}
	}
	s.apply(n, sum)
	return nil
}

// readIndex reads an index file. Errors: blob.ErrCorrupt, also if there is none.
func (s *Store) readIndex(n uint32) (summary, error) {
	b, err := s.fs.ReadFile(s.path(indexName(n)), maxIndexFile)
	switch {
	case errors.Is(err, disk.NotFound), errors.Is(err, disk.ErrTooLarge):
		return summary{}, fmt.Errorf("%w: %w", blob.ErrCorrupt, err)
	case err != nil:
		return summary{}, err
	}
	return decodeIndex(n, b)
}

// resume reads the last pack, of which it knows nothing to be synced, makes all that is in it
// durable before anybody sees it, so that it can be appended to, and takes it into the index.
// A torn tail is cut and counted (Stats.Recovered). If the end of the pack is missing it
// counts as damaged, stays as it is and is never appended to: s.writer stays nil. What the
// Writer appends is read through p.segment; the file that it writes is its own.
//
//ds:todo p2.8
func (s *Store) resume(n uint32, p *pack) error {
	last, err := segment.Open(s.fs, s.path(packName(n)), headerOf(n))
	if err != nil {
		return err
	}
	sum, tail, err := s.scan(n, last, 0)
	if err == nil && !tail.Broken {
		s.writer, err = last.Resume(tail)
	}
	if s.writer == nil {
		err = errors.Join(err, last.Close())
	}
	if err != nil {
		return err
	}
	s.number, s.contents, s.used = n, sum.contents, sum.used
	s.stats.Recovered += tail.Torn
	s.apply(n, sum)
	return nil
}

// scan reads a whole pack, of which the first synced bytes are known to be durable.
func (s *Store) scan(n uint32, from *segment.Segment, synced int64) (summary, segment.Tail, error) {
	sum := summary{contents: contents{}}
	tail, err := from.Scan(synced, func(r segment.Record) error {
		found, ok, err := s.recognise(n, r)
		if ok {
			sum.contents[found.id] = found
		} else {
			sum.lost += r.Lost
		}
		sum.used += r.Size
		return err
	})
	if tail.Broken || synced > 0 && tail.Torn > 0 {
		sum.lost++
	}
	return sum, tail, err
}

// recognise tells which blob a record is about. That of a damaged record can be told if
// its head and its label have been spared.
func (s *Store) recognise(n uint32, r segment.Record) (record, bool, error) {
	label := r.Payload
	if r.Damaged && (r.Kind == kindBlob || r.Kind == kindTomb) {
		var err error
		if label, err = s.readLabel(n, r); err != nil {
			return record{}, false, err
		}
	}
	id, ok := parseLabel(label)
	size := r.Size - recordSize(0)
	if !ok || size < 0 || size > blob.MaxSize {
		return record{}, false, nil
	}
	found := record{id: id, offset: uint32(r.Offset), size: uint32(size)}
	switch {
	case r.Kind == kindTomb:
		found.state = deleted
	case r.Damaged:
		found.state = damaged
	}
	return found, true, nil
}

// readLabel reads the label of a damaged record past all checks.
func (s *Store) readLabel(n uint32, r segment.Record) ([]byte, error) {
	file, err := s.fs.Open(s.path(packName(n)))
	if err != nil {
		return nil, err
	}
	size := min(r.Size-segment.HeadSize, labelSize)
	b, err := file.ReadFull(r.Offset+segment.HeadSize, int(max(size, 0)))
	return b, errors.Join(err, file.Close())
}

// apply takes the last records of a pack into the index, over those of the packs before.
func (s *Store) apply(n uint32, sum summary) {
	p := s.packs[n]
	p.used, p.lost = sum.used, sum.lost
	for id, r := range sum.contents {
		isDamaged := r.state == damaged || p.segment == nil && r.state == there
		if isDamaged && s.index.find(id) != nil {
			continue // there may be a good one
		}
		s.forget(id)
		if r.state != deleted {
			s.learn(id, place{pack: n, offset: r.offset, size: r.size}, isDamaged)
		}
	}
}
