package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
	"dss.example/common/wire"

	"dss.example/p1-kvrpc/call"
)

const (
	dialTime  = 10 * time.Second
	maxWindow = 1 << 16
	maxLine   = 2 * kv.MaxMessage // bytes
)

func askCommand() *cli.Command {
	var addr string
	var window int
	return &cli.Command{
		Name: "ask", Brief: "call the methods that lines of JSON name, and print what became of each",
		Detail: `A line of the standard input is a call: {"id":1,"method":"Echo.Echo","arg":"text"},
with "arg_base64" instead of "arg" for bytes that are no text, and "ms" for Echo.Wait.
Calls are sent in that order without waiting for replies. In the order in which they
end, a line is printed for each:
    {"id":1,"reply":"text"}, with "reply_base64" for bytes that are no text, or
    {"id":1,"error":"...","is":"KIND","definite":true}
"definite" tells whether the request was definitely not executed, "is" which error it
is: failed (the listed one), handler, overloaded, shutdown, too large, no method,
malformed, refused, panic, reply, not sent, broken.
Exit codes: 0 all are answered, 1 the connection died, 2 a line is no call.`,
		Example: `echo '{"id":1,"method":"Echo.Wait","ms":50,"arg":"later"}' | rpc ask -s 127.0.0.1:7070`,
		Flags: func(f *flag.FlagSet) {
			cli.AddrVar(f, &addr, "s", "127.0.0.1:7070", "ask the server at `ADDR`, HOST:PORT")
			f.IntVar(&window, "window", 64, "have up to `N` calls under way")
		},
		Run: func(ctx context.Context, _ []string, std cli.Std) error {
			if window < 1 || window > maxWindow {
				return cli.Usagef("bad value %d for -window: want 1 to %d", window, maxWindow)
			}
			return ask(ctx, addr, window, std)
		},
	}
}

func ask(ctx context.Context, addr string, window int, std cli.Std) error {
	dialing, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	c, err := call.Dial(dialing, addr, call.ClientOptions{Pending: window, Errors: listed})
	if err != nil {
		return err
	}
	defer c.Close()
	unhook := context.AfterFunc(ctx, func() { c.Close() })
	defer unhook()
	over := make(chan struct{})
	defer close(over)
	a := &asking{c: c, window: window, out: json.NewEncoder(std.Out), ended: make(chan *call.Call, window), ids: make(map[*call.Call]uint64)}
	return a.run(ctx, questions(std.In, over))
}

// question is a line that asks.
type question struct {
	ID     uint64  `json:"id"`
	Method string  `json:"method"`
	Arg    string  `json:"arg"`
	Base64 []byte  `json:"arg_base64"`
	MS     *uint32 `json:"ms"`

	err error // instead, for the last one: why there are no more
}

func (q question) args() any {
	data := q.Base64
	if data == nil {
		data = []byte(q.Arg)
	}
	if q.MS != nil {
		return &Pause{MS: *q.MS, Data: data}
	}
	return data
}

// questions reads lines until they end, one is wrong, or over is closed. A read that
// waits for input then ends with the process: nothing else can end it.
func questions(in io.Reader, over <-chan struct{}) <-chan question {
	all := make(chan question)
	go func() {
		defer close(all)
		lines := bufio.NewScanner(in)
		lines.Buffer(nil, maxLine)
		for n := 1; ; n++ {
			q, ok := nextQuestion(lines, n)
			if !ok {
				return
			}
			select {
			case all <- q:
			case <-over:
				return
			}
			if q.err != nil {
				return
			}
		}
	}()
	return all
}

func nextQuestion(lines *bufio.Scanner, n int) (q question, ok bool) {
	if !lines.Scan() {
		err := lines.Err()
		if errors.Is(err, bufio.ErrTooLong) {
			err = cli.Usagef("line %d: longer than %d bytes", n, maxLine)
		}
		return question{err: err}, err != nil
	}
	d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
	d.DisallowUnknownFields()
	err := d.Decode(&q)
	if err == nil && d.More() {
		err = errors.New("more than one value")
	}
	if err != nil {
		q.err = cli.Usagef(`line %d: %v: want {"id":1,"method":"Echo.Echo","arg":"text"}`, n, err)
	}
	return q, true
}

// asking is a client that asks what it is told to.
type asking struct {
	c      *call.Client
	window int
	out    *json.Encoder
	ended  chan *call.Call
	ids    map[*call.Call]uint64 // of calls under way
	broken bool                  // a call has ended with its connection
}

// run asks until there are no more questions and all are answered, or the connection
// is dead and that is told for each question that was asked.
func (a *asking) run(ctx context.Context, questions <-chan question) error {
	var wrong error
	dead := a.c.Done()
	for questions != nil || len(a.ids) > 0 {
		open := questions
		if len(a.ids) == a.window {
			open = nil
		}
		select {
		case q, ok := <-open:
			if !ok || q.err != nil {
				wrong, questions = q.err, nil
				continue
			}
			k := a.c.Go(ctx, q.Method, q.args(), new([]byte), a.ended)
			a.ids[k] = q.ID
		case k := <-a.ended:
			if err := a.answer(k); err != nil {
				return err
			}
		case <-dead:
			wrong, questions, dead = a.c.Err(), nil, nil
		}
	}
	if wrong == nil && a.broken { // the last answers came before the news of its death
		wrong = a.c.Err()
	}
	return wrong
}

// verdict is a line that answers.
type verdict struct {
	ID       uint64  `json:"id"`
	Reply    *string `json:"reply,omitempty"`
	Base64   []byte  `json:"reply_base64,omitempty"`
	Error    string  `json:"error,omitempty"`
	Is       string  `json:"is,omitempty"`
	Definite *bool   `json:"definite,omitempty"`
}

// answer prints what became of a call.
func (a *asking) answer(k *call.Call) error {
	v := verdict{ID: a.ids[k]}
	delete(a.ids, k)
	reply := *k.Reply.(*[]byte)
	switch text := string(reply); {
	case k.Err != nil:
		definite := wire.Definite(k.Err)
		v.Error, v.Is, v.Definite = k.Err.Error(), kindOf(k.Err), &definite
		a.broken = a.broken || errors.Is(k.Err, wire.ErrBroken)
	case utf8.Valid(reply):
		v.Reply = &text
	default:
		v.Base64 = reply
	}
	if err := a.out.Encode(v); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}

// kinds are the names of errors. The first that fits counts: what is not sent is that
// before anything else.
var kinds = []struct {
	name string
	is   error
}{
	{"not sent", wire.ErrNotSent},
	{"failed", errFailed},
	{"overloaded", wire.ErrOverloaded},
	{"shutdown", wire.ErrShutdown},
	{"too large", wire.ErrTooLarge},
	{"no method", wire.ErrNoMethod},
	{"malformed", wire.ErrMalformed},
	{"refused", wire.ErrRefused},
	{"panic", wire.ErrPanic},
	{"reply", wire.ErrReply},
	{"broken", wire.ErrBroken},
}

func kindOf(err error) string {
	for _, k := range kinds {
		if errors.Is(err, k.is) {
			return k.name
		}
	}
	return "handler"
}
