package house

// All that has to be told to the rules stands on this page.

const root = "dss.example/" // every module path starts with it

// modules are the directories of the workspace's modules, the stages in order.
var (
	stages  = []string{"p1-kvrpc", "p2-persist", "p3-replication", "p4-consensus", "p5-sharedlog"}
	modules = append([]string{"common", "common/course"}, stages...)
)

// outside are modules of the tree that go.work does not use, so that what they
// depend on never raises a version of the workspace. They may require anything, all
// stages too: they measure and compare, and nothing leans on them.
var outside = []string{"common/bench", "p2-persist/oracle"}

// topLevel are the names that the root may hold beside the stages and dot files.
var topLevel = []string{
	"common", "go.work", "go.work.sum", "Makefile", "README.md", "LICENSE", "DECISIONS.md",
}

// approved are the modules that the workspace may import. Independent oracles,
// peers of the benchmarks and the S3 server stay in modules outside it.
var approved = []string{
	"github.com/anishathalye/porcupine",
	"github.com/aws/aws-sdk-go-v2",
	"github.com/aws/smithy-go",
	"github.com/fxamacker/cbor/v2",
	"github.com/google/go-cmp",
	"github.com/johannesboyne/gofakes3",
	"github.com/nats-io/nats-server/v2",
	"github.com/nats-io/nats.go",
	"github.com/rogpeppe/go-internal",
	"github.com/stretchr/testify",
	"github.com/tidwall/btree",
	"github.com/versity/versitygw",
	"go.starlark.net",
	"go.uber.org/goleak",
	"go.yaml.in/yaml/v3",
	"golang.org/x/sync",
	"golang.org/x/tools",
	"pgregory.net/rapid",
}

// cores are the packages that R4 binds, with all that lies under them.
var cores = []string{
	"common/app", "common/cbor", "common/machine", "common/sim/toys",
	"p1-kvrpc/session", "p1-kvrpc/table",
	"p2-persist/durable", "p2-persist/object", "p2-persist/tree",
	"p3-replication/bayou", "p3-replication/gossip", "p3-replication/vector",
	"p3-replication/topology/overlay", "p3-replication/topology/probe", "p3-replication/topology/proto",
	"p4-consensus/logs",
	"p4-consensus/lock", "p4-consensus/paxos",
	"p5-sharedlog/sequencer", "p5-sharedlog/unit",
}

// nouns are what cores may import beside cores: packages of plain values.
var nouns = []string{"common/blob", "common/kv", "common/loglet"}

// flows are the packages that R5 binds, and not R4, with all that lies under them.
var flows = []string{"common/sim/toys/chain", "p5-sharedlog/corfu", "p5-sharedlog/tango", "p5-sharedlog/virtual"}

// scaffolds are files that lie beside a core or flow and are no part of it: they
// set up its world, for commands and tests. Patterns of path.Match.
var scaffolds = []string{"common/sim/toys/*/world.go", "p4-consensus/paxos/single/world.go"}

// graders are packages whose tests build other programs and judge them from outside,
// which takes minutes. The race detector sees nothing of those programs; for the little
// that graders do at once themselves a nightly run is enough. Patterns of path.Match.
var graders = []string{"common/course/*", "common/course/cmd/*", "p?-*/judged", "p?-*/cmd/judge"}

// Budgets. Lines of packages are lines of code: not tests, comments or blanks.
const (
	maxFileLines = 500
	maxFuncLines = 80
	maxOpenLines = 40
	coreBudget   = 1500
	commonBudget = 800
	simBudget    = 2500
)

// overruns are packages, files, and functions ("path Name") that may exceed their
// budget, up to max, and why.
var overruns = map[string]struct {
	max int
	why string
}{
	"common/bench/harness": {980, "the rounds, the verdicts, and how they are told"},
	"common/bench/stage3":  {1150, "five peers, two of them in Go, and four loads"},
	"common/bench/stage4":  {1700, "five peers, each with its own way to be three replicas"},
	"common/check":         {2200, "one judge for each promise, and their witnesses and pictures"},
	"common/demo":          {950, "the words and pictures of a demonstration"},
	"common/disk":          {1850, "the calls, the real disk, and its twin that knows what a crash would leave"},
	"common/faultproxy":    {1200, "every fault of a link, in frames and in bytes"},
	"common/house":         {900, "a line for everything that has to be told to the rules"},
	"common/kv":            {2500, "all nouns of the door, their bytes by hand, and the typed client"},
	"common/loglettest":    {1400, "a conformance suite is mostly its cases"},
	"common/kvtest":        {2700, "a conformance suite is mostly its cases"},
	"common/run":           {1450, "both owners of a machine, group commit, links and flows"},
	"common/sim":           {2900, "the worlds, the faults of networks and disks, the judge's pipe and shrinking"},
	"common/sim/explore":   {1500, "the search, and the interning that spares it a clone of a student's state"},
	"common/wire":          {2600, "both halves around net/rpc, frames between peers, TLS"},
	"p3-replication/bayou": {2000, "the order of writes, its sessions, births and requests are one state"},
	"p4-consensus/paxos":   {2000, "acceptor, proposer, learner, reads, members and snapshots know of each other"},
	"p1-kvrpc/table":       {1750, "versions, transactions, history, watches, leases and sessions are one state"},
}

// skipDirs are directories whose Go files the rules do not bind: they hold what
// is wrong on purpose.
var skipDirs = []string{"testdata", "mutants"}

// badTrees hold texts that break the text rule on purpose.
const badTrees = "common/house/testdata"
