package wiretest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/wire"
)

// Authority signs certificates. It lives in a directory of the test's.
type Authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  ed25519.PrivateKey
	file string
}

// Leaf says what a certificate is to be. The zero value is valid for an hour, for
// localhost and 127.0.0.1.
type Leaf struct {
	Names      []string // DNS names; nil means localhost. 127.0.0.1 is always added
	Expired    bool     // an hour ago
	Early      bool     // valid only in an hour
	SelfSigned bool     // not by the authority
}

// NewAuthority makes an authority.
func NewAuthority(t testing.TB) *Authority {
	a := &Authority{t: t, dir: t.TempDir()}
	a.cert = template("test authority")
	a.cert.IsCA, a.cert.BasicConstraintsValid = true, true
	a.cert.KeyUsage = x509.KeyUsageCertSign
	var der []byte
	der, a.key = a.sign(a.cert, nil, nil)
	a.file = a.write("ca-*.pem", "CERTIFICATE", der)
	return a
}

// File returns the PEM file with the authority's certificate.
func (a *Authority) File() string { return a.file }

// Issue makes a certificate and returns its files, with the authority's as CA.
func (a *Authority) Issue(l Leaf) wire.TLSFiles {
	c := template("test leaf")
	if c.DNSNames = l.Names; l.Names == nil {
		c.DNSNames = []string{"localhost"}
	}
	c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	c.KeyUsage = x509.KeyUsageDigitalSignature
	if l.Expired {
		c.NotBefore, c.NotAfter = c.NotBefore.Add(-2*time.Hour), c.NotAfter.Add(-2*time.Hour)
	}
	if l.Early {
		c.NotBefore, c.NotAfter = c.NotBefore.Add(2*time.Hour), c.NotAfter.Add(2*time.Hour)
	}
	parent, parentKey := a.cert, a.key
	if l.SelfSigned {
		parent, parentKey = nil, nil
	}
	der, key := a.sign(c, parent, parentKey)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.t, err)
	return wire.TLSFiles{
		Cert: a.write("cert-*.pem", "CERTIFICATE", der),
		Key:  a.write("key-*.pem", "PRIVATE KEY", keyDER),
		CA:   a.file,
	}
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
}

// sign signs c with a key of its own if there is no parent.
func (a *Authority) sign(c, parent *x509.Certificate, parentKey ed25519.PrivateKey) ([]byte, ed25519.PrivateKey) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(a.t, err)
	if parent == nil {
		parent, parentKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, parentKey)
	require.NoError(a.t, err)
	return der, key
}

func (a *Authority) write(pattern, kind string, der []byte) string {
	f, err := os.CreateTemp(a.dir, pattern)
	require.NoError(a.t, err)
	defer f.Close()
	require.NoError(a.t, pem.Encode(f, &pem.Block{Type: kind, Bytes: der}))
	return filepath.Clean(f.Name())
}
