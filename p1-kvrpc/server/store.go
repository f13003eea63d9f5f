package server

import (
	"context"
	"errors"

	"dss.example/common/kv"
	"dss.example/common/run"
)

// Store is a machine that is asked kv.Requests, as a kv.Store.
type Store struct {
	owner  run.Owner
	offers kv.Caps
}

// NewStore returns the Store of the machine that owner drives.
func NewStore(owner run.Owner, offers kv.Caps) *Store { return &Store{owner, offers} }

// Offers implements kv.Store.
func (s *Store) Offers() kv.Caps { return s.offers }

// Close stops the machine.
func (s *Store) Close() error { return s.owner.Stop(context.Background()) }

// Do implements kv.Store.
func (s *Store) Do(ctx context.Context, req *kv.Request) *kv.Response {
	data, err := s.owner.Ask(ctx, req)
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
