package main

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"dss.example/common/blob"

	"dss.example/p2-persist/head"
	"dss.example/p2-persist/judged/pipe"
	"dss.example/p2-persist/pack"
)

func packVerbs() map[string]verb {
	return map[string]verb{
		"pack.open": packOpen, "pack.put": packPut, "pack.get": packGet, "pack.stat": packStat, "pack.list": packList, "pack.delete": packDelete,
		"pack.crowd": packCrowd, "pack.mark": packMark, "pack.sweep": packSweep, "pack.verify": packVerify,
		"pack.sync":  func(w *world, _ pipe.Message) (pipe.Message, error) { return texts(), w.pack.Sync() },
		"pack.close": func(w *world, _ pipe.Message) (pipe.Message, error) { return texts(), w.pack.Close() },
	}
}

// packOpen opens the store with packs of some size, and answers how many blobs and
// records it knows to be damaged.
func packOpen(w *world, m pipe.Message) (pipe.Message, error) {
	s, err := pack.Open(w.fs(), "blobs", pack.Options{PackSize: int64(m.Numbers[0])})
	if err != nil {
		return texts(), err
	}
	w.pack = s
	st := s.Stats()
	return numbers(uint64(st.Damaged), st.Lost), nil
}

// packPut puts a blob, and then spoils its own copy.
func packPut(w *world, m pipe.Message) (pipe.Message, error) {
	b := bytes.Clone(m.Bytes[0])
	id, err := w.pack.Put(blob.Codec(m.Numbers[0]), b)
	clear(b)
	return texts(id[:]), err
}

// packGet gets a blob and spoils what it got, twice: the second answer counts.
func packGet(w *world, m pipe.Message) (pipe.Message, error) {
	var id blob.ID
	copy(id[:], m.Bytes[0])
	b, err := w.pack.Get(id)
	if err != nil {
		return texts(), err
	}
	clear(b)
	b, err = w.pack.Get(id)
	return texts(b), err
}

// anyIDs takes names as they are, also those that are none.
func anyIDs(m pipe.Message) []blob.ID {
	ids := make([]blob.ID, len(m.Bytes))
	for i, b := range m.Bytes {
		copy(ids[i][:], b)
	}
	return ids
}

func packStat(w *world, m pipe.Message) (pipe.Message, error) { return told(w.pack.Stat(anyIDs(m))) }

func packList(w *world, m pipe.Message) (pipe.Message, error) {
	return told(w.pack.List(anyIDs(m)[0], int(int64(m.Numbers[0]))))
}

func told(all []blob.Info, err error) (pipe.Message, error) {
	var ids []blob.ID
	for _, in := range all {
		ids = append(ids, in.ID)
	}
	return pipe.Message{Numbers: sizes(all), Bytes: bytesOf(ids)}, err
}

func packDelete(w *world, m pipe.Message) (pipe.Message, error) {
	return texts(), w.pack.Delete(anyIDs(m))
}

// packCrowd puts and syncs each blob in a goroutine of its own, and tells the judge of
// each that is acknowledged.
func packCrowd(w *world, m pipe.Message) (pipe.Message, error) {
	var all sync.WaitGroup
	errs := make([]error, len(m.Bytes))
	for i, b := range m.Bytes {
		all.Go(func() {
			if _, errs[i] = w.pack.Put(blob.Raw, b); errs[i] != nil {
				return
			}
			if errs[i] = w.pack.Sync(); errs[i] == nil {
				errs[i] = w.done(uint64(i))
			}
		})
	}
	all.Wait()
	return texts(), errors.Join(errs...)
}

func packMark(w *world, _ pipe.Message) (answer pipe.Message, err error) {
	w.mark, err = w.pack.Mark()
	return answer, err
}

// packSweep sweeps what was not put since the mark, and is not among some names.
func packSweep(w *world, m pipe.Message) (pipe.Message, error) {
	live := map[blob.ID]bool{}
	for _, id := range anyIDs(m) {
		live[id] = true
	}
	st, err := w.pack.Sweep(context.Background(), w.mark, func(id blob.ID) bool { return live[id] }, pack.SweepOptions{})
	return numbers(uint64(st.Swept)), err
}

// packVerify answers the blobs that are damaged.
func packVerify(w *world, _ pipe.Message) (pipe.Message, error) {
	st, err := w.pack.Verify(context.Background(), pack.VerifyOptions{})
	return pipe.Message{Numbers: []uint64{uint64(st.Blobs)}, Bytes: bytesOf(st.Damaged)}, err
}

func headVerbs() map[string]verb {
	return map[string]verb{
		"head.open": headOpen, "head.get": headGet, "head.set": headSet, "head.list": headList,
		"head.delete": func(w *world, m pipe.Message) (pipe.Message, error) {
			return texts(), w.heads.Delete(string(m.Bytes[0]), m.Numbers[0])
		},
		"head.close": func(w *world, _ pipe.Message) (pipe.Message, error) { return texts(), w.heads.Close() },
	}
}

// headOpen opens the heads over the pack that is open, or else over the judge's blobs.
func headOpen(w *world, _ pipe.Message) (answer pipe.Message, err error) {
	var blobs head.Blobs = w.blobs()
	if w.pack != nil {
		blobs = w.pack
	}
	s, err := head.Open(w.fs(), "heads", blobs)
	if err == nil {
		w.heads = s
	}
	return answer, err
}

// heads is an answer of heads: a name and a blob, and a generation, of each.
func heads(all ...head.Head) (answer pipe.Message) {
	for _, h := range all {
		answer.Bytes = append(answer.Bytes, []byte(h.Name), bytes.Clone(h.ID[:]))
		answer.Numbers = append(answer.Numbers, h.Generation)
	}
	return answer
}

func headGet(w *world, m pipe.Message) (pipe.Message, error) {
	h, err := w.heads.Get(string(m.Bytes[0]))
	return heads(h), err
}

func headSet(w *world, m pipe.Message) (pipe.Message, error) {
	id, err := blob.ParseBytes(m.Bytes[1])
	if err != nil {
		return texts(), err
	}
	h, err := w.heads.Set(string(m.Bytes[0]), m.Numbers[0], id)
	return heads(h), err
}

func headList(w *world, _ pipe.Message) (pipe.Message, error) {
	all, err := w.heads.List()
	return heads(all...), err
}
