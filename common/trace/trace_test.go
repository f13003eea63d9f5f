package trace_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"dss.example/common/machine"
	"dss.example/common/trace"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile("testdata/"+name, []byte(got), 0o644))
	}
	want, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), got))
}

var one, two, client = machine.Addr{Node: 1, Role: "acceptor"}, machine.Addr{Node: 2, Role: "acceptor"}, machine.Addr{Node: 11, Role: "proposer"}

// sample is a trace in which everything happens once.
func sample() []trace.Record {
	node := func(n machine.Node) machine.Addr { return machine.Addr{Node: n} }
	all := []trace.Record{
		{Addr: one, Kind: trace.Ready, Change: []string{"+ promised: 0"}},
		{Addr: client, Kind: trace.Ask, ID: 7, Data: `Propose{Value:"a"}`, Saved: []string{"Used{Ballot:1}"}, Sent: []trace.Sent{
			{ID: 1, To: one, Data: "Prepare{Ballot:1}"},
			{ID: 2, To: two, Data: "Prepare{Ballot:1}"},
			{ID: 3, To: client, After: 1500 * machine.Microsecond, Data: "Again{}"},
		}},
		{
			Addr: one, Kind: trace.Recv, From: client, Msg: 1, Data: "Prepare{Ballot:1}", Saved: []string{"Promised{Ballot:1}"},
			Sent: []trace.Sent{{ID: 4, To: client, Data: "Promise{Ballot:1}"}}, Change: []string{"- promised: 0", "+ promised: 1"},
		},
		{Addr: two, Kind: trace.Drop, From: client, Msg: 2, Data: "Prepare{Ballot:1}"},
		{Addr: one, Kind: trace.Duplicate, From: client, Msg: 1},
		{Addr: node(2), Kind: trace.Crash},
		{Addr: node(1), Kind: trace.Cut, From: node(11)},
		{
			Addr: client, Kind: trace.Recv, From: one, Msg: 4, Data: "Promise{Ballot:1}", Replied: []trace.Reply{{ID: 7, Data: "Chosen{}"}},
			Notes: []trace.Note{{Name: "chosen", Text: "a\x1b[2J"}}, Trim: 3,
		},
		{Addr: client, Kind: trace.Timer, Msg: 3, Data: "Again{}", Sent: []trace.Sent{{ID: 5, To: one, Data: "Prepare{Ballot:1}"}}},
		{Addr: node(2), Kind: trace.Restart},
		{Addr: two, Kind: trace.Load, Data: "Promised{Ballot:1}"},
		{Addr: node(1), Kind: trace.Heal, From: node(11)},
		{Addr: one, Kind: trace.Recv, From: client, Msg: 1, Data: "Prepare{Ballot:1}"},
		{Addr: node(1), Kind: trace.Pause},
		{Addr: client, Kind: trace.Cancel, ID: 7},
		{Addr: node(1), Kind: trace.Resume},
		{Addr: node(1), Kind: trace.Clock, Data: "jumps 5 s"},
		{Kind: trace.Violate, Data: "two values are chosen"},
	}
	for i := range all {
		all[i].N, all[i].At = i, machine.Time(i)*1250*machine.Microsecond
	}
	return all
}

func text(t *testing.T, records []trace.Record, opts trace.Options) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, trace.Print(&b, records, opts))
	return b.String()
}

func TestPrintShowsEveryKindOfRecordAndTheFateOfEachMessage(t *testing.T) {
	golden(t, "print.txt", text(t, sample(), trace.Options{Change: true}))
}

func TestPrintShowsOneNodeOrARange(t *testing.T) {
	golden(t, "print-node-2.txt", text(t, sample(), trace.Options{Node: 2}))
	require.Contains(t, text(t, sample(), trace.Options{Node: 11}), "cut: hears no more from 11") // both ends see it
	golden(t, "print-5-to-8.txt", text(t, sample(), trace.Options{From: 5, To: 8}))
}

func TestStepWalksForwardBackToANumberToATextAndOverOneNode(t *testing.T) {
	commands := []string{"n", "", "p", "12", "first", "/Promise{", "/promised: 2", "p", "p", "p", "node 2", "n", "n", "n", "n", "n", "node", "last", "n", "99", "what", "node x", "?", "q", "n"}
	var out strings.Builder
	require.NoError(t, trace.Step(strings.NewReader(strings.Join(commands, "\n")), &out, sample()))
	golden(t, "step.txt", out.String())
}

func TestStepEndsWithItsInputAndTellsOfABrokenOutput(t *testing.T) {
	require.NoError(t, trace.Step(strings.NewReader("n\nn"), io.Discard, sample()))
	require.NoError(t, trace.Step(strings.NewReader("n\np\nlast\n/x\n0"), io.Discard, nil))
	broken := errors.New("broken")
	require.ErrorIs(t, trace.Step(iotest.ErrReader(broken), io.Discard, sample()), broken)
	require.ErrorIs(t, trace.Step(strings.NewReader("n"), failing{broken}, sample()), broken)
	require.ErrorIs(t, trace.Print(failing{broken}, sample(), trace.Options{}), broken)
	require.ErrorIs(t, trace.HTML(failing{broken}, sample(), ""), broken)
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestAHostileRecordCannotSteerTheTerminal(t *testing.T) {
	evil := "\x1b]0;title\a\r\n\u202e\u2028\xff\u009b"
	addr := machine.Addr{Node: 1, Role: "a"}
	got := text(t, []trace.Record{{
		Kind: trace.Kind(evil), Addr: addr, Data: evil, Saved: []string{evil},
		Sent:  []trace.Sent{{ID: 1, To: machine.Addr{Node: 1, Role: evil}, Data: evil}},
		Notes: []trace.Note{{Name: evil, Text: evil}}, Change: []string{evil},
	}}, trace.Options{Change: true})
	require.Regexp(t, `^[ -~\n]*$`, got)
	require.Contains(t, got, `\x1b]0;title\x07\x0d\x0a\u202e\u2028`)
	got = text(t, []trace.Record{{Addr: machine.Addr{Role: evil}, Kind: trace.Recv, From: machine.Addr{Role: evil}}}, trace.Options{})
	require.Regexp(t, `^[ -~\n]*$`, got)
}

func write(t *testing.T, records []trace.Record) []byte {
	t.Helper()
	var b bytes.Buffer
	w := trace.NewWriter(&b)
	for i := range records {
		require.NoError(t, w.Write(&records[i]))
	}
	require.NoError(t, w.Flush())
	return b.Bytes()
}

func TestAWrittenTraceIsReadBack(t *testing.T) {
	b := write(t, sample())
	require.Equal(t, len(sample()), bytes.Count(b, []byte("\n")))
	got, err := trace.ReadAll(bytes.NewReader(b), 100)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(sample(), got))

	got, err = trace.ReadAll(bytes.NewReader(b[:len(b)-1]), 100) // no newline at the end
	require.NoError(t, err)
	require.Len(t, got, len(sample()))
}

func TestReadAllStopsAtItsLimitAndReadWhenItsCallerDoes(t *testing.T) {
	b := write(t, sample())
	got, err := trace.ReadAll(bytes.NewReader(b), 3)
	require.ErrorIs(t, err, trace.ErrTooMany)
	require.Len(t, got, 3)
	for r, err := range trace.Read(bytes.NewReader(b)) {
		require.NoError(t, err)
		require.Equal(t, 0, r.N)
		break
	}
}

func TestADamagedTraceIsReadUpToTheDamageWhichIsNamed(t *testing.T) {
	good := write(t, sample()[:2])
	for _, c := range []struct {
		tail string
		want error
	}{
		{"{\n", trace.ErrMalformed},
		{"\n", trace.ErrMalformed},
		{`{"n":"x"}`, trace.ErrMalformed},
		{`{"n":1}{"n":2}`, trace.ErrMalformed},
		{`{"n":1`, trace.ErrMalformed},
		{strings.Repeat(`[`, 1<<19), trace.ErrMalformed},
		{strings.Repeat(" ", trace.MaxLine) + "{}\n", trace.ErrTooLong},
		{`{"data":"` + strings.Repeat("x", trace.MaxLine), trace.ErrTooLong},
	} {
		got, err := trace.ReadAll(strings.NewReader(string(good)+c.tail), 10)
		require.ErrorIs(t, err, c.want)
		require.ErrorContains(t, err, "line 3")
		require.Len(t, got, 2)
	}
	broken := errors.New("broken")
	_, err := trace.ReadAll(io.MultiReader(bytes.NewReader(good), iotest.ErrReader(broken)), 10)
	require.ErrorIs(t, err, broken)
}

func TestAWriterLeavesOutWhatNoReaderTakes(t *testing.T) {
	var b bytes.Buffer
	w := trace.NewWriter(&b)
	require.ErrorIs(t, w.Write(&trace.Record{Data: strings.Repeat("x", trace.MaxLine)}), trace.ErrTooLong)
	longest := trace.Record{Kind: trace.Ready}
	empty, err := json.Marshal(longest)
	require.NoError(t, err)
	longest.Data = strings.Repeat("x", trace.MaxLine-1-len(empty)-len(`,"data":""`))
	longer := longest
	longer.Data += "x"
	require.ErrorIs(t, w.Write(&longer), trace.ErrTooLong)
	require.NoError(t, w.Write(&longest))
	require.NoError(t, w.Flush())
	require.Equal(t, trace.MaxLine, b.Len())
	got, err := trace.ReadAll(&b, 10)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]trace.Record{longest}, got))

	broken := errors.New("broken")
	w = trace.NewWriter(failing{broken})
	require.NoError(t, w.Write(&sample()[0]))
	require.ErrorIs(t, w.Flush(), broken)
	require.ErrorIs(t, w.Write(&sample()[0]), broken)
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	w := trace.NewWriter(&b)
	for _, r := range sample() {
		if err := w.Write(&r); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"kind":"recv","msg":1,"sent":[{"id":1},{"id":1}]}` + "\n" + `{"kind":"crash"}`))
	f.Add([]byte(`{"at":-9223372036854775808,"n":-1,"kind":"cut"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		records, err := trace.ReadAll(bytes.NewReader(b), 1000)
		if err == nil { // what was read can be written, and comes back
			again, err := trace.ReadAll(bytes.NewReader(write(t, records)), 1000)
			require.NoError(t, err)
			require.Len(t, again, len(records))
		}
		require.NoError(t, trace.Print(io.Discard, records, trace.Options{Change: true}))
		require.NoError(t, trace.Step(strings.NewReader("n\np\nlast\n/a\nnode 1\nn"), io.Discard, records))
		require.NoError(t, trace.HTML(io.Discard, records, "fuzz"))
	})
}

// page is the part of the page's data that the tests look at.
type page struct {
	Lanes  []struct{ Node, Role string }
	Text   []string
	Arrows []struct {
		ID                    string
		From, To, Left, Right int
		Lost                  bool
	}
	Bars []struct {
		Kind, Text            string
		First, Last, From, To int
	}
}

func html(t *testing.T, records []trace.Record, title string) (string, page) {
	t.Helper()
	var b strings.Builder
	require.NoError(t, trace.HTML(&b, records, title))
	m := regexp.MustCompile(`(?s)<script id="trace" type="application/json">(.*?)</script>`).FindStringSubmatch(b.String())
	require.NotNil(t, m)
	var p page
	require.NoError(t, json.Unmarshal([]byte(m[1]), &p))
	return b.String(), p
}

func TestThePageHasOneArrowForEachArrivalAndEachLoss(t *testing.T) {
	_, p := html(t, sample(), "sample")
	var got []string
	for _, a := range p.Arrows {
		got = append(got, fmt.Sprintf("#%s %d->%d lanes %d->%d lost=%t", a.ID, a.From, a.To, a.Left, a.Right, a.Lost))
	}
	require.Empty(t, cmp.Diff([]string{
		"#1 1->2 lanes 2->0 lost=false",
		"#1 1->12 lanes 2->0 lost=false", // the duplicate
		"#2 1->3 lanes 2->1 lost=true",
		"#4 2->7 lanes 0->2 lost=false",
		"#5 8->-1 lanes 2->0 lost=true",
	}, got))
}

func TestThePageShowsWhatLastedAsBarsOverAllLanesOfTheNode(t *testing.T) {
	records := sample()
	records[1].Sent[0].To.Role = "another"
	records = append(records, trace.Record{N: 18, Addr: machine.Addr{Node: 2}, Kind: trace.Crash}, trace.Record{N: 19})
	_, p := html(t, records, "sample")
	require.Len(t, p.Lanes, 4)
	var got []string
	for _, b := range p.Bars {
		got = append(got, fmt.Sprintf("%s (%s) lanes %d-%d, %d-%d", b.Kind, b.Text, b.First, b.Last, b.From, b.To))
	}
	require.Empty(t, cmp.Diff([]string{
		"crash (down) lanes 2-2, 5-9",
		"cut (hears nothing from 11) lanes 0-1, 6-11",
		"pause (paused) lanes 0-1, 13-15",
		"crash (down) lanes 2-2, 18-19",
	}, got))
}

func TestThePageRefersToNothingOutside(t *testing.T) {
	got, _ := html(t, sample(), "sample")
	got = strings.ReplaceAll(got, "http-equiv", "")
	require.NotContains(t, got, "http")
	require.NotRegexp(t, `(?i)\b(src|href|action)\s*=|@import|url\([^#]|//[a-z]|\bimport\b|fetch\(`, got)
}

func TestAHostileRecordIsNoMarkupInThePage(t *testing.T) {
	evil := `</script><script>alert(1)</script><img onerror=x>" ' <!-- {{.}} ` + "\u2028"
	got, p := html(t, []trace.Record{{
		Addr: machine.Addr{Node: 1, Role: evil}, Kind: trace.Kind(evil), Data: evil, Saved: []string{evil},
		Sent:    []trace.Sent{{ID: 1, To: machine.Addr{Node: 2, Role: evil}, Data: evil}},
		Replied: []trace.Reply{{Data: evil}}, Notes: []trace.Note{{Name: evil, Text: evil}}, Change: []string{evil},
	}}, evil)
	require.Equal(t, 2, strings.Count(got, "<script"))
	require.NotContains(t, got, "<img")
	require.NotContains(t, got, "<!--")
	require.Equal(t, evil, p.Lanes[0].Role)
	script, err := os.ReadFile("page.js")
	require.NoError(t, err)
	require.NotRegexp(t, `innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(`, string(script))
}

func TestAPageOfTooManyRecordsIsRefused(t *testing.T) {
	require.ErrorIs(t, trace.HTML(io.Discard, make([]trace.Record, trace.MaxPage+1), ""), trace.ErrTooMany)
}
