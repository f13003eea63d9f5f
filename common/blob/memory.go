package blob

import (
	"fmt"
	"slices"
	"sync"
)

// Memory is a Store in memory, the twin of one on a disk: a crash may lose whatever was
// not synced, each put and delete by itself. A test or a simulator breaks it by Crash,
// Damage and FailSync. It grows with what is put into it.
//
// A Memory that was closed, has failed or has crashed keeps what its disk would hold:
// Crash hands that over to the next one.
type Memory struct {
	mu       sync.Mutex     // guards all below
	blobs    map[ID]content // what every call sees
	order    []ID           // the keys of blobs in order; nil: to be sorted anew
	durable  map[ID]content // what the worst crash leaves
	unsynced []change       // what leads from durable to blobs
	failing  bool           // the next Sync fails
	dead     error          // ErrFailed or ErrClosed
}

// content is what stands in a blob's place. Its bytes are never changed, so that a
// crashed Memory may share them.
type content struct {
	bytes   []byte
	damaged bool
}

// change is one put or delete of one blob.
type change struct {
	id      ID
	put     bool
	content content
}

// NewMemory returns an empty Store.
func NewMemory() *Memory {
	return &Memory{blobs: map[ID]content{}, durable: map[ID]content{}}
}

// Put implements Store. It does not look whether what is there already is damaged:
// Delete goes before a Put that repairs.
func (m *Memory) Put(codec Codec, b []byte) (ID, error) {
	if len(b) > MaxSize {
		return ID{}, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(b))
	}
	id := Sum(codec, b)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.takes([]ID{id}); err != nil {
		return ID{}, err
	}
	if _, ok := m.blobs[id]; !ok {
		m.change(change{id: id, put: true, content: content{bytes: slices.Clone(b)}})
	}
	return id, nil
}

// Get implements Store.
func (m *Memory) Get(id ID) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.takes([]ID{id}); err != nil {
		return nil, err
	}
	c, ok := m.blobs[id]
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: %v", ErrNotFound, id)
	case c.damaged:
		return nil, fmt.Errorf("%w: %v", ErrCorrupt, id)
	}
	return append([]byte{}, c.bytes...), nil
}

// Stat implements Store.
func (m *Memory) Stat(ids []ID) ([]Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.takes(ids); err != nil {
		return nil, err
	}
	infos := make([]Info, 0, len(ids))
	for _, id := range ids {
		infos = append(infos, m.info(id))
	}
	return infos, nil
}

// List implements Store.
func (m *Memory) List(after ID, max int) ([]Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.dead != nil:
		return nil, m.dead
	case max < 1 || max > MaxBatch:
		return nil, fmt.Errorf("%w: %d, want 1 to %d", ErrBatch, max, MaxBatch)
	}
	m.sort()
	i, found := slices.BinarySearchFunc(m.order, after, ID.Compare)
	if found {
		i++
	}
	infos := []Info{}
	for _, id := range m.order[i:min(i+max, len(m.order))] {
		infos = append(infos, m.info(id))
	}
	return infos, nil
}

// Sync implements Store.
func (m *Memory) Sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead == nil && m.failing {
		m.dead = ErrFailed
	}
	if m.dead != nil {
		return m.dead
	}
	for _, c := range m.unsynced {
		c.apply(m.durable)
	}
	m.unsynced = nil
	return nil
}

// Delete implements Store.
func (m *Memory) Delete(ids []ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.takes(ids); err != nil {
		return err
	}
	for _, id := range ids {
		if _, ok := m.blobs[id]; ok {
			m.change(change{id: id})
		}
	}
	return nil
}

// Close implements Store. To close twice is ErrClosed.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead == ErrClosed {
		return ErrClosed
	}
	m.dead = ErrClosed
	return nil
}

// Unsynced returns how many changes a crash may lose: puts of what was not there, and
// deletes of what was.
func (m *Memory) Unsynced() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.unsynced)
}

// Crash returns what a Store opened after a crash holds: what was synced, and those of
// the changes since, numbered from 0 in their order, that keep chooses. A nil keep
// chooses none. m is closed and empty.
func (m *Memory) Crash(keep func(change int) bool) *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := NewMemory()
	after.durable = m.durable
	for i, c := range m.unsynced {
		if keep != nil && keep(i) {
			c.apply(after.durable)
		}
	}
	for id, c := range after.durable {
		after.blobs[id] = c
	}
	m.blobs, m.durable, m.unsynced, m.order = map[ID]content{}, map[ID]content{}, nil, nil
	m.dead = ErrClosed
	return after
}

// Damage spoils the bytes of a blob, synced or not, and reports whether it is there.
// From now on it reads as ErrCorrupt; it is still listed.
func (m *Memory) Damage(id ID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.blobs[id]
	if !ok {
		return false
	}
	c.damaged = true
	m.blobs[id] = c
	if _, ok := m.durable[id]; ok {
		m.durable[id] = c
	}
	for i := range m.unsynced {
		if u := &m.unsynced[i]; u.id == id && u.put {
			u.content = c
		}
	}
	return true
}

// FailSync makes the next Sync fail, and the Store with it.
func (m *Memory) FailSync() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failing = true
}

// takes returns why a call about ids is refused, or nil.
func (m *Memory) takes(ids []ID) error {
	if m.dead != nil {
		return m.dead
	}
	return CheckBatch(ids)
}

func (m *Memory) info(id ID) Info {
	c, ok := m.blobs[id]
	if !ok {
		return Info{ID: id, Size: -1}
	}
	return Info{ID: id, Size: int64(len(c.bytes))}
}

func (m *Memory) change(c change) {
	c.apply(m.blobs)
	m.unsynced = append(m.unsynced, c)
	m.order = nil
}

// sort makes order what it says. A listing of many pages sorts once, unless something
// is put between them.
func (m *Memory) sort() {
	if m.order != nil {
		return
	}
	m.order = make([]ID, 0, len(m.blobs))
	for id := range m.blobs {
		m.order = append(m.order, id)
	}
	slices.SortFunc(m.order, ID.Compare)
}

func (c change) apply(to map[ID]content) {
	if c.put {
		to[c.id] = c.content
	} else {
		delete(to, c.id)
	}
}
