// Parts serves the parts of stage 2 to a judge over its standard input and output: one
// request, one answer, each about one function of one package. What a part needs of its
// world, a disk or a store of blobs, it asks the judge for (package pipe).
//
// It holds at most one log, one store of blobs and so on open at a time, and knows
// nothing of what is right.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"

	"dss.example/common/daemon/cli"

	"dss.example/p2-persist/judged/pipe"
)

func main() {
	cli.Main(&cli.Command{
		Name:    "parts",
		Brief:   "serve the parts of stage 2 to a judge, over the standard input and output",
		Detail:  "It ends with its input. Nobody but a judge has a use for it.",
		Example: "judge -bin bin   # starts parts",
		Run:     func(_ context.Context, _ []string, std cli.Std) error { return serve(stream{std.In, std.Out}) },
	})
}

// stream joins what is read and what is written.
type stream struct {
	io.Reader
	io.Writer
}

// verb answers a request. It may panic: then the request has failed.
type verb func(w *world, m pipe.Message) (pipe.Message, error)

// verbs are all requests. A request that has too few arguments panics.
func verbs() map[string]verb {
	all := map[string]verb{"forget": func(w *world, _ pipe.Message) (pipe.Message, error) {
		w.forget()
		return pipe.Message{}, nil
	}}
	for _, more := range []map[string]verb{
		objectVerbs(), chunkVerbs(), fileVerbs(), treeVerbs(), segmentVerbs(), walVerbs(), packVerbs(), headVerbs(), historyVerbs(),
	} {
		maps.Copy(all, more)
	}
	return all
}

// serve answers requests until there are no more.
func serve(rw io.ReadWriter) error {
	w, all := newWorld(pipe.NewConn(rw)), verbs()
	for {
		m, err := w.conn.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		w.begin()
		answer, err := do(w, all, m)
		if err != nil {
			answer = pipe.Fail(err)
		} else {
			answer.Verb = pipe.OK
		}
		if err := w.end(answer); err != nil {
			return err
		}
	}
}

// do answers one request. What panics in it has failed, and only that.
func do(w *world, all map[string]verb, m pipe.Message) (answer pipe.Message, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in %s: %v", m.Verb, p)
		}
	}()
	v, ok := all[m.Verb]
	if !ok {
		return answer, fmt.Errorf("no request %.40q", m.Verb)
	}
	return v(w, m)
}

// numbers is an answer of numbers.
func numbers(n ...uint64) pipe.Message { return pipe.Message{Numbers: n} }

// texts is an answer of byte strings.
func texts(b ...[]byte) pipe.Message { return pipe.Message{Bytes: b} }

// flag is a truth as a number.
func flag(is bool) uint64 {
	if is {
		return 1
	}
	return 0
}
