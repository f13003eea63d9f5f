package kvtest

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/stretchr/testify/require"

	"dss.example/common/check"
	"dss.example/common/kv"
)

var levelCases = []entry{
	{name: "replicas converge when all is quiet", level: kv.Eventual, do: converges},
	{name: "a write reaches every server at last", level: kv.Eventual, do: spreads},
	{name: "session guarantees hold from server to server", level: kv.Session, do: guarantees},
	{name: "reads show a prefix of the writes", level: kv.Prefix, do: prefixes},
}

// servers is how many clients, each perhaps with a server of its own, a case about
// replicas looks at.
const servers = 5

func spreads(j *judge) {
	for i := range servers {
		j.mustAsk(kv.OK, kv.Request{Op: kv.Put{Key: "first", Value: []byte("x")}})
		j.w.Settle()
		resp := j.ask(i, kv.Request{Op: kv.Put{Key: fmt.Sprint(i), Value: fmt.Append(nil, i)}})
		require.Equal(j, kv.OK.String(), resp.Status.String(), resp.Detail)
	}
	j.w.Settle()
	for i := range servers {
		all := j.contents(i)
		for k := range servers {
			require.Equal(j, fmt.Sprint(k), all[fmt.Sprint(k)], "server %d, key of client %d", i, k)
		}
	}
}

// converges lets everybody write the same few keys and looks whether all agree on
// what became of it.
func converges(j *judge) {
	var rec check.Recorder
	for round := range 4 {
		seed := j.rng.Uint64()
		j.w.Parallel(servers, func(caller int) {
			rng := rand.New(rand.NewPCG(seed, uint64(caller)))
			for i := range max(j.ops/200, 5) {
				value := fmt.Append(nil, round, ".", caller, ".", i)
				op := kv.Op(kv.Put{Key: fmt.Sprint("key", rng.IntN(4)), Value: value})
				switch rng.IntN(6) {
				case 0:
					op = kv.Delete{Key: fmt.Sprint("key", rng.IntN(4))}
				case 1:
					op = kv.Get{Key: fmt.Sprint("key", rng.IntN(4))}
				case 2, 3:
					op = kv.Put{Key: fmt.Sprint("own", caller), Value: value}
				}
				j.note(&rec, caller, op)
			}
		})
		j.w.Settle()
		j.agree(rec.History())
	}
}

// agree checks what every server holds after Settle. Of the keys with one writer
// the last write must be there.
func (j *judge) agree(h check.History) {
	j.Helper()
	var finals [][]kv.Item
	var hashes [][]byte
	for i := range servers {
		finals = append(finals, j.mustAskAs(i, kv.OK, kv.Request{Op: kv.Scan{}}).Result.(kv.Items).List)
		if j.has(kv.CapStat) {
			hashes = append(hashes, j.mustAskAs(i, kv.OK, kv.Request{Op: kv.Stat{Hash: true}}).Result.(kv.Stats).Hash)
		}
	}
	require.NoError(j, check.Converged(finals))
	require.NoError(j, check.SameHash(hashes))
	var own check.History
	for _, o := range h {
		if put, ok := o.Req.Op.(kv.Put); ok && put.Key[0] == 'o' {
			own = append(own, o)
		}
	}
	require.NoError(j, check.NoLostWrites(own, finals[0]))
}

// roam lets sessions go from server to server with the token of their last answer
// and returns what they saw. A server that cannot serve a session now sends it on.
func (j *judge) roam(level kv.Level, next func(caller, i int, rng *rand.Rand) kv.Op) check.History {
	j.Helper()
	const callers = 4
	tokens, stuck := [callers][]byte{}, [callers]bool{}
	rec := j.recorded(callers, max(j.ops/20, 20), func(caller, i int, rng *rand.Rand, rec *check.Recorder) {
		server, op := rng.IntN(servers), next(caller, i, rng)
		for range patience {
			req := &kv.Request{Level: level, Token: tokens[caller], Op: op}
			resp := rec.Do(context.Background(), caller, j.w.Store(server), req)
			if resp.Token != nil {
				tokens[caller] = resp.Token
			}
			if resp.Status != kv.Unsatisfied && resp.Status != kv.Unavailable {
				return
			}
			server = (server + 1) % servers
			j.w.Sleep(pause)
		}
		stuck[caller] = true
	})
	require.Equal(j, [callers]bool{}, stuck, "sessions that no server would serve")
	return rec.History()
}

func guarantees(j *judge) {
	level := min(j.caps.Level, kv.Session)
	h := j.roam(level, func(caller, i int, rng *rand.Rand) kv.Op {
		key := fmt.Sprint("key", rng.IntN(3))
		switch rng.IntN(5) {
		case 0, 1:
			return kv.Put{Key: key, Value: fmt.Append(nil, caller, ".", i)}
		case 2:
			return kv.Scan{}
		}
		return kv.Get{Key: key}
	})
	require.NoError(j, check.ReadYourWrites(h))
	require.NoError(j, check.MonotonicReads(h))
	require.NoError(j, check.MonotonicWrites(h))
	require.NoError(j, check.WritesFollowReads(h))
}

// prefixes has one writer, so that the order of writes is known without revisions.
func prefixes(j *judge) {
	h := j.roam(kv.Prefix, func(caller, i int, rng *rand.Rand) kv.Op {
		key := fmt.Sprint("key", rng.IntN(3))
		if caller == 0 && rng.IntN(4) > 0 {
			if rng.IntN(5) == 0 {
				return kv.Delete{Key: key}
			}
			return kv.Put{Key: key, Value: fmt.Append(nil, i)}
		}
		if rng.IntN(2) == 0 {
			return kv.Scan{}
		}
		return kv.Get{Key: key}
	})
	require.NoError(j, check.Prefix(h, j.caps))
}
