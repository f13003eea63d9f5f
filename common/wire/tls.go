package wire

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"dss.example/common/machine"
)

// NodeName returns the DNS name that a node's certificate must carry: "node-3".
func NodeName(n machine.Node) string { return fmt.Sprintf("node-%d", n) }

// TLSFiles names PEM files. Cert and Key are this side's, and come together. CA
// holds the authorities that the far side's certificate must come from: a server
// that has it asks every client for one (mutual TLS), a client without it trusts
// the system's.
type TLSFiles struct{ Cert, Key, CA string }

// Server returns what a server needs: TLS 1.3, with client certificates if CA is
// given. An error names the file.
func (f TLSFiles) Server() (*tls.Config, error) {
	if f.Cert == "" {
		return nil, fmt.Errorf("tls: a server needs a certificate file")
	}
	c, pool, err := f.load()
	if err == nil && pool != nil {
		c.ClientCAs, c.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	return c, err
}

// Client returns what a client or a dialling peer needs: TLS 1.3, with a
// certificate to show if Cert is given. An error names the file.
func (f TLSFiles) Client() (*tls.Config, error) {
	c, pool, err := f.load()
	if err == nil {
		c.RootCAs = pool
	}
	return c, err
}

func (f TLSFiles) load() (*tls.Config, *x509.CertPool, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS13}
	if (f.Cert == "") != (f.Key == "") {
		return nil, nil, fmt.Errorf("tls: certificate %q with key %q: both or neither", f.Cert, f.Key)
	}
	if f.Cert != "" {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, nil, fmt.Errorf("tls: certificate %s with key %s: %w", f.Cert, f.Key, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if f.CA == "" {
		return c, nil, nil
	}
	pem, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, nil, fmt.Errorf("tls: authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, nil, fmt.Errorf("tls: authorities: no certificate in %s", f.CA)
	}
	return c, pool, nil
}
