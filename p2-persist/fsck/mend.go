package fsck

import (
	"errors"
	"fmt"
	"path"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/pack"
)

// What mending does that depends on what else was found.
const (
	discard = "discard it by a compaction"
	remove  = "delete it"
)

// rest looks at the blobs that were not met, and decides what may be mended.
func (w *walk) rest() error {
	count, size := 0, int64(0)
	for after := (blob.ID{}); ; {
		infos, err := w.blobs.List(after, blob.MaxBatch)
		if err != nil {
			return err
		}
		for _, info := range infos {
			after = info.ID
			_, isMet := w.met[info.ID]
			switch {
			case isMet:
			case w.damaged[info.ID]:
				w.add(Finding{Kind: DamagedBlob, ID: info.ID, What: "no head leads to it, as far as can be told", Mend: remove})
			default:
				count, size = count+1, size+info.Size
			}
		}
		if len(infos) == 0 {
			break
		}
	}
	if w.isBlind {
		w.add(Finding{Kind: Unknown, What: "heads, or objects on the way from them, cannot be read: nobody knows what else they led to"})
	}
	if count > 0 {
		w.add(Finding{Kind: Unreachable, What: fmt.Sprintf("%d blobs of %d bytes, to which no head leads, as far as can be told", count, size)})
	}
	w.permit()
	return nil
}

// permit takes back what mending must not do: delete what may be needed, and discard what
// may be what is missing.
func (w *walk) permit() {
	isWhole := !w.isBlind && w.report.More == 0
	for _, f := range w.report.Findings {
		isWhole = isWhole && f.Kind != MissingBlob && (f.Kind != DamagedBlob || f.Where == "")
	}
	for i := range w.report.Findings {
		f := &w.report.Findings[i]
		if f.Mend == remove && w.isBlind || f.Mend == discard && !isWhole {
			f.Mend = ""
		}
	}
}

// mend does what the findings say, on the disk itself.
func (x *inspection) mend() (err error) {
	todo, toDiscard := map[Kind][]Finding{}, false
	for _, f := range x.report.Findings {
		if f.Mend != "" {
			todo[f.Kind] = append(todo[f.Kind], f)
			toDiscard = toDiscard || f.Mend == discard
		}
	}
	if len(todo) == 0 {
		return nil
	}
	fs := disk.FS{Disk: x.base}
	if err := removeFiles(fs, append(todo[TempFile], todo[BadIndex]...)); err != nil {
		return err
	}
	blobs, err := pack.Open(fs, blobsDir, pack.Options{}) // makes indexes, cuts the tail
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, blobs.Close()) }()
	for _, f := range todo[DamagedBlob] {
		if err := blobs.Delete([]blob.ID{f.ID}); err != nil {
			return err
		}
	}
	if err := blobs.Sync(); err != nil || !toDiscard {
		return err
	}
	return x.discard(blobs)
}

// removeFiles removes files while nobody has their directories open. Those that are not
// there are no error.
func removeFiles(fs disk.FS, files []Finding) error {
	for _, f := range files {
		dir := path.Dir(f.Where)
		lock, err := fs.Lock(dir + "/lock")
		if err != nil {
			return err
		}
		if err = fs.Remove(f.Where); err == nil {
			err = fs.SyncDir(dir)
		}
		if errors.Is(err, disk.NotFound) {
			err = nil
		}
		if err = errors.Join(err, lock.Close()); err != nil {
			return err
		}
	}
	return nil
}

// discard copies what is good out of the packs that hold damage, or out of all.
func (x *inspection) discard(blobs *pack.Store) error {
	o := pack.CompactOptions{Live: 1, Discard: true}
	if x.toCopyAll {
		o.Live = 2 // twice what a pack can hold
	}
	_, err := blobs.Compact(x.ctx, o)
	return err
}
