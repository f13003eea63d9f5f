package fsck

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/pack"
	"dss.example/p2-persist/segment"
	"dss.example/p2-persist/wal"
)

// Names of files, as the packages of the parts give them. A temporary file is disk.FS's.
const (
	blobsDir, headsDir, logDir = "blobs", "heads", "log"

	tempPrefix, packPrefix, indexPrefix, headPrefix = "~", "pack-", "idx-", "head-"
	walSuffix                                       = ".wal"
)

// phases goes through the phases.
func (x *inspection) phases() error {
	if err := x.enter(Files); err != nil {
		return err
	}
	if err := x.names(); err != nil {
		return err
	}
	if err := x.packs(); err != nil {
		return err
	}
	if err := x.store(); err != nil {
		return err
	}
	if err := x.enter(Log); err != nil {
		return err
	}
	return x.log()
}

// store looks at what the files hold.
func (x *inspection) store() (err error) {
	blobs, err := pack.Open(x.fs, blobsDir, pack.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, blobs.Close()) }()
	if err := x.indexes(); err != nil {
		return err
	}
	if err := x.enter(Blobs); err != nil {
		return err
	}
	verified, err := blobs.Verify(x.ctx, pack.VerifyOptions{Progress: func(st pack.VerifyStats) {
		x.progress.Blobs = st.Blobs
		x.tell()
	}})
	if err != nil {
		return err
	}
	x.report.Blobs, x.report.Bytes = verified.Blobs, verified.Bytes
	heads, err := x.openHeads(blobs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, heads.Close()) }()
	if err := x.enter(Heads); err != nil {
		return err
	}
	return x.reach(blobs, heads, verified)
}

// names looks at the names of all files.
func (x *inspection) names() error {
	for _, dir := range []string{blobsDir, headsDir, logDir} {
		names, err := x.list(dir)
		if err != nil {
			return err
		}
		for _, name := range names {
			path := dir + "/" + name
			switch {
			case strings.HasPrefix(name, tempPrefix) && !strings.HasSuffix(name, "/"):
				x.add(Finding{Kind: TempFile, Where: path, What: "an interrupted write has left it", Mend: "remove it"})
			case !isOurs(dir, name):
				x.add(Finding{Kind: StrangeFile, Where: path, What: "no part of the store gives a file that name"})
			}
		}
	}
	return nil
}

// isOurs tells whether a file's name is one that the owner of the directory looks at.
func isOurs(dir, name string) bool {
	if name == "lock" {
		return true
	}
	switch dir {
	case blobsDir:
		name = strings.TrimPrefix(strings.TrimPrefix(name, packPrefix), indexPrefix)
		_, err := strconv.ParseUint(name, 10, 31)
		return err == nil && len(name) == 10
	case headsDir:
		return name == "floor" || strings.HasPrefix(name, headPrefix)
	}
	return strings.HasSuffix(name, walSuffix)
}

// list returns the names in a directory, none if it is not there.
func (x *inspection) list(dir string) ([]string, error) {
	names, err := x.fs.List(dir)
	if errors.Is(err, disk.NotFound) {
		return nil, nil
	}
	return names, err
}

// packs reads all packs, record by record, and finds those that are lost.
func (x *inspection) packs() error {
	names, err := x.list(blobsDir)
	if err != nil {
		return err
	}
	last := ""
	for _, name := range names { // sorted
		if strings.HasPrefix(name, packPrefix) && isOurs(blobsDir, name) {
			last = name
		}
	}
	for _, name := range names {
		number, isIndex := strings.CutPrefix(name, indexPrefix)
		if isIndex && isOurs(blobsDir, name) && !slices.Contains(names, packPrefix+number) {
			x.add(Finding{Kind: LostPack, Where: blobsDir + "/" + packPrefix + number, What: "only its index file is there", Mend: discard})
		}
		number, isPack := strings.CutPrefix(name, packPrefix)
		if !isPack {
			continue
		}
		if !isOurs(blobsDir, name) {
			continue
		}
		isGood, err := x.pack(number, name == last)
		if err != nil {
			return err
		}
		if isGood && x.distrust && name != last {
			x.shadow.Do(disk.Call{Op: disk.Remove, Name: blobsDir + "/" + indexPrefix + number})
		}
	}
	return nil
}

// pack reads one pack and tells whether nothing is wrong with it.
func (x *inspection) pack(number string, isLast bool) (isGood bool, err error) {
	name := blobsDir + "/" + packPrefix + number
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return false, err
	}
	s, err := segment.Open(x.fs, name, segment.Header{Kind: 'P', First: n << 32})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	synced := int64(segment.MaxSize)
	if isLast {
		synced = 0
	}
	before := len(x.report.Findings) + x.report.More
	tail, err := s.Scan(synced, func(r segment.Record) error {
		if r.Damaged {
			x.add(x.damaged(name, r))
		}
		return x.ctx.Err()
	})
	if err != nil {
		return false, err
	}
	x.toCopyAll = x.toCopyAll || tail.Broken || tail.Torn > 0 && !isLast
	at := place(name, tail.End)
	switch {
	case tail.Broken:
		x.add(Finding{Kind: BadRecord, Where: at, What: "the file ends too early: records may be missing", Mend: discard})
	case tail.Torn > 0 && isLast:
		x.add(Finding{Kind: TornTail, Where: at, What: fmt.Sprintf("%d bytes that were never synced", tail.Torn), Mend: "cut it"})
	case tail.Torn > 0:
		x.add(Finding{Kind: BadRecord, Where: at, What: fmt.Sprintf("%d bytes behind the last record", tail.Torn), Mend: discard})
	}
	return len(x.report.Findings)+x.report.More == before, nil
}

func place(file string, offset int64) string { return fmt.Sprintf("%s at byte %d", file, offset) }

// damaged returns the finding of a stretch of a pack that does not check. If the record's
// label has been spared it tells which blob it is about.
func (x *inspection) damaged(name string, r segment.Record) Finding {
	f := Finding{Kind: BadRecord, Where: place(name, r.Offset), What: fmt.Sprintf("%d bytes do not check", r.Size), Mend: discard}
	const labelSize = blob.IDSize + 4
	if r.Offset == 0 {
		f.What, x.toCopyAll = "the header of the pack does not check", true
	}
	if r.Kind == 0 || r.Size < segment.HeadSize+labelSize {
		return f
	}
	file, err := x.fs.Open(name)
	if err != nil {
		return f
	}
	label, err := file.ReadFull(r.Offset+segment.HeadSize, labelSize)
	if errors.Join(err, file.Close()) != nil {
		return f
	}
	id, err := blob.ParseBytes(label[:blob.IDSize])
	sum := crc32.Checksum(label[:blob.IDSize], crc32.MakeTable(crc32.Castagnoli))
	if err == nil && sum == binary.LittleEndian.Uint32(label[blob.IDSize:]) {
		f.ID = id
	}
	return f
}

// indexes compares the index files with those that opening the store has made.
func (x *inspection) indexes() error {
	names, err := x.list(blobsDir)
	if err != nil {
		return err
	}
	base := disk.FS{Disk: x.base}
	for _, name := range names {
		path := blobsDir + "/" + name
		if !strings.HasPrefix(name, indexPrefix) || !isOurs(blobsDir, name) || x.shadow.IsSame(path) {
			continue
		}
		now, err := x.fs.ReadFile(path, math.MaxInt32)
		if err != nil {
			return err
		}
		f := Finding{Kind: BadIndex, Where: path, What: "it does not say what is in the pack", Mend: "make it anew from the pack"}
		was, err := base.ReadFile(path, len(now))
		switch {
		case errors.Is(err, disk.NotFound):
			f.What = "it is missing"
		case err != nil && !errors.Is(err, disk.ErrTooLarge):
			return err
		case err == nil && string(was) == string(now):
			continue
		}
		x.add(f)
	}
	return nil
}

// openHeads opens the heads. Without the floor, if that is damaged.
func (x *inspection) openHeads(blobs *pack.Store) (*head.Store, error) {
	heads, err := head.Open(x.fs, headsDir, blobs)
	if !errors.Is(err, head.ErrCorrupt) {
		return heads, err
	}
	x.add(Finding{Kind: BadHead, Where: headsDir + "/floor", What: err.Error() +
		": no head can be set; without it generations of heads that were deleted may come again"})
	if err := x.fs.Remove(headsDir + "/floor"); err != nil {
		return nil, err
	}
	return head.Open(x.fs, headsDir, blobs)
}

// damagedHeads adds what head.Store.List cannot read, file by file.
func (x *inspection) damagedHeads(heads *head.Store) error {
	names, err := x.list(headsDir)
	if err != nil {
		return err
	}
	for _, file := range names {
		escaped, isHead := strings.CutPrefix(file, headPrefix)
		if !isHead {
			continue
		}
		var broken *disk.Error
		name, bad := url.PathUnescape(escaped)
		if bad == nil {
			_, bad = heads.Get(name)
		}
		switch {
		case bad == nil:
		case errors.Is(bad, head.ErrCorrupt):
			x.add(Finding{Kind: BadHead, Where: name, What: bad.Error() + ": nobody knows where it led; delete it, or set it anew"})
		case errors.As(bad, &broken):
			return bad
		default: // it is not what the file of a head is called
			x.add(Finding{Kind: BadHead, Where: headsDir + "/" + file, What: "no head has such a file"})
		}
	}
	return nil
}

// log looks at the log, if there is one.
func (x *inspection) log() error {
	names, err := x.list(logDir)
	if err != nil || !slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, walSuffix) }) {
		return err
	}
	log, found, err := wal.Open(x.fs, logDir, wal.Options{})
	switch {
	case errors.Is(err, wal.ErrDamaged):
		x.add(Finding{Kind: BadLog, Where: logDir, What: err.Error()})
		return nil
	case err != nil:
		return err
	}
	for _, d := range found.Damage {
		what := fmt.Sprintf("%d bytes do not check", d.Size)
		if d.Lost > 0 {
			what = fmt.Sprintf("records %d to %d are lost", d.First, d.First+d.Lost-1)
		}
		x.add(Finding{Kind: BadLog, Where: place(d.File, d.Offset), What: what})
	}
	x.report.More += found.More
	if found.Torn > 0 {
		x.add(Finding{Kind: TornTail, Where: logDir, What: fmt.Sprintf("%d bytes at the end that were never synced; the server cuts them when it starts", found.Torn)})
	}
	return log.Close()
}

// pace counts bytes that are read, and waits until so many more may have been.
func (x *inspection) pace(bytes int) error {
	x.progress.Read += int64(bytes)
	if x.o.Rate <= 0 {
		return x.ctx.Err()
	}
	timer := time.NewTimer(time.Duration(float64(bytes) / float64(x.o.Rate) * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-x.ctx.Done():
	}
	return x.ctx.Err()
}
