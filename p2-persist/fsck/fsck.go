package fsck

import (
	"context"
	"errors"
	"slices"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/fsck/shadow"
)

// MaxFindings bounds the findings of a report.
const MaxFindings = 4096

// Kind says what sort of thing is wrong.
type Kind string

// The kinds. Where a finding of a kind is, is said behind it.
const (
	TempFile      Kind = "temporary file"         // its path
	StrangeFile   Kind = "strange file"           // its path; nothing reads it
	BadIndex      Kind = "index file"             // its path: missing, damaged, or it does not say what is in the pack
	LostPack      Kind = "lost pack"              // its path: only the index file is there
	TornTail      Kind = "torn tail"              // a path and an offset: what was never synced
	BadRecord     Kind = "damaged record"         // a path and an offset, with an ID if it can be told
	BadHead       Kind = "damaged head"           // its name, or the path of its file
	DamagedBlob   Kind = "damaged blob"           // a head and the way from it; empty: no head leads to it
	MissingBlob   Kind = "missing blob"           // a head and the way from it
	BadObject     Kind = "malformed object"       // this and the next four: a head and the way from it
	BadSnapshot   Kind = "malformed snapshot"     //
	BadDirectory  Kind = "malformed directory"    //
	BadFile       Kind = "malformed file"         //
	BadTree       Kind = "malformed tree"         //
	BadCheckpoint Kind = "checkpoint"             // the branch: the newest one cannot be read
	BadLog        Kind = "damaged log"            // a path and an offset
	Unreachable   Kind = "unreachable blobs"      // nowhere: they are no damage, and a collection takes them
	Unknown       Kind = "unknown what is needed" // nowhere: something on the way from the heads cannot be read
)

// IsHarmless tells whether findings of a kind are no damage: a crash, or good use, leaves
// such things behind.
func (k Kind) IsHarmless() bool {
	return slices.Contains([]Kind{TempFile, TornTail, Unreachable}, k)
}

// Finding is one thing that is wrong.
type Finding struct {
	Kind  Kind
	Where string  // see the kinds: "branch/main~2:doc/a.txt", "blobs/pack-0000000001 at byte 33"
	ID    blob.ID // of the blob that it is about; zero if it is not about one
	What  string  // what is wrong, in words
	Mend  string  // what mending does about it; empty: nothing
}

// Phase is how far a check is.
type Phase string

// The phases, in their order.
const (
	Files Phase = "files"
	Blobs Phase = "blobs"
	Heads Phase = "heads"
	Log   Phase = "log"
)

// Progress tells how far a check is. With Mend, or if a blob is not where an index file
// says, all is checked twice.
type Progress struct {
	Phase Phase
	Read  int64 // bytes read from the disk
	Blobs int   // verified
	Met   int   // blobs met on the way from the heads
}

// Options says how a Check goes about it.
type Options struct {
	Rate     int64          // bytes a second to read, about; 0: as fast as it can
	Progress func(Progress) // if any, is called at the begin of each phase, and now and then in it
	Mend     bool           // mend what can be mended, and check again
}

// Report is what a Check has found; with Mend, what is left to find.
type Report struct {
	Heads     int
	Snapshots int   // met on the way from the heads
	Blobs     int   // in the store
	Bytes     int64 // of the blobs that are good
	Findings  []Finding
	More      int       // findings beyond MaxFindings
	Mended    []Finding // what was found first, and is not any more
}

// IsHealthy tells whether all findings are harmless.
func (r Report) IsHealthy() bool {
	return r.More == 0 && !slices.ContainsFunc(r.Findings, func(f Finding) bool { return !f.Kind.IsHarmless() })
}

// Check reads all that stands on a disk and reports what is wrong with it. Damage is no
// error. Nobody else may have the store open. Errors: disk.Locked and wal.ErrLocked if
// somebody has; the disk's, when it cannot read or, for Mend, write; segment.ErrVersion;
// history.ErrTooMany; ctx's.
func Check(ctx context.Context, d disk.Disk, o Options) (Report, error) {
	first, err := inspect(ctx, d, o)
	if err != nil || !o.Mend {
		return first.report, err
	}
	if err := first.mend(); err != nil {
		return first.report, err
	}
	second, err := inspect(ctx, d, o)
	for _, f := range first.report.Findings {
		if !slices.ContainsFunc(second.report.Findings, func(g Finding) bool { return f.Kind == g.Kind && f.Where == g.Where && f.ID == g.ID }) {
			second.report.Mended = append(second.report.Mended, f)
		}
	}
	return second.report, err
}

// inspect checks once. If a blob is not where it should be an index file may have lied, so
// it asks the packs alone then, and believes them if they know another thing.
func inspect(ctx context.Context, d disk.Disk, o Options) (*inspection, error) {
	x, err := newInspection(ctx, d, o, false)
	if err != nil || !x.has(DamagedBlob) && !x.has(MissingBlob) {
		return x, err
	}
	again, err := newInspection(ctx, d, o, true)
	if err != nil || again.count(BadIndex) == x.count(BadIndex) {
		return x, err
	}
	return again, nil
}

// inspection is one look at a disk, through a shadow of it.
type inspection struct {
	ctx       context.Context
	base      disk.Disk
	o         Options
	shadow    *shadow.Disk
	fs        disk.FS // the shadow
	distrust  bool    // make index files anew of packs that are good
	progress  Progress
	report    Report
	toCopyAll bool // a pack is damaged where compaction sees nothing that is dead
}

func newInspection(ctx context.Context, d disk.Disk, o Options, distrust bool) (*inspection, error) {
	x := &inspection{ctx: ctx, base: d, o: o, distrust: distrust}
	var err error
	if x.shadow, err = shadow.New(d, x.pace); err != nil {
		return x, err
	}
	x.fs = disk.FS{Disk: x.shadow}
	return x, x.run()
}

// add adds a finding.
func (x *inspection) add(f Finding) {
	if len(x.report.Findings) == MaxFindings {
		x.report.More++
		return
	}
	x.report.Findings = append(x.report.Findings, f)
}

func (x *inspection) has(k Kind) bool { return x.count(k) > 0 }

func (x *inspection) count(k Kind) int {
	n := 0
	for _, f := range x.report.Findings {
		if f.Kind == k {
			n++
		}
	}
	return n
}

// enter begins a phase.
func (x *inspection) enter(p Phase) error {
	x.progress.Phase = p
	x.tell()
	return x.ctx.Err()
}

func (x *inspection) tell() {
	if x.o.Progress != nil {
		x.o.Progress(x.progress)
	}
}

// run goes through the phases. A disk that was told to stop by the context may have failed
// for that alone.
func (x *inspection) run() error {
	err := x.phases()
	if x.ctx.Err() != nil {
		err = x.ctx.Err()
	}
	return errors.Join(err, x.shadow.Close())
}
