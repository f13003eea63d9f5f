package wire

import (
	"fmt"
	"net/rpc"
	"sync"

	"dss.example/common/machine"
)

// submit hands a request to a handler that answers later: taken is false if it wants to be
// asked by a goroutine that waits, and bad tells that the body could not be decoded.
type submit func(k *call) (taken bool, bad error)

// Later offers a method whose handler does not wait and answers later, from any goroutine:
// a request then costs none. A handler that returns false has done nothing, and the request
// goes to the registered method of that name, in a goroutine; so does a long one (see
// ServerOptions.LongBytes). Else it calls answer once, which does not wait either. The reply
// is encoded after that, by another goroutine, so it must not change any more. On the wire
// nothing tells such methods from others. All must be offered before the Server serves.
func Later[A any, P interface {
	*A
	decoder
}](s *Server, method string, fn func(args P, answer func(reply machine.Data)) bool) {
	s.later[method] = func(k *call) (taken bool, bad error) {
		args := P(new(A))
		if bad := args.DecodeFrom(k.req.body); bad != nil {
			return true, bad
		}
		return fn(args, k.owe), nil
	}
}

// debts are the answers of a connection that have still to be encoded. Whoever adds to
// them does not wait; a goroutine pays as long as there are any.
type debts struct {
	mu     sync.Mutex // guards what follows
	owed   []*call
	paying bool
}

// begin has the request of k served by submit, in the reading loop, and returns false if a
// goroutine must serve it. A handler that panics costs this request only.
func (k *call) begin(submit submit) (taken bool) {
	c := k.conn
	c.srv.stats.requests.Add(1)
	returned := false
	defer func() {
		if returned {
			return
		}
		c.srv.panicked("method", k.method, recover())
		if taken = true; k.settle(nil) { // else it had answered
			c.out.add(appendError(nil, k.req.seq, codePanic, fmt.Sprintf("%v: %s", ErrPanic, k.method)))
			c.freeSlot()
		}
	}()
	taken, bad := submit(k)
	returned = true
	switch {
	case bad != nil:
		k.reply = reply{bodyErr: bad}
		k.pay()
		c.freeSlot()
	case !taken:
		c.srv.stats.requests.Add(-1) // whoever serves it counts it
	}
	return taken
}

// settle notes that the request has its answer, and reports whether it had none before. With
// pay, the answer is owed from then on.
func (k *call) settle(pay func()) bool {
	k.conn.debts.mu.Lock()
	defer k.conn.debts.mu.Unlock()
	if k.settled {
		return false
	}
	k.settled = true
	if pay != nil {
		pay()
	}
	return true
}

// owe notes the answer of a request. Nobody knows how long a handler holds on to it, so the
// call's memory is not used again.
func (k *call) owe(data machine.Data) {
	c := k.conn
	k.settle(func() {
		k.data = data
		c.debts.owed = append(c.debts.owed, k)
		if !c.debts.paying {
			c.debts.paying = true
			go c.pay() // its requests are in flight until it has ended
		}
	})
}

// pay encodes answers and writes them, until there are no more.
func (c *conn) pay() {
	var spare []*call
	for {
		c.debts.mu.Lock()
		batch := c.debts.owed
		c.debts.owed = spare[:0]
		c.debts.paying = len(batch) > 0
		c.debts.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		for _, k := range batch {
			k.pay()
		}
		c.out.flush()
		for range batch {
			c.freeSlot()
		}
		clear(batch)
		spare = batch
	}
}

// pay encodes the answer of a request.
func (k *call) pay() {
	returned := false
	defer func() {
		if !returned {
			k.contain(recover())
		}
	}()
	k.WriteResponse(&rpc.Response{Seq: k.req.seq, ServiceMethod: k.method}, k.data)
	returned = true
}
