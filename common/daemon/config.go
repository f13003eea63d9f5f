package daemon

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"dss.example/common/daemon/cli"
	"dss.example/common/machine"
)

// Config is what the flags say, checked.
type Config struct {
	Stage        int
	Listen       string       // where it listens; once it does, with the real port
	Data         string       // an existing directory, or empty
	ID           machine.Node // 0 without peers
	Peers        []Peer       // in order of IDs, itself among them; empty without
	TLS          TLSFiles
	Record       string        // a file to keep every input in, or empty
	MaxConns     int           // connections at a time; one more is refused
	DrainTimeout time.Duration // from the signal to the cut
	HTTP         string        // where health and metrics listen, or empty
	Log          *slog.Logger

	// Fail ends the process because the Store cannot go on, as after a failed
	// fsync. The first call counts; it returns at once.
	Fail func(error)
}

// Peer is one server of a group and the address that clients and other peers
// reach it at.
type Peer struct {
	ID   machine.Node
	Addr string
}

// TLSFiles name PEM files. Without Cert there is no TLS; with CA the other side
// must show a certificate that it signed.
type TLSFiles struct{ Cert, Key, CA string }

// Bounds of the flags.
const (
	maxPeers   = 64
	maxMaxConn = 1 << 20
)

// options are the flags as they were typed.
type options struct {
	listen, data, record, http string
	id                         uint64
	peers                      peersValue
	tls                        TLSFiles
	maxConns                   int
	drainTimeout               time.Duration
	level                      levelValue
}

func (o *options) declare(f *flag.FlagSet, p Program) {
	if p.Peers {
		f.Uint64Var(&o.id, "id", 0, "be number `N` of -peers")
		f.Var(&o.peers, "peers", "the whole group, this server too, as `1=ADDR,2=ADDR,...`")
		cli.AddrVar(f, &o.listen, "listen", "",
			"serve clients and peers on `ADDR`; without it on the own entry in -peers, or "+p.listenPreset())
	} else {
		cli.AddrVar(f, &o.listen, "listen", p.listenPreset(), "serve clients on `ADDR`")
	}
	if p.Data {
		f.StringVar(&o.data, "data", "", "keep the data in `DIR`, which is made if missing")
	}
	f.StringVar(&o.tls.Cert, "tls-cert", "", "show the certificate in PEM `FILE`")
	f.StringVar(&o.tls.Key, "tls-key", "", "its key, in PEM `FILE`")
	f.StringVar(&o.tls.CA, "tls-ca", "", "demand a certificate that the authority in PEM `FILE` has signed")
	f.StringVar(&o.record, "record", "", "keep every input in `FILE`, for sim to replay")
	f.IntVar(&o.maxConns, "max-conns", 1024, "take `N` connections at a time")
	f.DurationVar(&o.drainTimeout, "drain-timeout", 10*time.Second, "give requests `TIME` to end after SIGTERM")
	cli.AddrVar(f, &o.http, "http", "", "serve /healthz, /readyz, /metrics and /debug/pprof on `ADDR`; without it nowhere")
	f.Var(&o.level, "v", "log from `LEVEL` up: debug, info, warn or error")
	if p.Flags != nil {
		p.Flags(f)
	}
}

// config checks what one flag alone does not tell and makes what is missing.
func (o *options) config(p Program, logTo io.Writer) (*Config, error) {
	if err := o.check(p); err != nil {
		return nil, err
	}
	c := &Config{
		Stage: p.Stage, Listen: o.listen, Data: o.data, ID: machine.Node(o.id), Peers: o.peers, TLS: o.tls,
		Record: o.record, MaxConns: o.maxConns, DrainTimeout: o.drainTimeout, HTTP: o.http,
		Log: slog.New(slog.NewTextHandler(logTo, &slog.HandlerOptions{Level: o.level.slog()})),
	}
	if c.Listen == "" {
		c.Listen = p.listenPreset()
		if own := c.own(); own >= 0 {
			c.Listen = c.Peers[own].Addr
		}
	}
	if len(c.Peers) > 0 && c.own() < 0 {
		return nil, cli.Usagef("-id %d is not in -peers: want one of %s", o.id, o.peers.ids())
	}
	return c, c.prepare()
}

func (o *options) check(p Program) error {
	switch {
	case o.maxConns < 1 || o.maxConns > maxMaxConn:
		return cli.Usagef("bad value %d for -max-conns: want 1 to %d", o.maxConns, maxMaxConn)
	case o.drainTimeout < 0:
		return cli.Usagef("bad value %v for -drain-timeout: want 0 or more", o.drainTimeout)
	case p.Data && o.data == "":
		return cli.Usagef("flag -data is missing: want the directory that keeps the data")
	case (o.id == 0) != (len(o.peers) == 0):
		return cli.Usagef("-id and -peers belong together: want -id 1 -peers 1=ADDR,2=ADDR,3=ADDR")
	case (o.tls.Cert == "") != (o.tls.Key == ""):
		return cli.Usagef("-tls-cert and -tls-key belong together: want both")
	case o.tls.CA != "" && o.tls.Cert == "":
		return cli.Usagef("-tls-ca without a certificate of its own: want -tls-cert and -tls-key too")
	}
	return nil
}

// own returns the index of this server's entry in Peers, or -1.
func (c *Config) own() int {
	return slices.IndexFunc(c.Peers, func(p Peer) bool { return p.ID == c.ID })
}

// prepare touches the files that the flags name, so that a wrong one is found
// before the server serves.
func (c *Config) prepare() error {
	for _, file := range []string{c.TLS.Cert, c.TLS.Key, c.TLS.CA} {
		if file == "" {
			continue
		}
		f, err := os.Open(file)
		if err != nil {
			return fmt.Errorf("certificate file: %w", err)
		}
		f.Close()
	}
	if c.Data != "" {
		if err := os.MkdirAll(c.Data, 0o700); err != nil {
			return fmt.Errorf("data directory: %w", err)
		}
	}
	if c.Record == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(c.Record), 0o700); err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	f, err := os.OpenFile(c.Record, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	return f.Close()
}

// levelValue is a flag that holds a level of the log.
type levelValue string

func (v *levelValue) String() string { return string(*v) }

func (v *levelValue) Set(s string) error {
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, s) {
		return errors.New("want debug, info, warn or error")
	}
	*v = levelValue(s)
	return nil
}

func (v *levelValue) slog() (l slog.Level) {
	_ = l.UnmarshalText([]byte(*v)) // Set has refused what this could
	return l
}

// peersValue is a flag that holds the servers of a group.
type peersValue []Peer

func (v *peersValue) String() string {
	words := make([]string, len(*v))
	for i, p := range *v {
		words[i] = fmt.Sprintf("%d=%s", p.ID, p.Addr)
	}
	return strings.Join(words, ",")
}

func (v *peersValue) Set(s string) error {
	var peers []Peer
	for word := range strings.SplitSeq(s, ",") {
		id, addr, _ := strings.Cut(word, "=")
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil || n == 0 || cli.CheckAddr(addr) != nil {
			return fmt.Errorf("want 1=HOST:PORT,2=HOST:PORT,..., got %q", word)
		}
		peers = append(peers, Peer{machine.Node(n), addr})
	}
	if len(peers) > maxPeers {
		return fmt.Errorf("want at most %d servers, got %d", maxPeers, len(peers))
	}
	slices.SortFunc(peers, func(a, b Peer) int { return cmp.Compare(a.ID, b.ID) })
	for i := 1; i < len(peers); i++ {
		if peers[i].ID == peers[i-1].ID {
			return fmt.Errorf("want each number once, got %d twice", peers[i].ID)
		}
	}
	*v = peers
	return nil
}

func (v peersValue) ids() string {
	words := make([]string, len(v))
	for i, p := range v {
		words[i] = fmt.Sprint(p.ID)
	}
	return strings.Join(words, ", ")
}
