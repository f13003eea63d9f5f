package blobtest_test

import (
	"errors"
	"slices"

	"dss.example/common/blob"
)

// The wrong stores, in the order of the checks that must catch them. What stands in
// brackets is the bug's number in the course's list of bugs.

func hasOne(s blob.Store, _ *past) blob.Store {
	_, _ = s.Put(blob.Raw, []byte("here before"))
	return s
}

func absentIsEmpty(s blob.Store, _ *past) blob.Store {
	return store{Store: s, get: func(id blob.ID) ([]byte, error) {
		b, err := s.Get(id)
		if errors.Is(err, blob.ErrNotFound) {
			return nil, nil
		}
		return b, err
	}}
}

func namesNothing(s blob.Store, _ *past) blob.Store {
	return store{Store: s, get: func(id blob.ID) ([]byte, error) {
		b, err := s.Get(id)
		if errors.Is(err, blob.ErrNotFound) {
			err = blob.ErrNotFound
		}
		return b, err
	}}
}

// hashesPrefix names a blob by its first 64 KiB (B4).
func hashesPrefix(s blob.Store, p *past) blob.Store {
	return renames(s, p, func(codec blob.Codec, b []byte) blob.ID {
		return blob.Sum(codec, b[:min(len(b), 1<<16)])
	})
}

// cutsHash compares 8 bytes of 32 (B4).
func cutsHash(s blob.Store, p *past) blob.Store {
	return renames(s, p, func(codec blob.Codec, b []byte) blob.ID {
		id := blob.Sum(codec, b)
		clear(id[12:])
		return id
	})
}

// renames keeps blobs under names of its own.
func renames(s blob.Store, p *past, name func(blob.Codec, []byte) blob.ID) blob.Store {
	return store{
		Store: s,
		put: func(codec blob.Codec, b []byte) (blob.ID, error) {
			id := name(codec, b)
			if _, ok := p.blobs[id]; !ok {
				p.blobs[id] = slices.Clone(b)
			}
			return id, nil
		},
		get: func(id blob.ID) ([]byte, error) { return slices.Clone(p.blobs[id]), nil },
	}
}

// oneCodec names all blobs as raw ones (B5).
func oneCodec(s blob.Store, _ *past) blob.Store {
	return store{Store: s, put: func(_ blob.Codec, b []byte) (blob.ID, error) { return s.Put(blob.Raw, b) }}
}

func losesEmpty(s blob.Store, _ *past) blob.Store {
	return store{Store: s, put: func(codec blob.Codec, b []byte) (blob.ID, error) {
		if len(b) == 0 {
			return blob.Sum(codec, b), nil
		}
		return s.Put(codec, b)
	}}
}

func anySize(s blob.Store, _ *past) blob.Store {
	return store{Store: s, put: func(codec blob.Codec, b []byte) (blob.ID, error) {
		return s.Put(codec, b[:min(len(b), blob.MaxSize)])
	}}
}

func refusesTwice(s blob.Store, _ *past) blob.Store {
	return store{Store: s, put: func(codec blob.Codec, b []byte) (blob.ID, error) {
		if _, err := s.Get(blob.Sum(codec, b)); err == nil {
			return blob.ID{}, errBroken
		}
		return s.Put(codec, b)
	}}
}

// keepsSlice remembers what Put was given (B24).
func keepsSlice(s blob.Store, p *past) blob.Store {
	return store{
		Store: s,
		put: func(codec blob.Codec, b []byte) (blob.ID, error) {
			p.blobs[blob.Sum(codec, b)] = b
			return s.Put(codec, b)
		},
		get: fromCache(s, p),
	}
}

// sharesSlice hands the same bytes to all who ask.
func sharesSlice(s blob.Store, p *past) blob.Store {
	return store{Store: s, get: func(id blob.ID) ([]byte, error) {
		if b, ok := p.blobs[id]; ok {
			return b, nil
		}
		b, err := s.Get(id)
		if err == nil {
			p.blobs[id] = b
		}
		return b, err
	}}
}

func fromCache(s blob.Store, p *past) func(blob.ID) ([]byte, error) {
	return func(id blob.ID) ([]byte, error) {
		if b, ok := p.blobs[id]; ok {
			return slices.Clone(b), nil
		}
		return s.Get(id)
	}
}

func takesAnyID(s blob.Store, _ *past) blob.Store {
	return store{Store: s, get: func(id blob.ID) ([]byte, error) {
		if id.Validate() != nil {
			return nil, blob.ErrNotFound
		}
		return s.Get(id)
	}}
}

func deletesFirst(s blob.Store, _ *past) blob.Store {
	return store{Store: s, delete: func(ids []blob.ID) error {
		for i := range ids {
			if err := s.Delete(ids[i : i+1]); err != nil {
				return err
			}
		}
		return nil
	}}
}

func takesAnyCodec(s blob.Store, _ *past) blob.Store {
	return store{Store: s, put: func(codec blob.Codec, b []byte) (blob.ID, error) {
		id, err := s.Put(codec, b)
		if errors.Is(err, blob.ErrBadID) {
			return blob.Sum(codec, b), nil
		}
		return id, err
	}}
}

func statSkips(s blob.Store, _ *past) blob.Store {
	return store{Store: s, stat: func(ids []blob.ID) ([]blob.Info, error) {
		infos, err := s.Stat(ids)
		return slices.DeleteFunc(infos, func(i blob.Info) bool { return i.Size < 0 }), err
	}}
}

func statSorts(s blob.Store, _ *past) blob.Store {
	return store{Store: s, stat: func(ids []blob.ID) ([]blob.Info, error) {
		return s.Stat(slices.SortedFunc(slices.Values(ids), blob.ID.Compare))
	}}
}

func statMany(s blob.Store, _ *past) blob.Store {
	return store{Store: s, stat: func(ids []blob.ID) ([]blob.Info, error) {
		return s.Stat(ids[:min(len(ids), blob.MaxBatch)])
	}}
}

func listsCursor(s blob.Store, _ *past) blob.Store {
	return store{Store: s, list: func(after blob.ID, max int) ([]blob.Info, error) {
		infos, err := s.List(after, max)
		if err == nil && !after.IsZero() && len(infos) > 0 {
			first, _ := s.Stat([]blob.ID{after})
			infos = append(first, infos[:len(infos)-1]...)
		}
		return infos, err
	}}
}

func listsMore(s blob.Store, _ *past) blob.Store {
	return store{Store: s, list: func(after blob.ID, max int) ([]blob.Info, error) {
		if max < 1 {
			return s.List(after, max)
		}
		return s.List(after, max+1)
	}}
}

func listsBackwards(s blob.Store, _ *past) blob.Store {
	return store{Store: s, list: func(after blob.ID, max int) ([]blob.Info, error) {
		infos, err := s.List(after, max)
		slices.Reverse(infos)
		return infos, err
	}}
}

func listsOnePage(s blob.Store, _ *past) blob.Store {
	return store{Store: s, list: func(after blob.ID, max int) ([]blob.Info, error) {
		if !after.IsZero() && max < blob.MaxBatch {
			return nil, nil
		}
		return s.List(after, max)
	}}
}

// listsByPlace goes on behind as many blobs as it has given, whatever was put or deleted
// in the meantime.
func listsByPlace(s blob.Store, p *past) blob.Store {
	return store{Store: s, list: func(after blob.ID, max int) ([]blob.Info, error) {
		if after.IsZero() {
			p.count = 0
		}
		infos, err := s.List(blob.ID{}, blob.MaxBatch)
		if err != nil {
			return nil, err
		}
		infos = infos[min(p.count, len(infos)):]
		infos = infos[:min(max, len(infos))]
		p.count += len(infos)
		return infos, nil
	}}
}

// cachesDeleted serves a blob from its cache after the collector has taken it (B25).
func cachesDeleted(s blob.Store, p *past) blob.Store {
	return store{Store: s, get: func(id blob.ID) ([]byte, error) {
		if b, ok := p.blobs[id]; ok {
			return slices.Clone(b), nil
		}
		b, err := s.Get(id)
		if err == nil {
			p.blobs[id] = slices.Clone(b)
		}
		return b, err
	}}
}

func neverDeletes(s blob.Store, _ *past) blob.Store {
	return store{Store: s, delete: func([]blob.ID) error { return nil }}
}

// cachesAbsence misses a blob that exists, for it was absent once (B25).
func cachesAbsence(s blob.Store, p *past) blob.Store {
	return store{Store: s, get: func(id blob.ID) ([]byte, error) {
		if _, ok := p.blobs[id]; ok {
			_, err := s.Get(blob.Sum(blob.Raw, []byte("nobody puts this")))
			return nil, err
		}
		b, err := s.Get(id)
		if errors.Is(err, blob.ErrNotFound) {
			p.blobs[id] = nil
		}
		return b, err
	}}
}

// cachesPut does not store again what it has stored once, deleted or not (B25).
func cachesPut(s blob.Store, p *past) blob.Store {
	return store{Store: s, put: func(codec blob.Codec, b []byte) (blob.ID, error) {
		id := blob.Sum(codec, b)
		if _, ok := p.blobs[id]; ok {
			return id, nil
		}
		p.blobs[id] = nil
		return s.Put(codec, b)
	}}
}

func forgets(_ blob.Store, _ *past) blob.Store { return blob.NewMemory() }

func neverSyncs(s blob.Store, _ *past) blob.Store {
	return store{Store: s, sync: func() error { return nil }}
}

// neverSyncsDeletes holds deletes back until a Sync is over.
func neverSyncsDeletes(s blob.Store, _ *past) blob.Store {
	var deleted []blob.ID
	return store{
		Store:  s,
		delete: func(ids []blob.ID) error { deleted = append(deleted, ids...); return blob.CheckBatch(ids) },
		sync:   func() error { err := s.Sync(); _ = s.Delete(deleted); deleted = nil; return err },
	}
}

// trustsTheFirst holds back the second Put of a blob until a Sync is over: it was made
// durable once.
func trustsTheFirst(s blob.Store, p *past) blob.Store {
	var late [][]byte
	return store{
		Store: s,
		put: func(codec blob.Codec, b []byte) (blob.ID, error) {
			id := blob.Sum(codec, b)
			if _, ok := p.blobs[id]; ok {
				late = append(late, slices.Clone(b))
				return id, nil
			}
			p.blobs[id] = nil
			return s.Put(codec, b)
		},
		sync: func() error {
			err := s.Sync()
			for _, b := range late {
				_, _ = s.Put(blob.Raw, b)
			}
			return err
		},
	}
}

// tears leaves a part of what was not synced, and serves it after the crash.
func tears(s blob.Store, p *past) blob.Store {
	return store{
		Store: s,
		put: func(codec blob.Codec, b []byte) (blob.ID, error) {
			p.blobs[blob.Sum(codec, b)] = slices.Clone(b[:len(b)/2])
			return s.Put(codec, b)
		},
		get: func(id blob.ID) ([]byte, error) {
			b, err := s.Get(id)
			if half, ok := p.blobs[id]; ok && errors.Is(err, blob.ErrNotFound) {
				return half, nil
			}
			return b, err
		},
	}
}

// neverVerifies returns what it finds, flipped bits and all (B3).
func neverVerifies(s blob.Store, p *past) blob.Store {
	return store{
		Store: s,
		put: func(codec blob.Codec, b []byte) (blob.ID, error) {
			p.blobs[blob.Sum(codec, b)] = slices.Clone(b)
			return s.Put(codec, b)
		},
		get: func(id blob.ID) ([]byte, error) {
			b, err := s.Get(id)
			if errors.Is(err, blob.ErrCorrupt) {
				b, err = slices.Clone(p.blobs[id]), nil
				b[0] ^= 1
			}
			return b, err
		},
	}
}

func hidesDamage(s blob.Store, p *past) blob.Store {
	return store{Store: s, list: func(after blob.ID, max int) ([]blob.Info, error) {
		infos, err := s.List(after, max)
		return slices.DeleteFunc(infos, func(i blob.Info) bool { return slices.Contains(p.damaged, i.ID) }), err
	}}
}

func damagedIsAbsent(s blob.Store, _ *past) blob.Store {
	return store{Store: s, get: func(id blob.ID) ([]byte, error) {
		b, err := s.Get(id)
		if errors.Is(err, blob.ErrCorrupt) {
			return nil, blob.ErrNotFound
		}
		return b, err
	}}
}

func damagedForEver(s blob.Store, p *past) blob.Store {
	return store{Store: s, get: func(id blob.ID) ([]byte, error) {
		b, err := s.Get(id)
		if err == nil && slices.Contains(p.damaged, id) {
			return nil, blob.ErrCorrupt
		}
		return b, err
	}}
}

// ignoresFailure swallows the error of a Sync (B11).
func ignoresFailure(s blob.Store, _ *past) blob.Store {
	return store{Store: s, sync: func() error { _ = s.Sync(); return nil }}
}

// retries calls the second Sync a success (B11).
func retries(s blob.Store, p *past) blob.Store {
	return store{Store: s, sync: func() error {
		if p.count++; p.count == 2 {
			return nil
		}
		return s.Sync()
	}}
}

func openWhenClosed(s blob.Store, _ *past) blob.Store {
	return store{Store: s, put: func(codec blob.Codec, b []byte) (blob.ID, error) {
		id, err := s.Put(codec, b)
		if errors.Is(err, blob.ErrClosed) {
			return blob.Sum(codec, b), nil
		}
		return id, err
	}}
}

// losesOneIn forgets each n-th Put.
func losesOneIn(n int) func(blob.Store, *past) blob.Store {
	return func(s blob.Store, p *past) blob.Store {
		return store{Store: s, put: func(codec blob.Codec, b []byte) (blob.ID, error) {
			p.mu.Lock()
			p.count++
			lost := p.count%n == 0
			p.mu.Unlock()
			if lost {
				return blob.Sum(codec, b), nil
			}
			return s.Put(codec, b)
		}}
	}
}
