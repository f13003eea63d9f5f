package disk

// Fault is what goes wrong in one call. The zero Fault is nothing.
type Fault struct {
	// Code is how the call ends instead of OK. It has done nothing, unless Part or
	// Done says so. A Sync or SyncDir that ends so makes nothing durable, and no
	// later one makes durable what it should have, though it says OK. A Close
	// closes, whatever it says.
	Code Code
	Part int  // with Code, of Write: so many bytes have been written
	Done bool // with Code: all has been done that the call asked for

	// Crash stops the machine during the call: it has done what it does, but a sync,
	// which does nothing, and nothing of it is durable. From then on the disk is
	// Dead; Crash makes what it leaves.
	Crash bool

	// Stray sends a Write to another place, growing the file there if it must. The
	// call says OK.
	Stray *Stray
}

// Stray is where a misdirected write goes.
type Stray struct {
	Name   string // of a file; "": the right one
	Offset int64
}

// Stats counts what has happened on a Memory. Each fault is counted when it has really
// occurred, not when it was asked for.
type Stats struct {
	Calls       int // that were not refused as Dead
	Failed      int // calls that ended with the Code of a Fault
	Full        int // calls that found no room within the capacity
	ShortWrites int // of Failed: writes that wrote a part
	FailedSyncs int // of Failed: syncs of files and directories
	Strays      int // writes that went to another place
	Flips       int // bits
	Crashes     int // by a Fault or by Crash
	Lost        int // effects that Crash dropped
	Torn        int // writes of which Crash kept a piece and dropped another
}

// Stats returns the counts since the disk was made.
func (m *Memory) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stats
}

// Inject sets who decides what goes wrong: fault is asked before each call that the disk
// does not refuse by itself, in order, with the call's number, from 1. It must not use the
// disk. Nil ends all faults.
func (m *Memory) Inject(fault func(n int, c Call) Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = fault
}

// FailAt returns the injection that fails the calls of these numbers with a code; a Write
// that fails for want of space writes half of its bytes.
func FailAt(code Code, calls ...int) func(n int, c Call) Fault {
	return func(n int, c Call) Fault {
		for _, k := range calls {
			if k == n {
				f := Fault{Code: code}
				if code == NoSpace {
					f.Part = len(c.Data) / 2
				}
				return f
			}
		}
		return Fault{}
	}
}

// CrashAt returns the injection that stops the machine during a call.
func CrashAt(call int) func(n int, c Call) Fault {
	return func(n int, _ Call) Fault { return Fault{Crash: n == call} }
}

// Flip flips a bit (0 to 7) of a byte of a file, as it is seen and as it is kept, and tells
// whether there is such a byte.
func (m *Memory) Flip(name string, offset int64, bit uint) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, code := m.visible.lookup(name)
	if code != OK || offset < 0 || offset >= m.visible[i].size {
		return false
	}
	m.happen(&Effect{Kind: Flipped, Name: name, inode: i, Offset: offset, data: []byte{1 << (bit % 8)}})
	m.settle()
	m.stats.Flips++
	return true
}

// obey carries out a call with what goes wrong in it.
func (m *Memory) obey(c Call, f Fault) Result {
	switch {
	case f.Crash:
		m.stats.Crashes++
		if c.Op != Sync && c.Op != SyncDir {
			m.carryOut(c)
		}
		m.dead = true
		return Result{Code: Dead}
	case f.Code != OK:
		return m.fail(c, f)
	case f.Stray != nil && c.Op == Write:
		return m.stray(c, *f.Stray)
	}
	return m.carryOut(c)
}

// fail ends a call with the code of a fault.
func (m *Memory) fail(c Call, f Fault) Result {
	m.stats.Failed++
	r := Result{Code: f.Code}
	switch {
	case c.Op == Sync || c.Op == SyncDir:
		m.stats.FailedSyncs++
		if f.Done {
			m.carryOut(c)
		} else {
			m.failSync(c)
		}
	case c.Op == Write:
		if !f.Done {
			c.Data = c.Data[:min(max(f.Part, 0), len(c.Data))]
			if len(c.Data) > 0 {
				m.stats.ShortWrites++
			}
		}
		if done := m.carryOut(c); f.Code == NoSpace {
			r.Size = done.Size
		}
	case f.Done || c.Op == Close:
		if done := m.carryOut(c); done.File != 0 { // nobody learns of it
			m.carryOut(Call{Op: Close, File: done.File})
		}
	}
	return r
}

func (m *Memory) failSync(c Call) {
	if c.Op == Sync {
		m.lose(m.files[c.File].inode, false)
	} else if i, code := m.visible.lookup(c.Name); code == OK {
		m.lose(i, true)
	}
}

// stray carries out a write at another place than the one it names.
func (m *Memory) stray(c Call, s Stray) Result {
	f, ok := m.files[c.File]
	if !ok {
		return Result{Code: BadHandle}
	}
	if s.Name != "" {
		i, code := m.visible.lookup(s.Name)
		if code != OK || m.visible[i].names != nil {
			return m.carryOut(c)
		}
		f = memoryFile{i, s.Name}
	}
	if c.Offset > m.visible[m.files[c.File].inode].size || s.Offset < 0 || s.Offset > maxOffset ||
		s.Offset+int64(len(c.Data))-m.visible[f.inode].size > m.capacity-m.used {
		return m.carryOut(c) // there is no such place
	}
	m.stats.Strays++
	m.put(f, append([]byte(nil), c.Data...), s.Offset)
	return Result{Size: int64(len(c.Data))}
}
