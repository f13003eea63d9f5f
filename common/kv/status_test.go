package kv_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
)

var sentinels = map[kv.Status]error{
	kv.NotFound: kv.ErrNotFound, kv.Conflict: kv.ErrConflict, kv.Maybe: kv.ErrMaybe, kv.Unavailable: kv.ErrUnavailable,
	kv.Overloaded: kv.ErrOverloaded, kv.Invalid: kv.ErrInvalid, kv.TooLarge: kv.ErrTooLarge,
	kv.Unsupported: kv.ErrUnsupported, kv.Compacted: kv.ErrCompacted, kv.FutureRev: kv.ErrFutureRev,
	kv.NoLease: kv.ErrNoLease, kv.NoSession: kv.ErrNoSession, kv.Forgotten: kv.ErrForgotten, kv.Unsatisfied: kv.ErrUnsatisfied,
}

func TestErrorsKeepTheirIdentityAcrossTheWire(t *testing.T) {
	require.Len(t, sentinels, int(kv.Unsatisfied)-1)
	for status, want := range sentinels {
		for _, detail := range []string{"", "because of \xff this"} {
			sent := &kv.Response{Status: status, Detail: detail}
			got, err := kv.DecodeResponse(sent.AppendTo(nil))
			require.NoError(t, err)
			err = got.(*kv.Response).Err()
			for other, sentinel := range sentinels {
				require.Equal(t, status == other, errors.Is(err, sentinel), "%s is %s", status, other)
			}
			require.NotErrorIs(t, err, kv.ErrBadResponse)
			require.Equal(t, status, kv.StatusOf(fmt.Errorf("in a call: %w", err)))
			if detail == "" {
				require.EqualError(t, err, want.Error())
			} else {
				require.EqualError(t, err, want.Error()+": because of \ufffd this")
			}
		}
	}
}

func TestOnlyOKIsNoError(t *testing.T) {
	require.NoError(t, (&kv.Response{Status: kv.OK, Detail: "fine"}).Err())
	for _, status := range []kv.Status{0, kv.Unsatisfied + 1, 255} {
		require.ErrorIs(t, (&kv.Response{Status: status}).Err(), kv.ErrBadResponse)
	}
}

func TestWhatIsNotKnownIsMaybe(t *testing.T) {
	require.Equal(t, kv.OK, kv.StatusOf(nil))
	require.Equal(t, kv.Maybe, kv.StatusOf(context.DeadlineExceeded))
	require.Equal(t, kv.Maybe, kv.StatusOf(kv.ErrBadResponse))
}

func TestOnlyOKAndMaybeMayHaveChangedSomething(t *testing.T) {
	for s := kv.OK; s <= kv.Unsatisfied; s++ {
		require.Equal(t, s != kv.OK && s != kv.Maybe, s.Definite(), s)
	}
}

func TestStatusesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for s := kv.Status(0); s <= kv.Unsatisfied; s++ {
		require.NotContains(t, s.String(), "#")
		require.False(t, seen[s.String()], s)
		seen[s.String()] = true
	}
	require.Equal(t, "#200", kv.Status(200).String())
}
