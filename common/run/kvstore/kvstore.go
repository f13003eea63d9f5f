// Package kvstore makes a machine that is asked kv.Requests a kv.Store: the step
// from package run to the door.
package kvstore

import (
	"context"
	"errors"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/run"
)

// Store is the machine of an owner.
type Store struct {
	owner   run.Owner
	offers  kv.Caps
	onClose []func() error
}

// New returns the Store of the machine that owner drives, which promises offers.
func New(owner run.Owner, offers kv.Caps) *Store { return &Store{owner: owner, offers: offers} }

// OnClose makes Close call fn after the machine has stopped, and returns s.
func (s *Store) OnClose(fn func() error) *Store {
	s.onClose = append(s.onClose, fn)
	return s
}

// Offers implements kv.Store.
func (s *Store) Offers() kv.Caps { return s.offers }

// Close stops the machine and lets go of what it stood on.
func (s *Store) Close() error {
	err := s.owner.Stop(context.Background())
	for _, fn := range s.onClose {
		err = errors.Join(err, fn())
	}
	return err
}

// Do implements kv.Store. The Response is the caller's alone.
func (s *Store) Do(ctx context.Context, req *kv.Request) *kv.Response {
	return s.Lend(ctx, req).Clone()
}

// Lend is Do for one who only reads the Response, as to encode it: it is the
// machine's, may share memory with the machine's state, and must not be changed.
func (s *Store) Lend(ctx context.Context, req *kv.Request) *kv.Response {
	return response(req)(s.owner.Ask(ctx, req))
}

// submitter is an owner whose answers need not be waited for: a run.Loop.
type submitter interface {
	Submit(cmd machine.Data, then func(machine.Data, error))
}

// Submit is Lend without waiting: then is told the Response, once, maybe by the machine's
// owner, so that it must be brief. It does nothing and returns false if the owner can only
// be waited for.
func (s *Store) Submit(req *kv.Request, then func(*kv.Response)) bool {
	o, ok := s.owner.(submitter)
	if ok {
		o.Submit(req, func(data machine.Data, err error) { then(response(req)(data, err)) })
	}
	return ok
}

// response returns what turns the answer to a request, or the lack of it, into a Response.
func response(req *kv.Request) func(machine.Data, error) *kv.Response {
	return func(data machine.Data, err error) *kv.Response {
		if err == nil {
			if resp, ok := data.(*kv.Response); ok {
				return resp
			}
			return kv.Refuse(kv.Maybe, "the machine answered with a %T", data)
		}
		switch {
		case errors.Is(err, run.ErrUnknown) && !kv.ReadOnly(req.Op):
			return kv.Refuse(kv.Maybe, "%v", err)
		case errors.Is(err, run.ErrOverloaded):
			return kv.Refuse(kv.Overloaded, "%v", err)
		}
		return kv.Refuse(kv.Unavailable, "%v", err)
	}
}
