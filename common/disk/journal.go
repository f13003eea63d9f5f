package disk

import (
	"crypto/sha256"
	"maps"
	"slices"
)

// happen lets an effect be seen, and be waited for.
func (m *Memory) happen(e *Effect) {
	e.Call = m.stats.Calls
	m.part()
	m.visible.apply(e)
	m.log = append(m.log, e)
	if len(m.log) > MaxPending {
		if oldest := m.log[0]; !oldest.lost {
			m.base.apply(oldest)
		}
		m.log[0] = nil
		m.log = m.log[1:]
	}
}

// part keeps what is durable apart from what is seen, which is about to change.
func (m *Memory) part() {
	if m.base == nil {
		m.base = m.visible.clone()
	}
}

// isAbout tells whether a sync of a file, or of a directory's names, is about an effect.
func (e *Effect) isAbout(i inode, names bool) bool {
	return e.onNames() == names && slices.Contains(e.left, i)
}

// sync makes the effects on a file's bytes durable, or on the names in a directory.
func (m *Memory) sync(i inode, names bool) {
	for _, e := range m.log {
		if !e.lost && e.isAbout(i, names) {
			e.left = slices.DeleteFunc(e.left, func(left inode) bool { return left == i })
		}
	}
	m.settle()
}

// lose is a sync that fails: what it was about is taken for clean ever after, as systems
// do, and so is never written by a later sync.
func (m *Memory) lose(i inode, names bool) {
	for _, e := range m.log {
		e.lost = e.lost || e.isAbout(i, names)
	}
}

// settle moves into base what is durable, and forgets what no crash can bring back. With a
// directory that is gone for good, nobody need sync the names in it.
func (m *Memory) settle() {
	for again := true; again; {
		named := m.fold()
		gone := func(i inode) bool { return m.isGone(i, named) }
		again = false
		for _, e := range m.log {
			if waited := len(e.left); e.onNames() {
				e.left = slices.DeleteFunc(e.left, gone)
				again = again || len(e.left) < waited
			}
		}
		m.log = slices.DeleteFunc(m.log, func(e *Effect) bool { return gone(e.inode) })
		maps.DeleteFunc(m.base, func(i inode, _ *node) bool { return gone(i) })
	}
}

// fold applies to base what is durable and need not follow what is not. It returns the
// files that effects on names wait for.
func (m *Memory) fold() (named map[inode]bool) {
	kept := m.log[:0]
	named = map[inode]bool{}
	for _, e := range m.log {
		if e.durable() && !slices.ContainsFunc(kept, e.follows) {
			m.base.apply(e)
			continue
		}
		kept = append(kept, e)
		named[e.inode] = named[e.inode] || e.onNames()
	}
	clear(m.log[len(kept):])
	m.log = kept
	return named
}

// isGone tells whether nobody sees a file and no crash can bring it back.
func (m *Memory) isGone(i inode, named map[inode]bool) bool {
	n := m.base[i]
	return m.visible[i] == nil && !named[i] && (n == nil || m.base[n.in] == nil) && i != rootInode
}

// Pending returns the effects that are not durable, in order.
func (m *Memory) Pending() []Effect {
	m.mu.Lock()
	defer m.mu.Unlock()
	var pending []Effect
	for _, e := range m.log {
		if !e.durable() {
			pending = append(pending, *e)
		}
	}
	return pending
}

// KeepAll keeps every effect in a crash, as when only the process ends.
func KeepAll(int, Effect) bool { return true }

// KeepNone drops every effect that a crash may drop.
func KeepNone(int, Effect) bool { return false }

// Image returns the disk that a crash at this moment leaves if it keeps those of the
// effects that are not durable for which keep says so; i counts them as Pending does. An
// effect that makes no sense without one that was dropped, such as bytes behind the end of
// a file that has not grown, is not seen. What is on the new disk is durable, no file is
// open and no fault is set. m goes on.
func (m *Memory) Image(keep func(i int, e Effect) bool) *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.image(keep)
}

func (m *Memory) image(keep func(i int, e Effect) bool) *Memory {
	m.part()
	t := m.base.clone()
	i := 0
	for _, e := range m.log {
		kept := e.durable()
		if !kept {
			kept = keep(i, *e)
			i++
		}
		if kept {
			t.apply(e)
		}
	}
	t.prune()
	return memoryOf(t, m.inodes, m.capacity, m.pieces)
}

// Crash is Image, and m is Dead from now on. It may be called again, for another disk that
// the same crash could leave.
func (m *Memory) Crash(keep func(i int, e Effect) bool) *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
	m.stats.Crashes++
	kept, dropped := map[int]bool{}, map[int]bool{} // calls of which a piece was
	after := m.image(func(i int, e Effect) bool {
		keeps := keep(i, e)
		switch {
		case !keeps:
			m.stats.Lost++
			dropped[e.Call] = true
		case e.Kind == Wrote:
			kept[e.Call] = true
		}
		return keeps
	})
	for call := range kept {
		if dropped[call] {
			m.stats.Torn++
		}
	}
	return after
}

// Kill ends the process that uses the disk, and not the machine: it returns the disk as
// the next process finds it, with all effects, of which those that are not durable still
// wait, and with no file open. m is Dead from now on.
func (m *Memory) Kill() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
	m.part()
	t := m.visible.clone()
	t.prune()
	after := memoryOf(t, m.inodes, m.capacity, m.pieces)
	after.base = m.base.clone()
	for _, e := range m.log {
		waits := *e
		waits.left = slices.Clone(e.left)
		after.log = append(after.log, &waits)
	}
	return after
}

// Sum returns a hash of all names and contents that a call could see.
func (m *Memory) Sum() [sha256.Size]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.visible.sum()
}
