package disk

import (
	"slices"
	"sync"
)

// Memory is a pretended Disk, the twin of Dir in memory. It knows which effects of its
// calls are not durable yet, makes the disk that any crash would leave, and fails where it
// is told to. It is deterministic, and safe for concurrent use.
//
// At most MaxPending effects wait: then the oldest become durable by themselves, as a
// system writes back what nobody has synced.
type Memory struct {
	mu       sync.Mutex // guards what follows
	visible  tree       // what calls see
	base     tree       // what is durable, but for what stands in log; nil as long as visible is just that
	log      []*Effect  // in order of calls: those not durable, and durable ones that must follow them
	files    map[Handle]memoryFile
	locks    map[inode]Handle
	last     Handle
	inodes   inode // the last that was given out
	used     int64 // bytes of all files
	capacity int64
	pieces   int
	fault    func(n int, c Call) Fault
	stats    Stats
	dead     bool
}

type memoryFile struct {
	inode inode
	name  string
}

// What a Memory is like if it is not told otherwise.
const (
	Sector          = 512     // bytes that a disk writes all or not at all
	DefaultPieces   = 4       // effects of one write, see SetPieces
	DefaultCapacity = 1 << 30 // bytes, see SetCapacity
	MaxPending      = 1 << 16 // effects that are not durable
)

// NewMemory returns an empty disk.
func NewMemory() *Memory { return memoryOf(newTree(), rootInode, DefaultCapacity, DefaultPieces) }

// memoryOf returns a disk on which a tree stands, durable.
func memoryOf(t tree, last inode, capacity int64, pieces int) *Memory {
	m := &Memory{
		visible: t, inodes: last, capacity: capacity, pieces: pieces,
		files: map[Handle]memoryFile{}, locks: map[inode]Handle{},
	}
	for _, n := range t {
		m.used += n.size
	}
	return m
}

// SetCapacity sets how many bytes all files together may have. Names cost nothing.
func (m *Memory) SetCapacity(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = bytes
}

// SetPieces sets how many effects a write has at most, beside the growth of its file: it
// is cut at sectors, a long one into that many runs of sectors. At least 1.
func (m *Memory) SetPieces(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pieces = max(n, 1)
}

// Do implements Disk.
func (m *Memory) Do(c Call) Result {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return Result{Code: Dead}
	}
	m.stats.Calls++
	if code := c.check(); code != OK {
		return Result{Code: code}
	}
	var f Fault
	if m.fault != nil {
		f = m.fault(m.stats.Calls, c)
	}
	return m.obey(c, f)
}

// carryOut does what a call asks for.
func (m *Memory) carryOut(c Call) Result {
	switch c.Op {
	case Open, Create, Lock:
		return m.open(c.Op, c.Name)
	case Rename, Remove, MakeDir:
		return Result{Code: m.change(c)}
	case List:
		return m.list(c.Name)
	case SyncDir:
		i, code := m.visible.lookup(c.Name)
		if code == OK && m.visible[i].names == nil {
			code = WrongKind
		}
		if code == OK {
			m.sync(i, true)
		}
		return Result{Code: code}
	}
	f, ok := m.files[c.File]
	if !ok {
		return Result{Code: BadHandle}
	}
	return m.onFile(c, f)
}

func (m *Memory) open(op Op, name string) Result {
	i, code := m.visible.lookup(name)
	switch {
	case op == Create && code == OK:
		return Result{Code: Exists}
	case op == Open && code != OK:
		return Result{Code: code}
	case code == OK && m.visible[i].names != nil:
		return Result{Code: WrongKind}
	case len(m.files) == MaxHandles || m.last == ^Handle(0):
		return Result{Code: TooMany}
	case op == Lock && m.locks[i] != 0:
		return Result{Code: Locked}
	case code != OK:
		if i, code = m.make(name, false); code != OK {
			return Result{Code: code}
		}
	}
	m.last++
	m.files[m.last] = memoryFile{i, name}
	if op == Lock {
		m.locks[i] = m.last
	}
	return Result{File: m.last}
}

// make makes a file or directory of a name that is free.
func (m *Memory) make(name string, dir bool) (inode, Code) {
	p, code := m.place(name)
	if code != OK {
		return 0, code
	}
	m.inodes++
	m.happen(&Effect{Kind: Made, Name: name, inode: m.inodes, dir: dir, to: p, left: []inode{p.in}})
	return m.inodes, OK
}

// place returns the directory and name that a path means.
func (m *Memory) place(path string) (place, Code) {
	dir, name := split(path)
	in, code := m.visible.lookup(dir)
	if code == OK && m.visible[in].names == nil {
		code = NotFound
	}
	return place{in, name}, code
}

// change carries out a call that changes names.
func (m *Memory) change(c Call) Code {
	i, code := m.visible.lookup(c.Name)
	if c.Op == MakeDir {
		if code == OK {
			return Exists
		}
		_, code = m.make(c.Name, true)
		return code
	}
	if code != OK {
		return code
	}
	n := m.visible[i]
	if c.Op == Rename {
		return m.rename(c, i, n)
	}
	if len(n.names) > 0 {
		return Exists
	}
	m.happen(&Effect{Kind: Removed, Name: c.Name, inode: i, from: place{n.in, n.name}, left: []inode{n.in}})
	m.free(i)
	return OK
}

func (m *Memory) rename(c Call, i inode, n *node) Code {
	to, code := m.place(c.To)
	if code != OK {
		return code
	}
	old, taken := m.visible[to.in].names[to.name]
	switch {
	case taken && m.visible[old].names != nil:
		return Exists
	case taken && n.names != nil:
		return WrongKind
	}
	e := &Effect{Kind: Renamed, Name: c.Name, To: c.To, inode: i, from: place{n.in, n.name}, to: to}
	if e.left = []inode{n.in}; to.in != n.in {
		e.left = append(e.left, to.in)
	}
	m.happen(e)
	if taken {
		m.free(old)
	}
	return OK
}

// free forgets a file that has no name, when nobody has it open.
func (m *Memory) free(i inode) {
	n := m.visible[i]
	if n.in != 0 {
		return
	}
	for _, f := range m.files {
		if f.inode == i {
			return
		}
	}
	m.used -= n.size
	delete(m.visible, i)
}

func (m *Memory) list(path string) Result {
	i, code := m.visible.lookup(path)
	if code != OK {
		return Result{Code: code}
	}
	n := m.visible[i]
	switch {
	case n.names == nil:
		return Result{Code: WrongKind}
	case len(n.names) > MaxNames:
		return Result{Code: TooMany}
	}
	var names []string
	for name, i := range n.names {
		if m.visible[i].names != nil {
			name += "/"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return Result{Names: names}
}

// onFile carries out a call about an open file.
func (m *Memory) onFile(c Call, f memoryFile) Result {
	n := m.visible[f.inode]
	switch c.Op {
	case Read:
		return Result{Data: n.read(c.Offset, c.Size)}
	case Write:
		if c.Offset > n.size {
			return Result{Code: BadCall}
		}
		return m.write(f, c.Data, c.Offset)
	case Truncate:
		if c.Size > n.size {
			return Result{Code: BadCall}
		}
		m.used -= n.size - c.Size
		m.happen(&Effect{Kind: Cut, Name: f.name, inode: f.inode, Offset: c.Size, left: []inode{f.inode}})
	case Preallocate:
		if c.Size-n.size > m.capacity-m.used {
			m.stats.Full++
			return Result{Code: NoSpace}
		}
		m.grow(f, c.Size)
	case Sync:
		m.sync(f.inode, false)
	case Stat:
		return Result{Size: n.size}
	case Close:
		delete(m.files, c.File)
		if m.locks[f.inode] == c.File {
			delete(m.locks, f.inode)
		}
		m.free(f.inode)
	}
	return Result{}
}

// write writes as much as there is room for.
func (m *Memory) write(f memoryFile, data []byte, offset int64) Result {
	code := OK
	room := max(m.visible[f.inode].size-offset, 0) + m.capacity - m.used
	if int64(len(data)) > room {
		data, code = data[:max(room, 0)], NoSpace
		m.stats.Full++
	}
	m.put(f, slices.Clone(data), offset)
	return Result{Code: code, Size: int64(len(data))}
}

// put writes bytes, which nobody changes any more.
func (m *Memory) put(f memoryFile, data []byte, offset int64) {
	if len(data) == 0 {
		return
	}
	m.grow(f, offset+int64(len(data)))
	first, last := offset/Sector, (offset+int64(len(data))-1)/Sector
	sectors := last - first + 1
	pieces := min(sectors, int64(m.pieces))
	for k := range pieces {
		end := min((first+sectors*(k+1)/pieces)*Sector-offset, int64(len(data)))
		start := max((first+sectors*k/pieces)*Sector-offset, 0)
		m.happen(&Effect{
			Kind: Wrote, Name: f.name, Offset: offset + start, Size: end - start,
			inode: f.inode, data: data[start:end], left: []inode{f.inode},
		})
	}
}

// grow makes a file at least size bytes long.
func (m *Memory) grow(f memoryFile, size int64) {
	n := m.visible[f.inode]
	if size <= n.size {
		return
	}
	m.used += size - n.size
	m.happen(&Effect{
		Kind: Grew, Name: f.name, Offset: n.size, Size: size - n.size,
		inode: f.inode, left: []inode{f.inode},
	})
}
