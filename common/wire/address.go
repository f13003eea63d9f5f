package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// unixPrefix marks the address of a Unix socket.
const unixPrefix = "unix:"

// Listen listens at "HOST:PORT" or "unix:PATH". The socket of a process that died
// is replaced; that of one that lives is not.
func Listen(addr string) (net.Listener, error) {
	path, ok := strings.CutPrefix(addr, unixPrefix)
	if !ok {
		return net.Listen("tcp", addr)
	}
	l, err := net.Listen("unix", path)
	if errors.Is(err, syscall.EADDRINUSE) && isDeadSocket(path) {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
		return net.Listen("unix", path)
	}
	return l, err
}

func isDeadSocket(path string) bool {
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// Connect connects to "HOST:PORT" or "unix:PATH". TCP connections send at once
// what is written (net's default): frames are gathered before.
func Connect(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	if path, ok := strings.CutPrefix(addr, unixPrefix); ok {
		return d.DialContext(ctx, "unix", path)
	}
	return d.DialContext(ctx, "tcp", addr)
}

// dial connects and, if config is given, does the TLS handshake; it takes at most
// timeout. The server's name is the host of addr unless config says otherwise.
func dial(
	ctx context.Context, addr string, connect func(context.Context, string) (net.Conn, error),
	config *tls.Config, timeout time.Duration,
) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	raw, err := connect(ctx, addr)
	if err != nil || config == nil {
		return raw, err
	}
	if config.ServerName == "" {
		config = config.Clone()
		if config.ServerName, _, err = net.SplitHostPort(addr); err != nil {
			config.ServerName = "localhost"
		}
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, fmt.Errorf("tls: %w", err)
	}
	return conn, nil
}
