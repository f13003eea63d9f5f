package crashtest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/datadir"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/pack"
	"dss.example/p2-persist/tree"
	"dss.example/p2-persist/wal"
)

// place is a directory of stage 2 in use, in the smallest files that there are.
type place struct {
	*datadir.Store
	log *wal.Log
}

func open(d disk.Disk) (*place, wal.Report, error) {
	s, err := datadir.OpenStore(d, pack.Options{PackSize: pack.MinPackSize})
	if err != nil {
		return nil, wal.Report{}, err
	}
	log, report, err := wal.Open(disk.FS{Disk: d}, datadir.LogDir, wal.Options{SegmentSize: wal.MinSegment})
	if err != nil {
		return nil, wal.Report{}, errors.Join(err, s.Close())
	}
	return &place{s, log}, report, nil
}

func (p *place) close() error { return errors.Join(p.log.Close(), p.Store.Close()) }

// contents is what a tree holds.
type contents map[string]string

func (c contents) String() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&b, " %s=%s", k, c[k])
	}
	return b.String()
}

// state is what a place holds. The heads, the log and the branch change in one step each.
type state struct {
	blobs  map[int]bool
	heads  map[string]contents
	log    []string
	branch []string // snapshots, oldest first, each with what its tree holds
}

func (s state) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.heads)) {
		fmt.Fprintf(&b, "%s:%v\n", name, s.heads[name])
	}
	fmt.Fprintf(&b, "log: %s\nbranch: %s\n", strings.Join(s.log, " "), strings.Join(s.branch, "; "))
	return b.String()
}

// op is one thing that is done to a place, and then acknowledged.
type op struct {
	do  func(p *place) error
	add func(s *state) // what is to be seen of it
}

// put stores blobs, named by numbers.
func put(numbers ...int) op {
	return op{
		func(p *place) error {
			for _, n := range numbers {
				if _, err := p.Blobs.Put(blob.Raw, bytesOf(n)); err != nil {
					return err
				}
			}
			return p.Blobs.Sync()
		},
		func(s *state) {
			for _, n := range numbers {
				s.blobs[n] = true
			}
		},
	}
}

// bytesOf makes a blob of less than a sector, or from 10 on of several.
func bytesOf(n int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "blob %03d;", n), 20+min(n/10, 1)*250)
}

// note appends to the log.
func note(text string) op {
	return op{
		func(p *place) error {
			if _, err := p.log.Append([]byte(text)); err != nil {
				return err
			}
			return p.log.Sync()
		},
		func(s *state) { s.log = append(s.log, text) },
	}
}

// edit makes changes in the tree that a head points at, and points it at the new one. A
// value "" deletes its key.
func edit(name string, changes contents) op {
	return op{
		func(p *place) error {
			t, generation, err := p.tree(name)
			if err != nil {
				return err
			}
			if t, err = apply(p, t, changes); err != nil {
				return err
			}
			_, err = p.Heads.Set(name, generation, t.Root())
			return err
		},
		func(s *state) { s.heads[name] = s.heads[name].with(changes) },
	}
}

// swap points a head at another tree.
func swap(name string, with contents) op {
	return op{
		func(p *place) error {
			_, generation, err := p.tree(name)
			if err != nil {
				return err
			}
			t, err := build(p, with)
			if err != nil {
				return err
			}
			_, err = p.Heads.Set(name, generation, t.Root())
			return err
		},
		func(s *state) { s.heads[name] = with },
	}
}

// commit adds a snapshot of the tree of a head to the branch.
func commit(name, message string) op {
	return op{
		func(p *place) error {
			t, _, err := p.tree(name)
			if err != nil {
				return err
			}
			snapshot := history.Snapshot{Root: t.Root(), Author: "a", Message: message}
			tip, err := p.History().Resolve("trunk", time.Unix(0, 0))
			if err == nil {
				snapshot.Parents = []blob.ID{tip}
			}
			_, err = p.History().Commit("trunk", snapshot)
			return err
		},
		func(s *state) { s.branch = append(s.branch, message+s.heads[name].String()) },
	}
}

func (c contents) with(changes contents) contents {
	all := contents{}
	maps.Copy(all, c)
	for k, v := range changes {
		if all[k] = v; v == "" {
			delete(all, k)
		}
	}
	return all
}

// tree returns the tree of a head and the head's generation, or an empty one.
func (p *place) tree(name string) (tree.Tree, uint64, error) {
	h, err := p.Heads.Get(name)
	if errors.Is(err, head.ErrNotFound) {
		t, err := build(p, nil)
		return t, head.None, err
	}
	if err != nil {
		return tree.Tree{}, 0, err
	}
	t, err := tree.Open(p.Blobs, h.ID)
	return t, h.Generation, err
}

func build(p *place, with contents) (tree.Tree, error) {
	return tree.Build(p.Blobs, tree.Params{Target: tree.MinTarget}, func(yield func(tree.Pair, error) bool) {
		for _, k := range slices.Sorted(maps.Keys(with)) {
			if !yield(tree.Pair{Key: []byte(k), Value: tree.Value{Bytes: []byte(with[k])}}, nil) {
				return
			}
		}
	})
}

func apply(p *place, t tree.Tree, changes contents) (tree.Tree, error) {
	var all []tree.Change
	for _, k := range slices.Sorted(maps.Keys(changes)) {
		all = append(all, tree.Change{Key: []byte(k), Value: tree.Value{Bytes: []byte(changes[k])}, Delete: changes[k] == ""})
	}
	return t.Apply(p.Blobs, all)
}

// look reads all that a place holds, of the blobs those that are known.
func look(p *place, known map[int]bool) (state, error) {
	s := state{blobs: map[int]bool{}, heads: map[string]contents{}}
	for n := range known {
		b, err := p.Blobs.Get(blob.Sum(blob.Raw, bytesOf(n)))
		switch {
		case errors.Is(err, blob.ErrNotFound):
		case err != nil:
			return s, err
		case !bytes.Equal(b, bytesOf(n)):
			return s, fmt.Errorf("%w: blob %d reads %q", errWrong, n, b)
		default:
			s.blobs[n] = true
		}
	}
	err := p.log.Replay(func(seq uint64, b []byte, damaged bool) error {
		if damaged {
			return fmt.Errorf("record %d of the log is damaged", seq)
		}
		s.log = append(s.log, string(b))
		return nil
	})
	if err == nil {
		err = lookAtHeads(p, &s)
	}
	return s, err
}

// errWrong is bytes that are served for others.
var errWrong = errors.New("wrong bytes")

func lookAtHeads(p *place, s *state) error {
	heads, err := p.Heads.List()
	if err != nil {
		return err
	}
	for _, h := range heads {
		if name, isBranch := strings.CutPrefix(h.Name, "branch/"); isBranch {
			if err := lookBack(p, name, h.ID, s); err != nil {
				return err
			}
			continue
		}
		if s.heads[h.Name], err = read(p, h.ID); err != nil {
			return fmt.Errorf("head %s: %w", h.Name, err)
		}
	}
	return nil
}

// lookBack reads the whole past of a branch.
func lookBack(p *place, name string, tip blob.ID, s *state) error {
	for entry, err := range history.Log(p.Blobs, tip) {
		if err != nil {
			return fmt.Errorf("branch %s: %w", name, err)
		}
		c, err := read(p, entry.Root)
		if err != nil {
			return fmt.Errorf("snapshot %s of branch %s: %w", entry.Message, name, err)
		}
		s.branch = append(s.branch, entry.Message+c.String())
	}
	slices.Reverse(s.branch)
	return nil
}

// read reads a whole tree.
func read(p *place, root blob.ID) (contents, error) {
	t, err := tree.Open(p.Blobs, root)
	if err != nil {
		return nil, err
	}
	c := contents{}
	for pair, err := range t.Range(nil, nil) {
		if err != nil {
			return nil, err
		}
		c[string(pair.Key)] = string(pair.Value.Bytes)
	}
	return c, t.Verify()
}
