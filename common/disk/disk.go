// Package disk is a tree of files as data: every use of a disk is one [Call] with one
// [Result], plain values that can be counted, failed, recorded, and sent to a judge in
// another process.
//
// [Dir] is the real one, in a directory that it never leaves. [Memory] is the pretended
// one, which knows what would outlive a crash at any moment. What uses a disk takes a
// [Disk] and calls the methods of [FS] and [File] around it.
//
// # What a disk promises
//
// A write is seen by every later call at once. It is durable after a [Sync] of its file
// that was called after it and has returned OK. That a name was made, removed or renamed
// is durable after a [SyncDir] of its directory, and only then: the contents of a file
// that was synced are lost with a name that was not.
//
// What is not durable when the machine stops may be there afterwards, or not, or in
// part, each effect by itself and in any order. Only a rename is all or nothing: whoever
// opens the new name finds the old file or the new one. A rename from one directory to
// another is durable when both have been synced.
//
// After a Sync or SyncDir that did not return OK, nobody knows what is durable of all
// that came before it, and no later call can find out. Whoever sees it must stop.
package disk

// Disk carries out calls. It may be used from many goroutines at once.
type Disk interface {
	Do(c Call) Result
}

// Call is one use of a disk. Which fields an operation looks at stands at its name; the
// others are zero.
type Call struct {
	Op     Op
	Name   string // a path, see CheckName
	To     string // of Rename: the new path
	File   Handle
	Offset int64
	Size   int64
	Data   []byte // of Write; the disk does not keep it
}

// Result is what became of a call. All fields but Code are zero unless Code is OK, but
// for the Size of a Write that was cut short.
type Result struct {
	Code  Code
	File  Handle
	Size  int64
	Data  []byte   // of Read: the caller's own
	Names []string // of List
}

// Handle is an open file of one disk. It is never given out twice.
type Handle uint32

// Op is what a call asks for.
type Op uint8

// The operations.
const (
	Open        Op = iota + 1 // Name → File. A file that is there, to be read and written
	Create                    // Name → File. A file that is not there: else Exists
	Lock                      // Name → File. Open or Create, held by nobody else until Close or the process's end: else Locked
	Read                      // File, Offset, Size → Data, shorter than Size only at the end of the file; at most MaxData
	Write                     // File, Offset, Data → Size, bytes written. Offset is at most the file's size: a file has no holes
	Truncate                  // File, Size: cuts the file to Size bytes, at most its size
	Preallocate               // File, Size: makes the file at least Size bytes long, with zeros. Not at the same time as a Write at its end
	Sync                      // File: makes its bytes and its size durable
	Stat                      // File → Size
	Close                     // File: File is no handle any more, whatever Close returns
	Rename                    // Name, To: To is then what Name was, in one step; a file that To was is removed. Exists if To is a directory; WrongKind if only Name is one; BadCall if To is Name or below it
	Remove                    // Name: a file, or an empty directory. Who has the file open keeps it
	MakeDir                   // Name
	List                      // Name → Names in the directory, sorted, those of directories with a "/" behind them; TooMany if there are more than MaxNames
	SyncDir                   // Name: makes what happened to the names in the directory durable
)

// Bounds.
const (
	MaxData    = 8<<20 + 4<<10 // bytes read or written at once
	MaxName    = 255           // bytes of one element of a path
	MaxPath    = 1024          // bytes of a path
	MaxHandles = 1 << 16       // files open at once
	MaxNames   = 1 << 15       // names that List returns
)

// Code is how a call ended. Each but OK is an error by itself, for errors.Is.
type Code uint8

// How a call can end.
const (
	OK          Code = iota
	NotFound         // no such name, or its directory is none
	Exists           // the name is taken, or the directory is not empty
	NoSpace          // the disk is full; of a Write, Size bytes have been written
	IO               // the device failed; nobody knows what was done
	Locked           // another holds the lock
	BadName          // a name that breaks the rules of CheckName, or leads out of the tree
	BadHandle        // no open file
	BadCall          // arguments that the operation does not take: an offset past the end, more than MaxData, no such operation
	WrongKind        // a directory where a file is wanted, or the other way round
	Forbidden        // the system does not permit it
	TooMany          // MaxHandles files are open, or the system gives no more, or more than MaxNames names
	Unsupported      // the system cannot do it
	Dead             // the disk has crashed or was closed: nothing was done
)
