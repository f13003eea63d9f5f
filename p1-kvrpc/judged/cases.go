package judged

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"dss.example/common/judge"
	"dss.example/common/kv"
	"dss.example/common/kvtest"
	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/common/sim/simkv"

	"dss.example/p1-kvrpc/table"
	"dss.example/p1-kvrpc/world"
)

// offered is what a table offers when it is solved up to a step.
var offered = map[string]kv.Cap{
	"p1.3": kv.CapAppend | kv.CapStat,
	"p1.4": kv.CapAppend | kv.CapStat | kv.CapCompare,
	"p1.5": kv.CapAppend | kv.CapStat | kv.CapCompare | kv.CapSessions,
	"p1.7": kv.CapAppend | kv.CapStat | kv.CapCompare | kv.CapSessions | kv.CapRevisions | kv.CapWatch,
	"p1.8": table.Offers().Has,
}

// caps is what a table offers at a step, with more.
func caps(step string, more kv.Cap) kv.Caps {
	c := table.Offers()
	c.Has = offered[step] | more
	return c
}

// placed is a case of kvtest with the first step that offers all that it uses.
type placed struct {
	name, step string
	rule       string

	// more is what the case is told that the table offers besides: revisions count
	// writes from the first step on, though the past can be read only later; and what
	// a case must not take for missing.
	more kv.Cap

	// real tells that the case can be run against a server that lives by the real
	// clock, because it lets no time pass.
	real bool
}

var placedCases = []placed{
	{name: "a key holds what was put last", step: "p1.3", real: true, rule: "Get returns the value of the last Put; Delete removes the key; a key that is not there is NotFound."},
	{name: "an empty value is not a missing key", step: "p1.3", real: true, rule: "A key may hold an empty value, and is there then."},
	{name: "keys of any bytes are in order of bytes", step: "p1.3", real: true, rule: "Keys are any bytes; a Scan lists them in the order of their bytes."},
	{name: "the largest key and value fit and one byte more does not", step: "p1.3", real: true, rule: "Keys up to kv.MaxKey and values up to kv.MaxValue bytes are kept, longer ones answer TooLarge and change nothing, appends included."},
	{name: "bad input is refused and changes nothing", step: "p1.3", rule: "What breaks the rules of the door is refused as Invalid or TooLarge, and changes nothing."},
	{name: "weaker levels are served", step: "p1.3", real: true, rule: "A read at a weaker level than the store's is served."},
	{name: "what is not offered is refused as unsupported", step: "p1.3", more: table.Offers().Has, real: true, rule: "A level that the store does not promise is refused as Unsupported."},
	{name: "the store keeps nothing of a request", step: "p1.3", rule: "The store copies the bytes of a request that it keeps."},
	{name: "the bytes of an answer belong to the caller", step: "p1.3", rule: "The store hands out copies: a caller that changes an answer changes nothing else."},
	{name: "an append adds to the end", step: "p1.3", real: true, rule: "Append adds to the end of a value, makes the key if there is none, and answers the length."},
	{name: "stat counts what the store holds", step: "p1.3", real: true, rule: "Stat counts the keys that are there."},
	{name: "equal stores have equal hashes", step: "p1.3", rule: "Two stores with the same items have the same hash, others have not."},
	{name: "each change makes one revision", step: "p1.3", more: kv.CapRevisions, real: true, rule: "Each operation that changes a key makes the revision one larger, any other leaves it; an item knows the revisions of its making and of its last write, and the number of its writes."},
	{name: "a scan finds the keys of its range with every flag", step: "p1.3", real: true, rule: "Scan lists the keys from From to before To, in either direction, with or without values, and counts them all."},
	{name: "pages of a scan make up the whole", step: "p1.3", real: true, rule: "Reading page after page finds every key once."},
	{name: "a scan without a limit is bounded", step: "p1.3", rule: "No Scan answers more than kv.MaxScan items; More tells that there are others."},
	{name: "random reads and writes are as the model's", step: "p1.3", real: true, rule: "Thousands of random reads and writes are answered as by the obvious store."},
	{name: "concurrent operations are linearizable", step: "p1.3", real: true, rule: "Callers at the same time see one order of all operations, which agrees with real time."},
	{name: "concurrent operations on one key are linearizable", step: "p1.3", real: true, rule: "Callers of one key see one order of all operations, which agrees with real time."},
	{name: "callers get their own answers", step: "p1.3", real: true, rule: "Each caller gets the answer to its own request."},
	{name: "concurrent appends are each done once", step: "p1.3", real: true, rule: "Each of many appends at the same time is found once in the value."},
	{name: "replicas converge when all is quiet", step: "p1.3", real: true, rule: "When nobody writes any more, all readers see the same."},
	{name: "a write reaches every server at last", step: "p1.3", real: true, rule: "What was written is seen by every reader."},
	{name: "session guarantees hold from server to server", step: "p1.3", real: true, rule: "A caller sees its own writes, and never an older state than before."},
	{name: "reads show a prefix of the writes", step: "p1.3", real: true, rule: "Whoever sees a write sees all writes before it."},

	{name: "cas writes only over the version it was told", step: "p1.4", real: true, rule: "CAS writes if the key's version is the one given, the zero version meaning no key; else it answers Conflict with the present item and changes nothing."},
	{name: "a key made anew has a new version", step: "p1.4", real: true, rule: "A key that was deleted and made again has another version: an old one does not match."},
	{name: "a transaction compares every property in every relation", step: "p1.4", real: true, rule: "Each property of a key can be compared in each relation; the branch that is taken agrees."},
	{name: "all conditions must hold", step: "p1.4", real: true, rule: "Then is done if all conditions hold, Else if one does not."},
	{name: "operations of a branch see those before them", step: "p1.4", real: true, rule: "The operations of a branch are done in order, each on what the one before it left."},
	{name: "a transaction makes one revision", step: "p1.4", more: kv.CapRevisions, real: true, rule: "A transaction makes one revision however much it writes, and none if it writes nothing."},
	{name: "a transaction that is refused does nothing", step: "p1.4", real: true, rule: "If one operation of a branch is refused, nothing of the transaction is done."},
	{name: "the largest transaction fits", step: "p1.4", rule: "A branch may have kv.MaxTxnOps operations."},
	{name: "no increment by compare and swap is lost", step: "p1.4", real: true, rule: "Callers that count by CAS lose no increment."},
	{name: "random appends, compares and transactions are as the model's", step: "p1.4", real: true, rule: "Thousands of random appends, compares and transactions are answered as by the obvious store."},

	{name: "a repeated request is executed once and answered alike", step: "p1.5", rule: "A request that comes again under its session and number is not executed again, and gets the answer that it got."},
	{name: "a request repeated at the same time is executed once", step: "p1.5", rule: "Copies of a request at the same time are executed once and answered alike."},
	{name: "a copy that comes after its answer was acknowledged is not executed", step: "p1.5", rule: "A copy of a request that was acknowledged answers Forgotten and is not executed."},
	{name: "answers are remembered until they are acknowledged", step: "p1.5", rule: "An answer is remembered until the client acknowledges it, not shorter."},
	{name: "a session that is not there is refused", step: "p1.5", rule: "A session that does not exist answers NoSession and executes nothing."},
	{name: "a closed session is gone", step: "p1.5", rule: "A session that was closed answers NoSession and executes nothing."},
	{name: "a session ends when it is not used, and not before", step: "p1.5", rule: "A session that nobody uses ends after its time to live; each use renews it."},
	{name: "a session holds so many answers and no more", step: "p1.5", rule: "With kv.MaxInFlight answers not acknowledged, one more request answers Overloaded, is not executed, and may be tried again."},
	{name: "numbers of a session may come in any order", step: "p1.5", rule: "The requests of a session are executed in whatever order they come."},
	{name: "random repetitions are as the model's", step: "p1.5", rule: "Thousands of random requests and copies of them are answered as by the obvious store."},

	{name: "old revisions can be read", step: "p1.7", real: true, rule: "Get and Scan at a revision of the past answer what stood there then."},
	{name: "a revision that is not yet is refused", step: "p1.7", real: true, rule: "A read at a revision of the future is refused."},
	{name: "what is older than the history is compacted", step: "p1.7", rule: "A read of a revision older than the history answers Compacted, never something wrong."},
	{name: "pages at one revision see nothing of later writes", step: "p1.7", real: true, rule: "Pages that are read at one revision make up the state of that revision, whatever is written meanwhile."},
	{name: "random reads of the past are as the model's", step: "p1.7", real: true, rule: "Thousands of random reads of the past are answered as by the obvious store."},
	{name: "a watch sees every change once and in order", step: "p1.7", real: true, rule: "A watch is told of every change of its keys once, in the order of revisions."},
	{name: "a watch goes on from where it stopped", step: "p1.7", real: true, rule: "A watch that goes on from where its last answer says misses nothing and sees nothing twice."},
	{name: "a watch from now on starts now", step: "p1.7", real: true, rule: "A watch without a beginning tells of what changes from now on."},
	{name: "events of one transaction stay together", step: "p1.7", real: true, rule: "The events of one revision come in one answer."},
	{name: "a waiting watch is woken by a change", step: "p1.7", rule: "A watch that waits is answered by the first change of its keys."},
	{name: "a watch waits no longer than it may", step: "p1.7", rule: "A watch that finds nothing is answered when its wait is over."},
	{name: "watchers beside writers miss nothing", step: "p1.7", rule: "Watchers at the same time as writers miss nothing."},

	{name: "a lease that is revoked takes its keys along", step: "p1.8", real: true, rule: "Revoke deletes the keys of the lease, and no others."},
	{name: "a lease ends when it is not kept alive, and not before", step: "p1.8", rule: "A lease that is not kept alive ends after its time to live, with its keys."},
	{name: "a lease that is kept alive lives on", step: "p1.8", rule: "KeepAlive gives a lease its whole time to live anew."},
	{name: "a key goes with the lease it was put under last", step: "p1.8", real: true, rule: "A key belongs to the lease of its last Put; an Append keeps it."},
	{name: "leases can be listed", step: "p1.8", real: true, rule: "Leases lists the leases in order, one of them with its keys."},
	{name: "what needs a lease that is not there is refused", step: "p1.8", real: true, rule: "A Put under a lease that does not exist answers NoLease and changes nothing."},
	{name: "the end of a lease is one revision with its deletions", step: "p1.8", rule: "The end of a lease makes one revision, in which all its keys are deleted; a watch sees them."},
	{name: "random leases are as the model's", step: "p1.8", real: true, rule: "Thousands of random operations with leases are answered as by the obvious store."},
	{name: "random operations of all kinds are as the model's", step: "p1.8", real: true, rule: "Thousands of random operations of all kinds are answered as by the obvious store."},
}

// caseOps is how many operations a random case does through the pipe, which costs
// ten times what it costs in one process.
const caseOps = 1500

// caseChecks are the cases of kvtest on the submission's table in the simulator: a
// perfect network, and a clock that costs nothing.
func caseChecks() (checks []judge.Check) {
	for _, p := range placedCases {
		checks = append(checks, judge.Check{Step: p.step, Name: p.name, Rule: p.rule, Run: func(t *judge.T) {
			t.Replay("go test ./p1-kvrpc/world -run '^TestTheTableInTheSimulator$/^%s$' -kvtest.seed=%d", strings.ReplaceAll(p.name, " ", "_"), t.Seed())
			offers := caps(p.step, p.more)
			find(p.name, offers).Do(t, kvtest.Settings{Seed: t.Seed(), Ops: caseOps}, tableWorlds(t, offers))
		}})
	}
	return checks
}

// find returns a case by its name.
func find(name string, offers kv.Caps) kvtest.Case {
	cases := kvtest.Cases(offers)
	i := slices.IndexFunc(cases, func(c kvtest.Case) bool { return c.Name == name })
	if i < 0 {
		panic(fmt.Sprintf("no case %q for a store that offers %v", name, offers.Has))
	}
	return cases[i]
}

// tableWorlds makes worlds around the submission's table, one after the other, and
// closes them when the check ends.
func tableWorlds(t *judge.T, offers kv.Caps) func() kvtest.World {
	far, seed := t.Far(world.Roles(), "sim", "-pipe"), t.Seed()
	return func() kvtest.World {
		w := simkv.New(alone(far, table.Config{FirstID: 1}), seed, offers, func(int) machine.Addr { return world.Server() }, machine.Second)
		seed++
		t.Cleanup(func() {
			if err := w.Err(); err != nil {
				t.Errorf("%v", err)
			}
			w.Close()
		})
		return hatched{w}
	}
}

// hatched is a world whose stores refuse what cannot travel, as the decoders in front
// of every real server do.
type hatched struct{ *simkv.World }

func (h hatched) Store(i int) kv.Store { return hatch{h.World.Store(i)} }

type hatch struct{ kv.Store }

func (h hatch) Do(ctx context.Context, req *kv.Request) *kv.Response {
	if bad := kv.Check(req); bad != nil {
		if req.Op == nil {
			return bad
		}
		if _, err := kv.DecodeRequest(req.AppendTo(nil)); err != nil {
			return bad
		}
	}
	return h.Store.Do(ctx, req)
}

// alone is a perfect world that holds the submission's table and nothing else.
func alone(far *judge.Far, config table.Config) *sim.Config {
	return &sim.Config{Scheduler: sim.Timed, Nodes: []sim.Node{{ID: world.Server().Node, Volatile: true, Roles: []sim.Role{
		{Name: world.RoleTable, Protocol: far.Protocol(world.RoleTable), Config: config.AppendTo(nil)},
	}}}}
}
