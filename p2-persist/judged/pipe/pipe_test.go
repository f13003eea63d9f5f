package pipe_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/cbor"
	"dss.example/common/disk"

	"dss.example/p2-persist/judged/pipe"
	"dss.example/p2-persist/object"
)

func TestMessagesComeOutAsTheyWentIn(t *testing.T) {
	var both bytes.Buffer
	c := pipe.NewConn(&both)
	all := []pipe.Message{
		{},
		pipe.Say(pipe.OK, nil),
		pipe.Say("tree.get", []uint64{0, 1<<64 - 1}, []byte("key"), nil, make([]byte, 3<<20)),
		pipe.Say("", make([]uint64, pipe.MaxItems)),
	}
	for _, m := range all {
		require.NoError(t, c.Send(m))
	}
	for _, m := range all {
		got, err := c.Receive()
		require.NoError(t, err)
		require.True(t, bytes.Equal(m.AppendTo(nil), got.AppendTo(nil)), m.Verb)
	}
	_, err := c.Receive()
	require.Equal(t, io.EOF, err)
}

func TestWhatIsTooLongIsNotSent(t *testing.T) {
	var both bytes.Buffer
	c := pipe.NewConn(&both)
	require.ErrorIs(t, c.Send(pipe.Say("", nil, make([]byte, pipe.MaxFrame))), pipe.ErrPipe)
	require.Zero(t, both.Len())
}

func TestFramesThatAreNoneAreRefused(t *testing.T) {
	many := cbor.AppendArray(cbor.AppendText(cbor.AppendArray(nil, 3), ""), pipe.MaxItems+1)
	many = append(many, make([]byte, pipe.MaxItems+2)...)
	for name, in := range map[string][]byte{
		"a length alone":          {0, 0, 0, 3},
		"half a length":           {0, 0},
		"an early end":            {0, 0, 0, 3, 0x83, 0x60},
		"a length that lies":      {0xff, 0xff, 0xff, 0xff, 0x83},
		"no array of three":       {0, 0, 0, 3, 0x82, 0x60, 0x80},
		"an item too many":        {0, 0, 0, 5, 0x83, 0x60, 0x80, 0x80, 0},
		"a head that is too long": {0, 0, 0, 5, 0x83, 0x78, 0, 0x80, 0x80},
		"too many numbers":        append([]byte{0, byte(len(many) >> 16), byte(len(many) >> 8), byte(len(many))}, many...),
	} {
		_, err := pipe.NewConn(&stream{in: bytes.NewReader(in)}).Receive()
		require.ErrorIs(t, err, pipe.ErrPipe, name)
	}
}

type stream struct{ in io.Reader }

func (s *stream) Read(b []byte) (int, error)  { return s.in.Read(b) }
func (s *stream) Write(b []byte) (int, error) { return len(b), nil }

func TestErrorsKeepWhatTheyAre(t *testing.T) {
	require.NoError(t, pipe.Say(pipe.OK, nil).Err())
	was := fmt.Errorf("put: %w: %w", blob.ErrFailed, disk.IO)
	err := pipe.Fail(was).Err()
	require.EqualError(t, err, was.Error())
	require.ErrorIs(t, err, blob.ErrFailed)
	require.ErrorIs(t, err, disk.IO)
	require.NotErrorIs(t, err, object.ErrInvalid)
	for _, strange := range []pipe.Message{
		pipe.Say("what", nil), pipe.Say(pipe.Failed, nil), pipe.Say(pipe.Failed, nil, nil, nil),
	} {
		require.ErrorIs(t, strange.Err(), pipe.ErrPipe)
	}
	require.Error(t, pipe.Say(pipe.Failed, []uint64{1 << 40}, []byte("unknown")).Err())
	require.LessOrEqual(t, len(pipe.Fail(errors.New(string(make([]byte, 1<<20)))).Bytes[0]), 4<<10)
}

func TestBothEndsMakeTheSameValues(t *testing.T) {
	for i := range uint64(200) {
		require.Empty(t, cmp.Diff(pipe.Random(i), pipe.Random(i)))
		_, err := object.Encode(pipe.Random(i))
		require.NoError(t, err, i)
	}
	good, bad := 0, 0
	for i := uint64(0); ; i++ {
		v, ok := pipe.Special(i)
		if !ok {
			break
		}
		if _, err := object.Encode(v); err == nil {
			good++
		} else {
			bad++
		}
	}
	require.Greater(t, good, 40)
	require.Greater(t, bad, 10)
}

func FuzzDecodeTakesOneEncodingOnly(f *testing.F) {
	f.Add(pipe.Say("disk", []uint64{1, 300}, []byte("bytes"), nil).AppendTo(nil))
	f.Add([]byte{0x83, 0x60, 0x80, 0x80})
	f.Add([]byte{0x83, 0x60, 0x9a, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := pipe.Decode(b)
		if err == nil {
			require.Equal(t, b, m.AppendTo(nil))
		}
	})
}
