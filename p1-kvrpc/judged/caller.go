package judged

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"strings"
	"time"

	"dss.example/common/judge"
	"dss.example/common/wire"
)

// callerChecks are those of p1.1: the submission is the client.
func callerChecks() []judge.Check {
	return []judge.Check{
		{
			Step: "p1.1", Name: "a standard server answers each call", Run: standardServer,
			Rule: "With a server of net/rpc each of hundreds of calls gets its own reply.",
		},
		{
			Step: "p1.1", Name: "replies in any order find their calls", Run: scriptedServer(20, backwards, whole),
			Rule: "Replies come in any order; each call gets its own.",
		},
		{
			Step: "p1.1", Name: "a second reply to a request is thrown away", Run: scriptedServer(20, doubled, whole),
			Rule: "A reply that comes twice ends its call once, and no other.",
		},
		{
			Step: "p1.1", Name: "a reply to nobody's request ends the connection", Run: scriptedServer(5, stray, brokenOff),
			Rule: "A reply to a number that was never sent shows that the server is out of its mind: the connection ends, and every call with it, its outcome unknown.",
		},
		{
			Step: "p1.1", Name: "a connection that dies ends every call", Run: scriptedServer(5, half, brokenOff),
			Rule: "When the connection dies, every call that was sent ends at once as broken, its outcome unknown: none waits for ever.",
		},
		{
			Step: "p1.1", Name: "a frame that is too long ends the connection", Run: scriptedServer(5, bomb, brokenOff),
			Rule: "The length of a frame is checked before memory is taken; a wrong one ends the connection, and every call with it.",
		},
		{
			Step: "p1.1", Name: "a frame that is no response ends the connection", Run: scriptedServer(5, garbage, brokenOff),
			Rule: "A frame that cannot be read ends the connection, and every call with it.",
		},
		{
			Step: "p1.1", Name: "a notice tells what was not executed", Run: scriptedServer(5, notice, refusedAll),
			Rule: "What was not answered before the server's notice is definitely not executed.",
		},
		{
			Step: "p1.1", Name: "errors keep their identity", Run: scriptedServer(len(kinds), failures, identities),
			Rule: "Each code of a response is an error of its own at the caller, with the text of the server; some prove that nothing was executed.",
		},
		{
			Step: "p1.1", Name: "a server that refuses is told as such", Run: refusal,
			Rule: "When the server answers the hello with a refusal, no call is sent and the client ends with 1.",
		},
	}
}

// verdict is a line that rpc ask prints.
type verdict struct {
	ID       uint64  `json:"id"`
	Reply    *string `json:"reply"`
	Error    string  `json:"error"`
	Is       string  `json:"is"`
	Definite bool    `json:"definite"`
}

// nonce is the argument of a call, which nobody can guess.
func nonce(t *judge.T, id uint64) string {
	return fmt.Sprintf("%d-%x", id, (t.Seed()+id)*0x9e3779b97f4a7c15)
}

// questions are n calls of Echo.Echo.
func questions(t *judge.T, n int) string {
	var b strings.Builder
	for id := uint64(1); id <= uint64(n); id++ {
		fmt.Fprintf(&b, `{"id":%d,"method":"Echo.Echo","arg":%q}`+"\n", id, nonce(t, id))
	}
	return b.String()
}

// askAll lets the submission's client ask n questions and returns what it says of
// each, and its exit code.
func askAll(t *judge.T, addr string, n int) (map[uint64]verdict, int) {
	t.Replay("go test ./p1-kvrpc/call")
	out, code := t.Start("rpc", "ask", "-s", addr, "-window", "64").Talk(questions(t, n))
	said := map[uint64]verdict{}
	for line := range strings.Lines(out) {
		var v verdict
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("rpc ask printed %q: %v", line, err)
		}
		if _, twice := said[v.ID]; twice || v.ID < 1 || v.ID > uint64(n) {
			t.Fatalf("rpc ask told twice what became of call %d, or was not asked for it", v.ID)
		}
		said[v.ID] = v
	}
	return said, code
}

// whole demands that every call got its own reply.
func whole(t *judge.T, n int, said map[uint64]verdict, code int) {
	for id := uint64(1); id <= uint64(n); id++ {
		v, ok := said[id]
		switch {
		case !ok:
			t.Fatalf("call %d was never answered", id)
		case v.Reply == nil:
			t.Fatalf("call %d failed: %s", id, v.Error)
		case *v.Reply != nonce(t, id):
			t.Fatalf("call %d got the reply %q: want its own, %q", id, *v.Reply, nonce(t, id))
		}
	}
	if code != 0 {
		t.Errorf("all calls were answered, but the client ended with %d", code)
	}
}

// brokenOff demands that every call ended: with its own reply, or as broken.
func brokenOff(t *judge.T, n int, said map[uint64]verdict, _ int) {
	for id := uint64(1); id <= uint64(n); id++ {
		v, ok := said[id]
		switch {
		case !ok:
			t.Fatalf("call %d was sent before the connection died, and never ended", id)
		case v.Reply != nil && *v.Reply != nonce(t, id):
			t.Fatalf("call %d got the reply %q: want its own, %q", id, *v.Reply, nonce(t, id))
		case v.Reply == nil && (v.Definite || v.Is != "broken"):
			t.Errorf("call %d was sent and not answered: it ended as %q (definite: %v): want broken, and unknown", id, v.Is, v.Definite)
		}
	}
}

// refusedAll demands that every call ended as definitely not executed.
func refusedAll(t *judge.T, n int, said map[uint64]verdict, _ int) {
	for id := uint64(1); id <= uint64(n); id++ {
		if v, ok := said[id]; !ok || !v.Definite || v.Reply != nil {
			t.Errorf("call %d was not executed, says the server's notice: it ended as %q (definite: %v)", id, v.Is, v.Definite)
		}
	}
}

// kinds are the codes of responses, what they are called, and whether they prove that
// nothing was executed.
var kinds = []struct {
	code     uint64
	is       string
	definite bool
}{
	{codeHandler, "handler", false},
	{2, "overloaded", true},
	{codeShutdown, "shutdown", true},
	{4, "too large", true},
	{5, "no method", true},
	{codeMalformed, "malformed", true},
	{7, "refused", true},
	{8, "panic", false},
	{9, "reply", false},
	{codeListed + 1, "failed", false},
}

func identities(t *judge.T, _ int, said map[uint64]verdict, _ int) {
	for i, k := range kinds {
		v, ok := said[uint64(i+1)]
		if !ok || v.Is != k.is || v.Definite != k.definite || !strings.Contains(v.Error, "text of the server") {
			t.Errorf("a response with code %d became %q (%q, definite: %v): want %q (definite: %v), with the server's text", k.code, v.Is, v.Error, v.Definite, k.is, k.definite)
		}
	}
}

// scriptedServer is a check in which the client sends n requests to a server that
// reads them all, then says what script makes of them, and closes.
func scriptedServer(n int, script func(conn net.Conn, requests []asked), demand func(*judge.T, int, map[uint64]verdict, int)) func(*judge.T) {
	return func(t *judge.T) {
		ln := listen(t)
		ended := make(chan error, 1)
		go func() { ended <- serveScript(ln, n, script) }()
		said, code := askAll(t, ln.Addr().String(), n)
		ln.Close()
		if err := <-ended; err != nil {
			t.Fatalf("the client did not keep to the protocol: %v", err)
		}
		demand(t, n, said, code)
	}
}

// scriptTime bounds how long a client takes that has ended; it is killed long before.
const scriptTime = 5 * time.Minute

func serveScript(ln net.Listener, n int, script func(net.Conn, []asked)) error {
	conn, err := ln.Accept()
	if err != nil {
		return errors.New("it never connected")
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(scriptTime))
	if first, err := readFrame(conn); err != nil || string(frame(first)) != string(hello) {
		return fmt.Errorf("its first frame is no hello: %v", err)
	}
	_, _ = conn.Write(welcome) // if it has gone, the next read tells
	var all []asked
	for len(all) < n {
		q, err := readRequest(conn)
		switch {
		case err != nil:
			return fmt.Errorf("request %d of %d: %w", len(all)+1, n, err)
		case len(all) > 0 && q.seq <= all[len(all)-1].seq || q.seq == 0:
			return fmt.Errorf("request %d after another", q.seq)
		}
		all = append(all, q)
	}
	script(conn, all)
	return nil
}

// say writes to a client, which may have gone.
func say(conn net.Conn, b []byte) { _, _ = conn.Write(b) }

// stay waits until the client has closed.
func stay(conn net.Conn) {
	for {
		if _, err := readFrame(conn); err != nil && !errors.Is(err, errLength) {
			return
		}
	}
}

func backwards(conn net.Conn, requests []asked) {
	for i := range requests {
		q := requests[len(requests)-1-i]
		say(conn, response(q.seq, codeDone, "", q.body))
	}
	stay(conn)
}

func doubled(conn net.Conn, requests []asked) {
	for _, q := range requests {
		reply := response(q.seq, codeDone, "", q.body)
		say(conn, append(reply, reply...))
	}
	stay(conn)
}

func stray(conn net.Conn, requests []asked) {
	say(conn, response(requests[0].seq, codeDone, "", requests[0].body))
	say(conn, response(1<<40, codeDone, "", bytesOf("nobody's")))
	stay(conn)
}

func half(conn net.Conn, requests []asked) {
	say(conn, response(requests[1].seq, codeDone, "", requests[1].body))
	next := response(requests[2].seq, codeDone, "", requests[2].body)
	say(conn, next[:len(next)/2])
}

func bomb(conn net.Conn, _ []asked) {
	say(conn, []byte{0xff, 0xff, 0xff, 0xff, 1, 2, 3})
	stay(conn)
}

func garbage(conn net.Conn, _ []asked) {
	say(conn, frame([]byte{0x83, 0x01, 0x9f, 0xff}))
	stay(conn)
}

func notice(conn net.Conn, _ []asked) {
	say(conn, response(0, codeShutdown, "closed for the night", nil))
}

func failures(conn net.Conn, requests []asked) {
	for i, q := range requests {
		say(conn, response(q.seq, kinds[i].code, "text of the server", nil))
	}
	stay(conn)
}

// Echo is the service of the judge's own server.
type Echo struct{}

// Echo replies with its argument.
func (Echo) Echo(in []byte, out *[]byte) error {
	*out = in
	return nil
}

func standardServer(t *judge.T) {
	const calls = 300
	ln := listen(t)
	server := rpc.NewServer()
	if err := server.Register(Echo{}); err != nil {
		t.NotJudged("%v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if conn, err := ln.Accept(); err == nil {
			server.ServeCodec(wire.NewServerCodec(conn, wire.Bounds{}, nil))
		}
	}()
	said, code := askAll(t, ln.Addr().String(), calls)
	ln.Close()
	<-done
	whole(t, calls, said, code)
}

func refusal(t *judge.T) {
	ln := listen(t)
	done := make(chan int, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			done <- 0
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(scriptTime))
		_, _ = readFrame(conn)
		say(conn, response(0, 7, "not today", nil))
		sent := 0
		for {
			if _, err := readFrame(conn); err != nil {
				done <- sent
				return
			}
			sent++
		}
	}()
	said, code := askAll(t, ln.Addr().String(), 3)
	ln.Close()
	for id, v := range said {
		if v.Reply != nil || !v.Definite {
			t.Errorf("call %d ended as %q (definite: %v) at a server that refused the connection", id, v.Is, v.Definite)
		}
	}
	if sent := <-done; sent > 0 {
		t.Errorf("the client sent %d requests to a server that refused it", sent)
	}
	if code != 1 {
		t.Errorf("the server refused, and the client ended with %d: want 1", code)
	}
}
