package wire_test

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/house/tally"
	"dss.example/common/machine"
	"dss.example/common/wire"
	"dss.example/common/wire/wiretest"
)

func serverTLS(t testing.TB, f wire.TLSFiles) *tls.Config {
	c, err := f.Server()
	require.NoError(t, err)
	return c
}

func clientTLS(t testing.TB, f wire.TLSFiles) *tls.Config {
	c, err := f.Client()
	require.NoError(t, err)
	return c
}

func TestMutualTLSCarriesCalls(t *testing.T) {
	ca := wiretest.NewAuthority(t)
	s, _ := newServer(t, wire.ServerOptions{TLS: serverTLS(t, ca.Issue(wiretest.Leaf{}))})
	addr := listen(t, s)
	config := clientTLS(t, ca.Issue(wiretest.Leaf{}))
	c := dialTCP(t, addr, wire.ClientOptions{TLS: config})
	big := string(make([]byte, 1<<20))
	for _, text := range []string{"hello", big} {
		got, err := echo(t.Context(), c, text)
		require.NoError(t, err)
		require.Equal(t, text, got)
	}
	require.NoError(t, c.Close())
	require.NoError(t, s.Shutdown(t.Context()))
}

func TestATLSServerWithoutAuthoritiesAsksForNoCertificate(t *testing.T) {
	ca := wiretest.NewAuthority(t)
	files := ca.Issue(wiretest.Leaf{})
	files.CA = ""
	s, _ := newServer(t, wire.ServerOptions{TLS: serverTLS(t, files)})
	_, err := echo(t.Context(), dialTCP(t, listen(t, s), wire.ClientOptions{
		TLS: clientTLS(t, wire.TLSFiles{CA: ca.File()}),
	}), "x")
	require.NoError(t, err)
}

// impostor is what one side shows instead of what it should.
type impostor struct {
	name  string
	files wire.TLSFiles
	plain bool
	old   bool // speaks TLS 1.2 at most
}

func (i impostor) config(t testing.TB, get func(testing.TB, wire.TLSFiles) *tls.Config) *tls.Config {
	if i.plain {
		return nil
	}
	c := get(t, i.files)
	if i.old {
		c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	}
	return c
}

// impostors are those that either side must refuse, whose real name is given.
func impostors(ca, other *wiretest.Authority, names []string) []impostor {
	foreign := other.Issue(wiretest.Leaf{Names: names})
	foreign.CA = ca.File()
	return []impostor{
		{name: "another authority", files: foreign},
		{name: "expired", files: ca.Issue(wiretest.Leaf{Names: names, Expired: true})},
		{name: "not yet valid", files: ca.Issue(wiretest.Leaf{Names: names, Early: true})},
		{name: "self-signed", files: ca.Issue(wiretest.Leaf{Names: names, SelfSigned: true})},
		{name: "TLS 1.2", files: ca.Issue(wiretest.Leaf{Names: names}), old: true},
		{name: "no TLS", plain: true},
	}
}

func TestImpostorsAreRefusedUnderMutualTLS(t *testing.T) {
	ca, other := wiretest.NewAuthority(t), wiretest.NewAuthority(t)
	cases := 0

	clients := append(impostors(ca, other, nil), impostor{name: "no certificate", files: wire.TLSFiles{CA: ca.File()}})
	s, _ := newServer(t, wire.ServerOptions{TLS: serverTLS(t, ca.Issue(wiretest.Leaf{})), Bounds: wire.Bounds{Handshake: time.Second}})
	addr := listen(t, s)
	for _, who := range clients {
		_, err := wire.Dial(t.Context(), addr, wire.ClientOptions{TLS: who.config(t, clientTLS)})
		require.Error(t, err, "client: %s", who.name)
		require.True(t, wire.Definite(err))
		cases++
	}

	wrongName := impostor{name: "wrong name", files: ca.Issue(wiretest.Leaf{Names: []string{"elsewhere"}})}
	for _, who := range append(impostors(ca, other, nil), wrongName) {
		s, _ := newServer(t, wire.ServerOptions{TLS: who.config(t, serverTLS), Bounds: wire.Bounds{Handshake: time.Second}})
		config := clientTLS(t, ca.Issue(wiretest.Leaf{}))
		config.ServerName = "localhost"
		_, err := wire.Dial(t.Context(), listen(t, s), wire.ClientOptions{TLS: config, Bounds: wire.Bounds{Handshake: time.Second}})
		require.Error(t, err, "server: %s", who.name)
		cases++
	}

	node := func(n machine.Node) wiretest.Leaf { return wiretest.Leaf{Names: []string{wire.NodeName(n)}} }
	peers := impostors(ca, other, []string{wire.NodeName(2)})[:5]
	peers = append(peers, impostor{name: "another node", files: ca.Issue(node(3))}, impostor{name: "a client", files: ca.Issue(wiretest.Leaf{})})
	for _, who := range peers[:5] {
		cases += peersStayApart(t, "dialling: "+who.name, who.config(t, clientTLS), serverTLS(t, ca.Issue(node(1))))
	}
	for _, who := range peers[5:] {
		cases += peersStayApart(t, "dialling: "+who.name, who.config(t, clientTLS), serverTLS(t, ca.Issue(node(1))))
		cases += peersStayApart(t, "dialled: "+who.name, clientTLS(t, ca.Issue(node(2))), who.config(t, serverTLS))
	}
	cases += peersStayApart(t, "dialled: self-signed", clientTLS(t, ca.Issue(node(2))), peers[3].config(t, serverTLS))
	require.Equal(t, 24, cases)
	t.Logf("certificates: %d impostors, all refused", cases)
	tally.Add(t, "badinputs", cases)
}

// peersStayApart checks that node 2, dialling, and node 1, dialled, do not come
// together, and returns 1.
func peersStayApart(t *testing.T, name string, dialling, dialled *tls.Config) int {
	received := func(machine.Node, []byte) { t.Errorf("%s: got through", name) }
	two, one := make(chan struct{}, 10), make(chan struct{}, 1)
	p1 := wire.NewPeers(wire.PeerOptions{Self: 1, Receive: received, Addrs: map[machine.Node]string{2: "nowhere:0"}})
	defer p1.Close()
	s := wire.NewServer(wire.ServerOptions{TLS: dialled, Peers: p1, Bounds: wire.Bounds{Handshake: time.Second}})
	addr := listen(t, s)
	tries := 0
	p2 := wire.NewPeers(wire.PeerOptions{
		Self: 2, Receive: received, TLS: dialling, Addrs: map[machine.Node]string{1: addr},
		Dial: func(ctx context.Context, addr string) (net.Conn, error) {
			if tries++; tries == 3 {
				close(one)
			}
			return wire.Connect(ctx, addr)
		},
		Link: func(machine.Node, bool) { two <- struct{}{} },
	})
	p2.Send(1, []byte("let me in"))
	<-one // it tries again and again
	p2.Close()
	require.Empty(t, two, "%s: link came up", name)
	require.Zero(t, p1.Stats().Received)
	return 1
}

func TestPeersUnderMutualTLSKnowEachOtherByName(t *testing.T) {
	ca := wiretest.NewAuthority(t)
	one := ca.Issue(wiretest.Leaf{Names: []string{wire.NodeName(1)}})
	two := ca.Issue(wiretest.Leaf{Names: []string{"localhost", wire.NodeName(2)}})
	got := make(chan string, 1)
	p1 := wire.NewPeers(wire.PeerOptions{
		Self: 1, Addrs: map[machine.Node]string{2: "127.0.0.1:1"}, TLS: clientTLS(t, one),
		Receive: func(from machine.Node, b []byte) { got <- wire.NodeName(from) + " says " + string(b) },
	})
	defer p1.Close()
	s := wire.NewServer(wire.ServerOptions{TLS: serverTLS(t, one), Peers: p1})
	p2 := wire.NewPeers(wire.PeerOptions{
		Self: 2, Addrs: map[machine.Node]string{1: listen(t, s)}, TLS: clientTLS(t, two),
		Receive: func(machine.Node, []byte) {},
	})
	defer p2.Close()
	require.True(t, p2.Send(1, []byte("hello")))
	require.Equal(t, "node-2 says hello", <-got)
}

func TestAPeerWithoutACertificateIsRefusedUnderTLS(t *testing.T) {
	ca := wiretest.NewAuthority(t)
	files := ca.Issue(wiretest.Leaf{Names: []string{wire.NodeName(1)}})
	files.CA = "" // encryption, but no certificates of clients
	peersStayApart(t, "no client certificates", clientTLS(t, wire.TLSFiles{CA: ca.File()}), serverTLS(t, files))
}

func TestErrorsOfTLSFilesNameTheFile(t *testing.T) {
	ca := wiretest.NewAuthority(t)
	good := ca.Issue(wiretest.Leaf{})
	junk := filepath.Join(t.TempDir(), "junk.pem")
	require.NoError(t, os.WriteFile(junk, []byte("no PEM"), 0o600))
	for name, c := range map[string]struct {
		files wire.TLSFiles
		says  string
	}{
		"absent certificate":      {wire.TLSFiles{Cert: "absent.pem", Key: good.Key}, "absent.pem"},
		"absent key":              {wire.TLSFiles{Cert: good.Cert, Key: "absent.key"}, "absent.key"},
		"certificate of no PEM":   {wire.TLSFiles{Cert: junk, Key: good.Key}, junk},
		"absent authorities":      {wire.TLSFiles{Cert: good.Cert, Key: good.Key, CA: "absent-ca.pem"}, "absent-ca.pem"},
		"authorities of no PEM":   {wire.TLSFiles{Cert: good.Cert, Key: good.Key, CA: junk}, junk},
		"certificate without key": {wire.TLSFiles{Cert: good.Cert}, good.Cert},
		"another one's key":       {wire.TLSFiles{Cert: good.Cert, Key: ca.Issue(wiretest.Leaf{}).Key}, good.Cert},
	} {
		_, err := c.files.Server()
		require.ErrorContains(t, err, c.says, name)
		_, err = c.files.Client()
		require.ErrorContains(t, err, c.says, name)
	}
	_, err := wire.TLSFiles{CA: ca.File()}.Server()
	require.ErrorContains(t, err, "needs a certificate")
}

func TestALinkUnderTLSThatSaysNothingIsClosed(t *testing.T) {
	ca := wiretest.NewAuthority(t)
	s, _ := newServer(t, wire.ServerOptions{
		TLS: serverTLS(t, ca.Issue(wiretest.Leaf{})), Bounds: wire.Bounds{Handshake: 50 * time.Millisecond},
	})
	addr := listen(t, s)
	var all sync.WaitGroup
	for range 20 {
		conn, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		defer conn.Close()
		all.Go(func() {
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				t.Error("the server speaks first")
			}
		})
	}
	all.Wait()
}
