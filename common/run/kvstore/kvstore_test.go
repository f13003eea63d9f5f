package kvstore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/run/kvstore"
)

// owner is a run.Owner that answers as told.
type owner struct {
	run.Owner
	answer  machine.Data
	err     error
	stopped bool
}

func (o *owner) Ask(context.Context, machine.Data) (machine.Data, error) { return o.answer, o.err }

func (o *owner) Stop(context.Context) error {
	o.stopped = true
	return nil
}

func TestWhatTheOwnerSaysBecomesAStatus(t *testing.T) {
	put, get := &kv.Request{Op: kv.Put{Key: "k"}}, &kv.Request{Op: kv.Get{Key: "k"}}
	for _, c := range []struct {
		name   string
		owner  owner
		req    *kv.Request
		status kv.Status
	}{
		{"an answer is handed on", owner{answer: &kv.Response{Status: kv.NotFound}}, get, kv.NotFound},
		{"a write of unknown outcome", owner{err: run.ErrUnknown}, put, kv.Maybe},
		{"a read of unknown outcome did no harm", owner{err: run.ErrUnknown}, get, kv.Unavailable},
		{"an overload is definite", owner{err: run.ErrOverloaded}, put, kv.Overloaded},
		{"a machine that has stopped", owner{err: run.ErrStopped}, put, kv.Unavailable},
		{"a context that ended before anything was done", owner{err: context.Canceled}, put, kv.Unavailable},
		{"an answer that is none", owner{answer: machine.Raw("x")}, put, kv.Maybe},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := kvstore.New(&c.owner, kv.Caps{}).Do(t.Context(), c.req)
			require.Equal(t, c.status, resp.Status)
		})
	}
}

// prompt is an owner that tells its answer.
type prompt struct{ owner }

func (o *prompt) Submit(_ machine.Data, then func(machine.Data, error)) { then(o.answer, o.err) }

func TestSubmitTellsTheResponseIfNobodyNeedWait(t *testing.T) {
	put := &kv.Request{Op: kv.Put{Key: "k"}}
	var told []kv.Status
	then := func(resp *kv.Response) { told = append(told, resp.Status) }
	require.True(t, kvstore.New(&prompt{owner{answer: &kv.Response{Status: kv.NotFound}}}, kv.Caps{}).Submit(put, then))
	require.True(t, kvstore.New(&prompt{owner{err: run.ErrUnknown}}, kv.Caps{}).Submit(put, then))
	require.False(t, kvstore.New(&owner{}, kv.Caps{}).Submit(put, then))
	require.Equal(t, []kv.Status{kv.NotFound, kv.Maybe}, told)
}

func TestDoGivesAwayACloneAndLendTheMachinesOwn(t *testing.T) {
	answer := &kv.Response{Token: []byte("token"), Result: kv.Item{Key: "k", Value: []byte("value")}}
	s := kvstore.New(&owner{answer: answer}, kv.Caps{})
	req := &kv.Request{Op: kv.Get{Key: "k"}}
	require.Same(t, answer, s.Lend(t.Context(), req))
	got := s.Do(t.Context(), req)
	require.Equal(t, answer, got)
	got.Token[0], got.Result.(kv.Item).Value[0] = 'X', 'X'
	require.Equal(t, &kv.Response{Token: []byte("token"), Result: kv.Item{Key: "k", Value: []byte("value")}}, answer)
}

func TestCloseStopsTheMachineAndThenWhatItStoodOn(t *testing.T) {
	o := &owner{}
	bad := errors.New("disk full")
	s := kvstore.New(o, kv.Caps{Stage: 1}).OnClose(func() error {
		require.True(t, o.stopped)
		return bad
	})
	require.Equal(t, 1, s.Offers().Stage)
	require.ErrorIs(t, s.Close(), bad)
}
