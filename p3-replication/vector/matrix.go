package vector

import (
	"cmp"
	"slices"
)

// Matrix keeps the vector last heard from each server.
type Matrix struct {
	rows  []row // sorted by server, at most MaxServers
	short bool  // somebody was left out for want of a row
}

type row struct {
	server Server
	known  Vector
}

// Heard notes what a server says that it knows, durably. What it said before stays true, so that a
// message that comes late takes nothing back.
//
// It returns false at MaxServers, when none of those that it has a row of has Retired. Somebody is
// missing then, and Min is empty for good.
func (m *Matrix) Heard(s Server, v Vector) bool {
	i, ok := m.find(s)
	if !ok && len(m.rows) >= MaxServers {
		m.forgetRetired()
		i, ok = m.find(s)
	}
	switch {
	case ok:
		m.rows[i].known.Join(v)
	case len(m.rows) >= MaxServers:
		m.short = true
		return false
	default:
		m.rows = slices.Insert(m.rows, i, row{server: s, known: v.Clone()})
	}
	return true
}

// Row returns what a server is known to know: nothing, if it was never Heard. It must not be
// changed.
func (m *Matrix) Row(s Server) Vector {
	if i, ok := m.find(s); ok {
		return m.rows[i].known
	}
	return nil
}

// Known returns all that anybody knows.
func (m *Matrix) Known() Vector {
	var all Vector
	for i := range m.rows {
		all.Join(m.rows[i].known)
	}
	return all
}

// Min returns what everybody knows, as Vector.Knows tells it: everybody is who has an entry in
// Known. It is empty while one of them was never Heard. Servers that have Retired need no more be
// told of anything, and do not count.
func (m *Matrix) Min() (low Vector) {
	if m.short {
		return nil
	}
	var everybody []Vector
	var named Vector // somebody does not know yet that they have retired, if they have
	for _, e := range m.Known() {
		i, ok := m.find(e.Server)
		if !ok {
			return nil
		}
		everybody = append(everybody, m.rows[i].known)
		named.Merge(m.rows[i].known)
	}
	for _, e := range named {
		if t, ok := lowest(e.Server, everybody); ok {
			low = append(low, Entry{Server: e.Server, Time: t})
		}
	}
	return low
}

// lowest returns up to which time everybody knows a server's writes, and whether everybody has
// heard of it.
func lowest(s Server, everybody []Vector) (uint64, bool) {
	low := uint64(MaxTime)
	for _, v := range everybody {
		t, state := v.Complete(s)
		if state == Unheard {
			return 0, false
		}
		low = min(low, t)
	}
	return low, true
}

func (m *Matrix) forgetRetired() {
	all := m.Known()
	m.rows = slices.DeleteFunc(m.rows, func(r row) bool {
		_, state := all.Complete(r.server)
		return state == Retired
	})
}

func (m *Matrix) find(s Server) (int, bool) {
	return slices.BinarySearchFunc(m.rows, s, func(r row, s Server) int { return cmp.Compare(r.server, s) })
}
