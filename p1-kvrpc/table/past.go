package table

// Revisions returns the oldest revision that can be read and the present one. Before the
// first step there is only the empty state's.
func (m *Machine) Revisions() (oldest, present uint64) {
	if m.table == nil {
		return firstRevision, firstRevision
	}
	return m.table.Revisions()
}

// Pending reports whether time alone will change the state: whether there is a lease or a
// session. It may go on saying so for a while after the last of them has ended.
func (m *Machine) Pending() bool { return m.table != nil && m.table.dues.Len() > 0 }

// Revisions returns the oldest revision that can be read and the present one: of a Table,
// or of a View, which has the method too.
func (h *history) Revisions() (oldest, present uint64) { return h.oldest, h.rev }
