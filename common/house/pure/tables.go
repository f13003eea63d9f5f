package pure

// coreImports is what a core may import from outside the workspace.
var coreImports = []string{
	"bytes", "cmp", "container/heap", "crypto/sha256", "encoding/binary", "encoding/hex", "errors", "fmt", "hash",
	"hash/crc32", "hash/fnv", "iter", "maps", "math", "math/bits", "slices", "sort", "strconv", "strings",
	"unicode", "unicode/utf8",
	"github.com/fxamacker/cbor/v2", // a function of its arguments; what it remembers of types shows nowhere
	"github.com/tidwall/btree",
}

// impure are functions of those packages that a core may not use, with the
// reason.
var impure = map[string]string{
	"fmt.Print": "it writes to the world", "fmt.Printf": "it writes to the world", "fmt.Println": "it writes to the world",
	"fmt.Scan": "it reads from the world", "fmt.Scanf": "it reads from the world", "fmt.Scanln": "it reads from the world",
	"iter.Pull": "it starts a coroutine", "iter.Pull2": "it starts a coroutine",
	"maps.DeleteFunc": "it calls a function in the order of a map",
}

// pureReaders are functions of the standard library that only read the slice or
// map that they are given, and return no alias of it.
var pureReaders = []string{
	"slices.BinarySearch", "slices.BinarySearchFunc", "slices.Contains", "slices.ContainsFunc", "slices.Equal",
	"slices.Index", "slices.IndexFunc", "strings.Join", "maps.Keys",
}

// flowImports is what a flow may not import.
var flowImports = []string{"sync", "sync/atomic", "time"}

// flowCalls is what a flow may not call, with the reason.
var flowCalls = map[string]string{
	"context.WithTimeout": "it waits on the real clock", "context.WithTimeoutCause": "it waits on the real clock",
	"context.WithDeadline": "it waits on the real clock", "context.WithDeadlineCause": "it waits on the real clock",
	"context.AfterFunc": "it starts a goroutine",
	"iter.Pull":         "a flow is a coroutine already", "iter.Pull2": "a flow is a coroutine already",
}
