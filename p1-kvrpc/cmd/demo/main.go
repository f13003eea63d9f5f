//go:build unix

// Demo is the main job of stage 1 on real input: servers and clients as processes, a
// network that is being harmed, every byte compared, every answer judged.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"dss.example/common/daemon/cli"
	"dss.example/common/demo"
	"dss.example/common/faultproxy"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/wire"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/session"
)

const (
	loaders = 4  // client processes that share the load
	seed    = 42 // of all faults
)

func main() {
	// The demo sees to signals itself.
	os.Exit(cli.Run(context.Background(), command(), os.Args[1:], cli.Std{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

func command() *cli.Command {
	return demo.Command(cli.Command{
		Name:  "demo",
		Brief: "show what stage 1 can do while the network is being harmed",
		Detail: `It builds and starts the programs, loads Go's own source tree through proxies that
lose, repeat and cut, kills a client, compares every byte and judges every answer: about
half a minute. Its last line says PASSED or FAILED; it leaves nothing behind.`,
		Example: "go run ./p1-kvrpc/cmd/demo",
	}, demo.Program{
		Title: "Stage 1: a key-value store over net/rpc, and a network that is being harmed",
		Next:  "go run ./p1-kvrpc/cmd/sim -mode at-least-once -schedules 5000   # what a retry without a session does",
		Run:   play,
	})
}

// stage is what the chapters share.
type stage struct {
	*demo.Show
	kv      string // the client program
	server  *demo.Process
	proxies []*faultproxy.Proxy
	fronts  []string // the proxies' addresses
	tree    demo.Tree
	root    string
}

func play(ctx context.Context, show *demo.Show) error {
	s := &stage{Show: show}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	defer s.close()
	for _, chapter := range []func(context.Context) error{s.load, s.compare, s.share} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return s.stop(ctx)
}

// prepare builds the programs and starts the server with a proxy a client in front.
func (s *stage) prepare(ctx context.Context) error {
	step := s.Begin("build the programs", 0, "")
	bins, err := s.Build(ctx, "dss.example/p1-kvrpc/cmd/kvd", "dss.example/p1-kvrpc/cmd/kv")
	if err != nil {
		return err
	}
	step.End()
	s.kv = bins[1]
	goroot, err := demo.GoRoot(ctx)
	if err != nil {
		return err
	}
	s.root = filepath.Join(goroot, "src")
	if s.tree, err = demo.ListFiles(s.root); err != nil {
		return err
	}
	if s.server, err = s.Start(ctx, bins[0], "-listen", "127.0.0.1:0"); err != nil {
		return err
	}
	for i := range loaders {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		rates := faultproxy.Rates{Delay: 0.01, Drop: 0.001, Duplicate: 0.002, Reorder: 0.002, Cut: 0.0005, Refuse: 0.2}
		p := faultproxy.New(faultproxy.Config{
			Listen: ln, Dial: func(ctx context.Context) (net.Conn, error) { return wire.Connect(ctx, s.server.Addr()) },
			Seed: seed + uint64(i), Rates: rates, Times: faultproxy.Times{Longest: 100 * time.Millisecond, Outage: 300 * time.Millisecond},
		})
		s.proxies, s.fronts = append(s.proxies, p), append(s.fronts, ln.Addr().String())
		go func() { _ = p.Serve() }() // it ends with Close; its listener's failure shows as clients that cannot connect
	}
	s.Say("%s on %s; %d files, %d MB below %s; %d left out", s.server, s.server.Addr(), len(s.tree.Files), s.tree.Bytes>>20, s.root, len(s.tree.LeftOut))
	return nil
}

func (s *stage) close() {
	for _, p := range s.proxies {
		_ = p.Close() // closing a listener twice tells nothing
	}
}

// harm tells which faults have struck since before.
func (s *stage) harm(before faultproxy.Stats) string {
	now := s.stats()
	var parts []string
	for f := range faultproxy.NumFaults {
		if n := now.Faults[f] - before.Faults[f]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, f))
		}
	}
	return strings.Join(parts, ", ")
}

func (s *stage) stats() (sum faultproxy.Stats) {
	for _, p := range s.proxies {
		sum = sum.Plus(p.Stats())
	}
	return sum
}

// open returns a client of the server through one of the proxies, or directly for a
// negative number.
func (s *stage) open(ctx context.Context, front int) (*client.Client, error) {
	addr := s.server.Addr()
	if front >= 0 {
		addr = s.fronts[front%loaders]
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return client.Open(ctx, client.Options{Addrs: []string{addr}, Session: session.Config{
		Attempt: 300 * machine.Millisecond, Timeout: 30 * machine.Second, Retries: 100,
	}})
}

// load puts every file into the store by several client processes, one of which is
// killed in the middle and started again.
func (s *stage) load(ctx context.Context) error {
	before := s.stats()
	direct, err := s.open(ctx, -1)
	if err != nil {
		return err
	}
	defer direct.Close()
	step := s.Begin("load Go's own source tree", int64(len(s.tree.Files)), "files")
	clients := make([]*demo.Process, loaders)
	for i := range clients {
		if clients[i], err = s.startLoader(i); err != nil {
			return err
		}
	}
	killed := false
	for done := 0; done < loaders; {
		n, err := keys(ctx, direct)
		if err != nil {
			return err
		}
		step.Add(int64(n) - step.Count())
		if !killed && n > len(s.tree.Files)/3 {
			killed = true
			clients[1].Kill()
			s.Say("killed %s in the middle; starting it again", clients[1])
			if clients[1], err = s.startLoader(1); err != nil {
				return err
			}
		}
		if done, err = finished(ctx, clients); err != nil {
			return err
		}
	}
	rate := step.End()
	if !killed {
		return errors.New("no client was killed: the load was over too soon")
	}
	s.Row(demo.Row{
		What:   fmt.Sprintf("%d files loaded by %d client processes", len(s.tree.Files), loaders),
		Broken: s.harm(before) + "; 1 client killed",
		Note:   "every put acknowledged", Rate: rate,
	})
	return nil
}

func (s *stage) startLoader(i int) (*demo.Process, error) {
	return s.Launch(s.kv, "-s", s.fronts[i], "-timeout", "30s", "load", "-quiet", "-prefix", "go/",
		"-shard", fmt.Sprintf("%d/%d", i, loaders), s.root)
}

func keys(ctx context.Context, c *client.Client) (int, error) {
	stats, err := kv.NewClient(c).Stat(ctx, false)
	return int(stats.Keys), err
}

// finished counts the clients that have ended, after waiting a little for the next.
func finished(ctx context.Context, clients []*demo.Process) (n int, err error) {
	wait := time.NewTimer(100 * time.Millisecond)
	defer wait.Stop()
	for _, p := range clients {
		select {
		case <-p.Done():
			if err := p.Stop(ctx); err != nil {
				return n, err
			}
			n++
			continue
		default:
		}
		select {
		case <-p.Done():
		case <-wait.C:
			return n, nil
		case <-ctx.Done():
			return n, ctx.Err()
		}
	}
	return n, nil
}

// compare reads every file back, over a connection that is not harmed, and compares
// every byte.
func (s *stage) compare(ctx context.Context) error {
	c, err := s.open(ctx, -1)
	if err != nil {
		return err
	}
	defer c.Close()
	rate, err := s.Check("compare every byte", s.tree, func(f demo.File) error { return same(ctx, c, f) })
	row := demo.Row{What: fmt.Sprintf("%d MB read back and compared", s.tree.Bytes>>20), Note: "every byte equal", Rate: rate}
	if err != nil {
		row.Err = err
	} else if n, err := keys(ctx, c); err != nil || n != len(s.tree.Files) {
		row.Err = errors.Join(err, fmt.Errorf("the store has %d keys: want %d", n, len(s.tree.Files)))
	}
	s.Row(row)
	return nil
}

func same(ctx context.Context, c *client.Client, f demo.File) error {
	want, err := f.Read()
	if err != nil {
		return err
	}
	item, err := kv.NewClient(c).Get(ctx, "go/"+f.Key)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Key, err)
	}
	if string(item.Value) != string(want) {
		return fmt.Errorf("%s: %d bytes in the store, %d in the file, and not the same", f.Key, len(item.Value), len(want))
	}
	return nil
}

// stop drains the server: it must end cleanly.
func (s *stage) stop(ctx context.Context) error {
	s.close()
	err := s.server.Stop(ctx)
	s.Row(demo.Row{What: "the server was told to stop", Err: err, Note: "drained, exit code 0"})
	return nil
}
