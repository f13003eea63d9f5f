package fsck

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/checkpoint"
	"dss.example/p2-persist/dir"
	"dss.example/p2-persist/durable"
	"dss.example/p2-persist/file"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
	"dss.example/p2-persist/pack"
	"dss.example/p2-persist/tree"
)

// role is what a blob is to whoever links to it.
type role uint8

const (
	anything  role = iota // what it says of itself
	snapshot              // of a branch or tag, or a parent of one
	directory             // of an entry
	contents              // of a file of a given size
	node                  // of a tree, below the root
	checked               // node that was compared with its parent
)

// step is a blob on the way from a head.
type step struct {
	id    blob.ID
	role  role
	size  int64 // of contents, in bytes; -1: not known
	level int   // of contents: of the node, 0 a chunk; -1: not known
	time  int64 // of a snapshot: of the one that names it as its parent; 0: none does
	from  string
	path  string // in the snapshot's root
}

func (s step) where() string {
	if s.path == "" {
		return s.from
	}
	return s.from + ":" + s.path
}

// walk goes along all links from the heads.
type walk struct {
	*inspection
	blobs   *pack.Store
	damaged map[blob.ID]bool // blobs that Verify has found, or Get
	all     bool             // Verify could not name all of them
	met     map[blob.ID]struct{}
	done    map[step]struct{}    // without from, path and time: what has a role other than anything
	told    map[blob.ID]struct{} // blobs that are said to be damaged or missing
	pending []step               // a stack
	isBlind bool                 // something on the way could not be read
}

// reach walks from all heads, and then says what was not met.
func (x *inspection) reach(blobs *pack.Store, heads *head.Store, verified pack.VerifyStats) error {
	w := &walk{
		inspection: x, blobs: blobs, damaged: map[blob.ID]bool{}, all: verified.More > 0,
		met: map[blob.ID]struct{}{}, done: map[step]struct{}{}, told: map[blob.ID]struct{}{},
	}
	for _, id := range verified.Damaged {
		w.damaged[id] = true
	}
	list, err := heads.List()
	if w.isBlind = errors.Is(err, head.ErrCorrupt); err != nil && !w.isBlind {
		return err
	}
	if err := x.damagedHeads(heads); err != nil {
		return err
	}
	x.report.Heads = len(list)
	for _, h := range list {
		s := step{id: h.ID, from: h.Name}
		if strings.HasPrefix(h.Name, "branch/") || strings.HasPrefix(h.Name, "tag/") {
			s.role = snapshot
		}
		if err := w.follow(s); err != nil {
			return err
		}
	}
	if err := w.checkpoint(heads); err != nil {
		return err
	}
	return w.rest()
}

// follow visits a blob and all that it leads to, what was pushed last first.
func (w *walk) follow(s step) error {
	for w.push(s); len(w.pending) > 0; {
		s := w.pending[len(w.pending)-1]
		w.pending = w.pending[:len(w.pending)-1]
		if !w.isNew(s) {
			continue
		}
		if err := w.visit(s); err != nil {
			return err
		}
		if w.progress.Met = len(w.met); len(w.met)%1024 == 0 {
			w.tell()
		}
		if len(w.met) > history.MaxMarked {
			return fmt.Errorf("%w: more than %d", history.ErrTooMany, history.MaxMarked)
		}
		if w.ctx.Err() != nil {
			return w.ctx.Err()
		}
	}
	return nil
}

func (w *walk) push(s ...step) { w.pending = append(w.pending, s...) }

// isNew tells whether a blob is to be visited: once in each role that somebody gives it.
func (w *walk) isNew(s step) bool {
	_, isMet := w.met[s.id]
	w.met[s.id] = struct{}{}
	if s.role == anything {
		return !isMet
	}
	s.from, s.path, s.time = "", "", 0
	_, isDone := w.done[s]
	w.done[s] = struct{}{}
	return !isDone
}

// visit looks at one blob and pushes what it links to.
func (w *walk) visit(s step) error {
	infos, err := w.blobs.Stat([]blob.ID{s.id})
	if err != nil {
		return err
	}
	if infos[0].Size < 0 {
		w.lacks(MissingBlob, s, "it is not there")
		return nil
	}
	if s.id.Codec() == blob.Raw && !w.all && !w.damaged[s.id] {
		w.raw(s, infos[0].Size)
		return nil
	}
	b, err := w.blobs.Get(s.id)
	switch {
	case errors.Is(err, blob.ErrCorrupt):
		w.lacks(DamagedBlob, s, "what stands at its place is something else")
		return nil
	case err != nil:
		return err
	case s.id.Codec() == blob.Raw:
		w.raw(s, int64(len(b)))
		return nil
	}
	return w.object(s, b)
}

// lacks says, once, that a blob cannot be read.
func (w *walk) lacks(k Kind, s step, what string) {
	if _, isTold := w.told[s.id]; isTold {
		return
	}
	w.told[s.id] = struct{}{}
	w.isBlind = w.isBlind || s.id.Codec() != blob.Raw
	w.add(Finding{Kind: k, Where: s.where(), ID: s.id, What: what})
}

// raw checks a blob of raw bytes for its role. No directory and no node links to one.
func (w *walk) raw(s step, size int64) {
	switch {
	case s.role == snapshot:
		w.bad(BadSnapshot, s, errors.New("it is raw bytes"))
	case s.role == contents && size != s.size:
		w.bad(BadFile, s, fmt.Errorf("it is a chunk of %d bytes, want %d", size, s.size))
	}
}

// judge adds what is malformed. It returns errors that are not about what was read, but
// about reading it; a blob that is missing or damaged has a finding of its own.
func (w *walk) judge(k Kind, s step, err error) error {
	var broken *disk.Error
	switch {
	case errors.As(err, &broken), errors.Is(err, blob.ErrFailed), w.ctx.Err() != nil:
		return errors.Join(w.ctx.Err(), err)
	case err != nil && !isAbsence(err):
		w.bad(k, s, err)
	}
	return nil
}

// isAbsence tells whether an error is about a blob that is missing or damaged.
func isAbsence(err error) bool {
	return errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrCorrupt)
}

func (w *walk) bad(k Kind, s step, err error) {
	w.add(Finding{Kind: k, Where: s.where(), ID: s.id, What: err.Error()})
}

// object checks an object for its role. Its links are followed in any case; those to which
// it gives a role come last, so that they are visited first.
func (w *walk) object(s step, b []byte) error {
	isNode := bytes.HasPrefix(b, []byte("\x84\x64tree"))
	for link, err := range object.Links(b) {
		if err != nil {
			w.isBlind = true
			w.bad(BadObject, s, err)
			return nil
		}
		next := step{id: link, from: s.from, path: s.path}
		if isNode && link.Codec() == blob.DAGCBOR {
			next.role = node
		}
		w.push(next)
	}
	if s.role == anything || s.role == node && !isNode {
		s.role, s.size, s.level = roleOf(b), -1, -1
	}
	switch {
	case s.role == snapshot:
		return w.snapshot(s)
	case s.role == directory:
		return w.directory(s)
	case s.role == contents:
		w.file(s, b)
	case isNode && s.role != node:
		return w.tree(s)
	}
	return nil
}

// roleOf returns what an object says of itself.
func roleOf(b []byte) role {
	var o struct {
		Kind string `cbor:"kind"`
	}
	if _, err := object.DecodeWith(b, &o); err != nil {
		return anything
	}
	switch o.Kind {
	case "snapshot":
		return snapshot
	case "dir":
		return directory
	case "file":
		return contents
	}
	return anything
}

func (w *walk) snapshot(s step) error {
	one, err := history.Load(w.blobs, s.id)
	if err != nil {
		return w.judge(BadSnapshot, s, err)
	}
	if s.time != 0 && one.Time >= s.time {
		w.bad(BadSnapshot, s, errors.New("it is not older than the snapshot that came after it"))
	}
	w.report.Snapshots++
	for i, id := range one.Parents {
		w.push(step{id: id, role: snapshot, time: one.Time, from: before(s.from, i)})
	}
	w.push(step{id: one.Root, from: s.from, path: s.path})
	return nil
}

// before names the i-th parent: main~2 is the first parent's first parent, main^2 the
// second parent.
func before(from string, i int) string {
	name, digits, ok := strings.Cut(from, "~")
	n := 0
	switch {
	case i > 0:
		return fmt.Sprintf("%s^%d", from, i+1)
	case !ok:
		return from + "~1"
	}
	if _, err := fmt.Sscanf(digits, "%d", &n); err != nil || strings.ContainsAny(digits, "~^") {
		return from + "~1"
	}
	return fmt.Sprintf("%s~%d", name, n+1)
}

func (w *walk) directory(s step) error {
	d, err := dir.Load(w.blobs, s.id)
	if err == nil {
		for e, bad := range d.Entries() {
			if err = bad; err != nil {
				break
			}
			next := step{id: e.Link, from: s.from, path: strings.TrimPrefix(s.path+"/"+e.Name, "/")}
			switch e.Kind {
			case dir.Dir:
				next.role = directory
				w.push(next)
			case dir.File:
				next.role, next.size, next.level = contents, e.Size, -1
				w.push(next)
			}
		}
	}
	return w.judge(BadDirectory, s, err)
}

func (w *walk) file(s step, b []byte) {
	n, err := file.ParseNode(b)
	switch {
	case err != nil:
	case s.level == 0 || s.level > 0 && n.Level != s.level:
		err = fmt.Errorf("it is a node of level %d, want level %d", n.Level, s.level)
	case s.size >= 0 && n.Size() != s.size:
		err = fmt.Errorf("it has %d bytes, want %d", n.Size(), s.size)
	}
	if err != nil {
		w.bad(BadFile, s, err)
		return
	}
	for _, p := range n.Parts {
		if !p.Hole() {
			w.push(step{id: p.Link, role: contents, size: p.Size, level: n.Level - 1, from: s.from, path: s.path})
		}
	}
}

// tree checks the nodes of a tree against each other, but for those that it shares with a
// tree that was checked before.
func (w *walk) tree(s step) error {
	t, err := tree.Open(w.blobs, s.id)
	if err == nil {
		err = t.Walk(func(id blob.ID, level int) (bool, error) {
			isNew := w.isNew(step{id: id, role: checked, level: level})
			if isNew && level == 0 {
				_, err := tree.Open(w.blobs, id)
				return false, err
			}
			return isNew, w.ctx.Err()
		})
	}
	return w.judge(BadTree, s, err)
}

// checkpoint reads the newest checkpoint, if there is one.
func (w *walk) checkpoint(heads *head.Store) error {
	k, err := checkpoint.Open(w.blobs, heads, 0)
	var newest *durable.Snapshot
	if err == nil {
		newest, err = k.Newest()
	}
	if err == nil && newest != nil {
		for _, err = range newest.Pairs {
			if err = errors.Join(err, w.ctx.Err()); err != nil {
				break
			}
		}
	}
	s := step{from: "branch/" + checkpoint.Branch}
	if isAbsence(err) {
		w.bad(BadCheckpoint, s, err)
		return nil
	}
	return w.judge(BadCheckpoint, s, err)
}
