package main

import (
	"errors"
	"fmt"
	"time"

	"dss.example/common/wire"
)

// errFailed is what Echo.Fail fails with.
var errFailed = errors.New("failed as asked")

// listed are the errors that keep their identity between serve and ask.
var listed = wire.Errors{1: errFailed}

// maxPause bounds the time that Echo.Wait waits, in milliseconds.
const maxPause = 60_000

// Pause is the argument of Echo.Wait: an array of two.
type Pause struct {
	_    struct{} `cbor:",toarray"`
	MS   uint32
	Data []byte
}

// Echo is the service of the demonstration.
type Echo struct{}

// Echo replies with its argument.
func (Echo) Echo(in []byte, out *[]byte) error {
	*out = in
	return nil
}

// Wait replies with the argument's bytes, after its time. It refuses a longer one than
// maxPause.
func (Echo) Wait(in *Pause, out *[]byte) error {
	if in.MS > maxPause {
		return fmt.Errorf("pause of %d ms: at most %d", in.MS, maxPause)
	}
	time.Sleep(time.Duration(in.MS) * time.Millisecond)
	*out = in.Data
	return nil
}

// Panic panics with its argument.
func (Echo) Panic(in []byte, _ *[]byte) error { panic(fmt.Sprintf("as asked: %q", in)) }

// Fail fails with errFailed and its argument.
func (Echo) Fail(in []byte, _ *[]byte) error { return fmt.Errorf("%w: %s", errFailed, in) }
