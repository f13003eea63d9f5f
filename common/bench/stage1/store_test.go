package stage1

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPeersKeepWhatTheyAreGiven looks inside: drivers throw values away, and a peer
// that answers without them would be unfairly fast.
func TestPeersKeepWhatTheyAreGiven(t *testing.T) {
	for name, p := range map[string]struct {
		serve func(net.Listener) error
		open  open
	}{
		"gob": {serveGob, openGob}, "jsonrpc": {serveJSON, openJSON}, "cbor": {serveCBOR, openCBOR}, "grpc": {serveGRPC, openGRPC},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			ended := make(chan error, 1)
			go func() { ended <- p.serve(ln) }()
			s, err := p.open(ln.Addr().String(), true)
			require.NoError(t, err)
			require.NoError(t, s.Put("a", []byte("1")))
			require.NoError(t, s.Put("b", []byte{0, 255}))
			require.NoError(t, s.Put("a", []byte("2")))
			for key, want := range map[string]string{"a": "2", "b": "\x00\xff", "c": ""} {
				got, err := s.Get(key)
				require.NoError(t, err)
				require.Equal(t, want, string(got))
			}
			require.NoError(t, s.Close())
			require.NoError(t, ln.Close())
			<-ended
		})
	}
}

// TestACBORCallThatIsUnknownFailsAlone shows that the codec skips a body that net/rpc
// does not want.
func TestACBORCallThatIsUnknownFailsAlone(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- serveCBOR(ln) }()
	s, err := openCBOR(ln.Addr().String(), true)
	require.NoError(t, err)
	c := s.(caller)
	require.ErrorContains(t, c.Call("KV.Frob", []int{1, 2}, nil), "can't find method")
	require.NoError(t, c.Put("a", []byte("1")))
	require.NoError(t, s.Close())
	require.NoError(t, ln.Close())
	<-ended
}
