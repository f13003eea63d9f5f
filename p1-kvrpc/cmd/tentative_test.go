package cmd_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/wire"

	front "dss.example/p1-kvrpc/server"
)

// twins pretends to be two servers that take writes while they are cut off from each other:
// no more of them than kv can see. A token is how many writes its session has seen.
type twins struct {
	addrs [2]string

	mu     sync.Mutex // guards the following
	writes int
	has    [2]int // of the writes, each all up to one
	asked  []kv.Request
	at     []int // who was asked
	answer map[string]*kv.Response
}

// twin is one of them, as a server has it.
type twin struct {
	*twins
	me int
}

func (twin) Offers() kv.Caps {
	return kv.Caps{Stage: 3, Level: kv.Session, Has: kv.CapTentative | kv.CapProbe}
}

func (w twin) Do(_ context.Context, req *kv.Request) *kv.Response {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, open := req.Op.(kv.OpenSession); open {
		return kv.Refuse(kv.Unsupported, "no sessions")
	}
	w.asked, w.at = append(w.asked, *req), append(w.at, w.me)
	seen, _ := strconv.Atoi(string(req.Token))
	if seen > w.has[w.me] {
		no := kv.Refuse(kv.Unsatisfied, "write %d is not known here", seen)
		no.Try = w.addrs[1-w.me]
		return no
	}
	resp := &kv.Response{Status: kv.OK, Rev: kv.Version{Hi: 3, Lo: 7}}
	if canned := w.answer[kv.OpName(req.Op)]; canned != nil {
		resp = canned.Clone()
	}
	if !kv.ReadOnly(req.Op) {
		w.writes++
		w.has[w.me] = w.writes
	}
	resp.Token = []byte(strconv.Itoa(max(seen, w.has[w.me])))
	return resp
}

// newTwins serves both until the test has ended.
func newTwins(t testing.TB) *twins {
	w := &twins{answer: map[string]*kv.Response{
		"get":  {Status: kv.OK, Result: kv.Item{Key: "k", Value: []byte("v")}},
		"scan": {Status: kv.OK, Result: kv.Items{}},
	}}
	var listeners [2]net.Listener
	for i := range listeners {
		ln, err := wire.Listen("127.0.0.1:0")
		require.NoError(t, err)
		listeners[i], w.addrs[i] = ln, ln.Addr().String()
	}
	for i, ln := range listeners {
		srv := front.New(twin{w, i}, false, wire.ServerOptions{})
		served := make(chan error, 1)
		go func() { served <- srv.Serve(ln) }()
		t.Cleanup(func() {
			require.NoError(t, srv.Close())
			require.NoError(t, <-served)
		})
	}
	return w
}

// set changes what the servers know, or answer.
func (w *twins) set(change func(*twins)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

// last returns what was asked last, and of whom.
func (w *twins) last() (kv.Request, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[len(w.asked)-1], w.at[len(w.at)-1] + 1
}

// kv runs kv with the addresses of some of the servers, of 1 and 2, in that order.
func (w *twins) kv(t testing.TB, servers []int, args ...string) result {
	t.Helper()
	var addrs []string
	for _, i := range servers {
		addrs = append(addrs, w.addrs[i-1])
	}
	return run(t, "kv", append([]string{"-s", strings.Join(addrs, ",")}, args...)...)
}

// said requires what kv prints when it asks the first server.
func (w *twins) said(t testing.TB, want result, args ...string) {
	t.Helper()
	require.Empty(t, cmp.Diff(want, w.kv(t, []int{1}, args...), cmp.AllowUnexported(result{})))
}

func TestStableReadsAskForAPrefix(t *testing.T) {
	w := newTwins(t)
	w.set(func(w *twins) { w.answer["conflicts"] = &kv.Response{Status: kv.OK, Result: kv.ConflictList{}} })
	for _, c := range []struct {
		args []string
		want kv.Level
	}{
		{[]string{"get", "k"}, kv.LevelDefault},
		{[]string{"-stable", "get", "k"}, kv.Prefix},
		{[]string{"get", "k", "-stable"}, kv.Prefix},
		{[]string{"-stable", "scan"}, kv.Prefix},
		{[]string{"-stable", "-level", "prefix", "scan", "-count"}, kv.Prefix},
		{[]string{"-stable", "conflicts"}, kv.Prefix},
		{[]string{"-level", "eventual", "get", "k"}, kv.Eventual},
	} {
		r := w.kv(t, []int{1}, c.args...)
		require.Zero(t, r.code, "%q: %+v", c.args, r)
		req, _ := w.last()
		require.Equal(t, c.want, req.Level, "%q", c.args)
	}
}

func TestASessionGoesOnFromRunToRun(t *testing.T) {
	w := newTwins(t)
	file := filepath.Join(t.TempDir(), "session")
	w.said(t, result{out: "ok rev 3.7\n"}, "-session", file, "put", "k", "v")

	require.Equal(t, result{
		err: "kv put: no server satisfies the session's guarantees: write 1 is not known here\n", code: 1,
	}, w.kv(t, []int{2}, "-session", file, "-mode", "at-most-once", "put", "k", "v"))

	r := w.kv(t, []int{2, 1}, "-session", file, "get", "k")
	require.Equal(t, result{out: "v\n"}, r)
	_, who := w.last()
	require.Equal(t, 1, who, "the second server has named the first")

	require.Equal(t, result{out: "v\n"}, w.kv(t, []int{2}, "get", "k"), "without the session")

	w.set(func(w *twins) { w.has[1] = 1 })
	require.Equal(t, result{out: "v\n"}, w.kv(t, []int{2}, "-session", file, "get", "k"))
	require.Equal(t, result{out: "ok rev 3.7\n"}, w.kv(t, []int{2}, "-session", file, "put", "k", "v"))
	req, _ := w.last()
	require.Equal(t, "1", string(req.Token), "what was read and written before")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "kv session default\nMg==\n", string(text))
	left, err := filepath.Glob(file + "*")
	require.NoError(t, err)
	require.Equal(t, []string{file}, left, "nothing half written")
}

func TestWhatASessionWaitsForMayArrive(t *testing.T) {
	w := newTwins(t)
	file := filepath.Join(t.TempDir(), "session")
	w.said(t, result{out: "ok rev 3.7\n"}, "-session", file, "put", "k", "v")
	p := launch(t, nil, "kv", "-s", w.addrs[1], "-session", file, "-timeout", "1h", "get", "k")
	require.Eventually(t, func() bool {
		_, who := w.last()
		return who == 2
	}, patience, time.Millisecond)
	w.set(func(w *twins) { w.has[1] = 1 })
	require.Equal(t, result{out: "v\n"}, p.wait())
}

func TestASessionIsKeptAlsoWhenNothingWasFound(t *testing.T) {
	w := newTwins(t)
	w.set(func(w *twins) {
		w.writes, w.has[0] = 5, 5
		w.answer["get"] = kv.Refuse(kv.NotFound, "")
	})
	file := filepath.Join(t.TempDir(), "session")
	w.said(t, result{err: "kv get: no such key\n", code: 1}, "-session", file, "get", "k")
	w.kv(t, []int{1}, "-session", file, "get", "k")
	req, _ := w.last()
	require.Equal(t, "5", string(req.Token))
}

func TestASessionBeginsWithItsGuarantees(t *testing.T) {
	w := newTwins(t)
	dir := t.TempDir()
	begin := func(args ...string) string {
		r := w.kv(t, []int{1}, append(args, "-session", filepath.Join(dir, fmt.Sprint(len(args), args)), "get", "k")...)
		require.Zero(t, r.code, "%+v", r)
		req, _ := w.last()
		return string(req.Token)
	}
	require.Equal(t, "", begin())
	require.Equal(t, "\x03", begin("-guarantees", "ryw,mr"))
	require.Equal(t, "\x0f", begin("-guarantees", "ryw,mr,wfr,mw"))
	require.Equal(t, "\x00", begin("-guarantees", "none"))

	empty := filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	require.Zero(t, w.kv(t, []int{1}, "-session", empty, "-guarantees", "mw,ryw", "put", "k", "v").code)
	require.Zero(t, w.kv(t, []int{1}, "-session", empty, "-guarantees", "ryw,mw", "get", "k").code, "the same")
	require.Zero(t, w.kv(t, []int{1}, "-session", empty, "get", "k").code)
	w.said(t, result{
		err: "kv get: the session in " + empty + " was begun with -guarantees ryw,mw: want these, none, or another file\n", code: 2,
	}, "-session", empty, "-guarantees", "mr", "get", "k")
}

func TestAFileThatHoldsNoSessionIsLeftAlone(t *testing.T) {
	w := newTwins(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"notes": "buy milk\n", "cut": "kv session default", "odd": "kv session default\n???\n",
		"long": "kv session default\n" + strings.Repeat("AAAA", 1500), "huge": strings.Repeat("x", 1<<20),
	} {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		r := w.kv(t, []int{1}, "-session", file, "put", "k", "v")
		if name == "cut" {
			require.Zero(t, r.code, "a session that has seen nothing")
			continue
		}
		require.Equal(t, 1, r.code, name)
		require.Contains(t, r.err, "kv put: session: ")
		require.Contains(t, r.err, file)
		now, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, text, string(now))
	}
	r := w.kv(t, []int{1}, "-session", filepath.Join(dir, "missing", "session"), "put", "k", "v")
	require.Equal(t, 1, r.code)
	w.set(func(w *twins) { require.Equal(t, 1, w.writes, "who cannot keep its session asks for nothing") })
}

func TestAGuardedWriteSendsItsProgramsAndTellsItsFate(t *testing.T) {
	w := newTwins(t)
	for _, fate := range []kv.Fate{kv.Applied, kv.Merged, kv.Unresolved} {
		w.set(func(w *twins) {
			w.answer["guarded"] = &kv.Response{Status: kv.OK, Rev: kv.Version{Hi: 3, Lo: 7}, Result: kv.GuardedResult{Fate: fate}}
		})
		w.said(t, result{out: fmt.Sprintf("ok %v rev 3.7\n", fate)}, "guarded", "-if", "c", "put", "k", "v")
		w.said(t, result{out: fmt.Sprintf(`{"fate":"%v","rev":"3.7","stable":false}`+"\n", fate)}, "-json", "guarded", "-else", "m")
	}
	merge := filepath.Join(t.TempDir(), "merge.star")
	require.NoError(t, os.WriteFile(merge, []byte("def merge(db, update):\n  pass\n"), 0o600))
	p := launch(t, strings.NewReader("from outside"), "kv", "-s", w.addrs[0], "guarded", "-if", `db.get("a") == None`, "-else", "@"+merge,
		"put", "a", "-", "del", "b", "put", "c", "3")
	require.Zero(t, p.wait().code)
	req, _ := w.last()
	require.Empty(t, cmp.Diff(kv.Guarded{
		If:   `db.get("a") == None`,
		Then: []kv.Op{kv.Put{Key: "a", Value: []byte("from outside")}, kv.Delete{Key: "b"}, kv.Put{Key: "c", Value: []byte("3")}},
		Else: "def merge(db, update):\n  pass\n",
	}, req.Op))
	require.NoError(t, os.WriteFile(merge, make([]byte, kv.MaxProgram+1), 0o600))
	w.said(t, result{err: "kv guarded: too large: " + merge + " is longer than 65536 bytes\n", code: 1}, "guarded", "-else", "@"+merge)
}

func TestAWriteToServersWithoutSessionsIsSentOnce(t *testing.T) {
	w := newTwins(t)
	w.set(func(w *twins) { w.answer["put"] = kv.Refuse(kv.Maybe, "the disk is slow") })
	w.said(t, result{err: "kv put: outcome unknown: the disk is slow\n", code: 3}, "put", "k", "v")
	w.set(func(w *twins) { require.Equal(t, 1, w.writes) })
}

func TestBenchFillsAStoreWithoutTransactions(t *testing.T) {
	w := newTwins(t)
	r := w.kv(t, []int{1}, "-json", "bench", "-callers", "1", "-keys", "10", "-for", "10ms", "-warmup", "1ms", "-reads", "0")
	require.Zero(t, r.code, "%+v", r)
	w.set(func(w *twins) {
		for i := range 10 {
			require.Equal(t, kv.Put{Key: fmt.Sprintf("bench/%08d", i), Value: make([]byte, 100)}, w.asked[i].Op)
		}
	})
}

func TestAnInquiryTellsWhetherAWriteIsStable(t *testing.T) {
	w := newTwins(t)
	for _, c := range []struct {
		s          kv.Standing
		text, json string
		code       int
	}{
		{kv.Standing{Known: true, Stable: true, Commit: 17}, "stable\tcommit 17\n", `{"known":true,"stable":true,"commit":17}`, 0},
		{kv.Standing{Known: true, Stable: true}, "stable\n", `{"known":true,"stable":true}`, 0},
		{kv.Standing{Known: true}, "tentative\n", `{"known":true,"stable":false}`, 0},
		{kv.Standing{}, "unknown\n", `{"known":false,"stable":false}`, 1},
	} {
		w.set(func(w *twins) { w.answer["inquire"] = &kv.Response{Status: kv.OK, Result: c.s} })
		w.said(t, result{out: c.text, code: c.code}, "inquire", "3.7")
		w.said(t, result{out: c.json + "\n", code: c.code}, "-json", "inquire", "3.7")
	}
	req, _ := w.last()
	require.Equal(t, kv.Inquire{Write: kv.Version{Hi: 3, Lo: 7}}, req.Op)
}

// pager answers Conflicts with one conflict a page.
type pager struct {
	twin
	all []kv.Conflicted
}

func (p pager) Do(ctx context.Context, req *kv.Request) *kv.Response {
	op, ok := req.Op.(kv.Conflicts)
	if !ok {
		return p.twin.Do(ctx, req)
	}
	next := 0
	for next < len(p.all) && !op.After.IsZero() && p.all[next].Write != op.After {
		next++
	}
	if !op.After.IsZero() {
		next++
	}
	return &kv.Response{Status: kv.OK, Result: kv.ConflictList{List: p.all[next : next+1], More: next+1 < len(p.all)}}
}

func TestConflictsArePrintedPageByPage(t *testing.T) {
	store := pager{twin{&twins{}, 0}, []kv.Conflicted{
		{Write: kv.Version{Hi: 3, Lo: 7}, Server: "0.1", Text: "taken by\nAda", Then: []kv.Op{kv.Put{Key: "room/9", Value: []byte("Bob")}, kv.Delete{Key: "x y"}}, Stable: true},
		{Write: kv.Version{Hi: 4, Lo: 1}, Server: "0", Text: "why", Then: []kv.Op{kv.Put{Key: "\xff", Value: []byte("\xfe")}}},
		{Write: kv.Version{Hi: 4, Lo: 9}, Server: "0.2", Text: "its procedure alone"},
	}}
	ln, err := wire.Listen("127.0.0.1:0")
	require.NoError(t, err)
	srv := front.New(store, false, wire.ServerOptions{})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	defer func() {
		require.NoError(t, srv.Close())
		require.NoError(t, <-served)
	}()
	require.Empty(t, cmp.Diff("3.7\tstable\t0.1\ttaken by Ada\tput room/9=Bob\tdelete \"x y\"\n"+
		"4.1\ttentative\t0\twhy\tput \"\\xff\"=\"\\xfe\"\n"+
		"4.9\ttentative\t0.2\tits procedure alone\n", done(t, "kv", "-s", ln.Addr().String(), "conflicts")))
	require.Empty(t, cmp.Diff(`{"rev":"3.7","stable":true,"server":"0.1","why":"taken by\nAda","steps":[{"step":"put","item":{"key":"room/9","value":"Bob"}},{"step":"del","item":{"key":"x y"}}]}
{"rev":"4.1","stable":false,"server":"0","why":"why","steps":[{"step":"put","item":{"key_base64":"/w==","value_base64":"/g=="}}]}
{"rev":"4.9","stable":false,"server":"0.2","why":"its procedure alone","steps":[]}
`, done(t, "kv", "-s", ln.Addr().String(), "-json", "conflicts")))
}

func TestAProbeTellsHowFarTheOthersAre(t *testing.T) {
	w := newTwins(t)
	w.set(func(w *twins) {
		w.answer["probe"] = &kv.Response{Status: kv.OK, Result: kv.Distances{Asked: 1, Zone: "west", List: []kv.Distance{
			{ID: 2, Addr: "127.0.0.1:7002", Zone: "west", Up: true, RTT: 1500 * time.Microsecond, Chosen: true},
			{ID: 3, Addr: "127.0.0.1:7003", Zone: "east"},
		}}}
	})
	w.said(t, result{out: "server 1\tzone west\n2\t127.0.0.1:7002\twest\t1.5ms\tup\tchosen\n3\t127.0.0.1:7003\teast\t-\tdown\n"}, "probe")
	w.said(t, result{out: `{"asked":1,"zone":"west","servers":[{"id":2,"addr":"127.0.0.1:7002","zone":"west","rtt":"1.5ms","up":true,"chosen":true},` +
		`{"id":3,"addr":"127.0.0.1:7003","zone":"east","up":false,"chosen":false}]}` + "\n"}, "-json", "probe")
}
