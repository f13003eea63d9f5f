// Bench measures the stages of the workspace beside their peers. It is a module of
// its own, outside go.work, so that what the peers depend on never reaches a
// student. Package harness says how it measures; "bench -h" what may be asked.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"dss.example/common/daemon/cli"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/stage1"
	"dss.example/common/bench/stage2"
	"dss.example/common/bench/stage3"
	"dss.example/common/bench/stage4"
)

// stages are all that have peers. A later stage adds its table here.
func stages() []harness.Stage {
	return []harness.Stage{stage1.Stage(), stage2.Stage(), stage3.Stage(), stage4.Stage()}
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "peer" {
		// A signal ends these at once: they hold nothing worth a farewell.
		os.Exit(cli.Run(context.Background(), peerProgram(), os.Args[2:], cli.Std{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}
	cli.Main(program())
}

// options are the flags.
type options struct {
	stage, rounds  int
	warmup, during time.Duration
	scale          float64
	callers, only  string
	json, svg, out string
}

func program() *cli.Command {
	var o options
	return &cli.Command{
		Name: "bench", Brief: "measure a stage beside its peers, on this machine",
		Detail: `Ours and the peers run in turn, the same load on each, a closed loop, servers and
clients in processes of their own. Only the ratios of one run count. Every bar is
"met" or "SHORT"; where it is short, the profile of both sides follows. Peers that
are not installed are named. It ends with 1 if a peer that is there did not work.
` + peerNames(),
		Example: `make bench STAGE=1
bench -stage 1
bench -stage 1 -only gob,echo -callers 1,64 -rounds 5 -for 500ms
bench -stage 1 -json bench.json -svg bench.svg
bench -stage 2 -scale 0.01 -rounds 1 -for 200ms`,
		Flags: o.declare,
		Run: func(ctx context.Context, _ []string, std cli.Std) error {
			c, err := o.config(std.Err)
			if err != nil {
				return err
			}
			return o.run(ctx, c, std)
		},
	}
}

// peerNames says what -only may name.
func peerNames() string {
	var b strings.Builder
	for _, s := range stages() {
		fmt.Fprintf(&b, "\nPeers of stage %d:\n", s.Number)
		for _, peer := range s.Systems[1:] {
			fmt.Fprintf(&b, "  %-10s  %s\n", peer.Name, peer.About)
		}
	}
	return b.String()
}

func (o *options) declare(f *flag.FlagSet) {
	f.IntVar(&o.stage, "stage", 1, "measure stage `N`")
	f.IntVar(&o.rounds, "rounds", 3, "give every system `N` turns in every cell")
	f.DurationVar(&o.warmup, "warmup", 300*time.Millisecond, "begin a turn with `TIME` that is not counted")
	f.DurationVar(&o.during, "for", time.Second, "measure `TIME` in a turn")
	f.Float64Var(&o.scale, "scale", 1, "make what is large only `SHARE` of its size, to 1")
	f.StringVar(&o.callers, "callers", "1,16,64,256", "numbers of callers, as `N,N,...`, of loads that have none of their own")
	f.StringVar(&o.only, "only", "", "compare with these peers only, as `PEER,PEER,...`")
	f.StringVar(&o.json, "json", "", "write all figures to `FILE`")
	f.StringVar(&o.svg, "svg", "", "draw the rates into `FILE`")
	f.StringVar(&o.out, "out", "", "write figures, drawing, text and profiles into `DIR`, which is made if missing")
}

// config checks the flags.
func (o *options) config(progress io.Writer) (harness.Config, error) {
	all := stages()
	i := slices.IndexFunc(all, func(s harness.Stage) bool { return s.Number == o.stage })
	if i < 0 {
		return harness.Config{}, cli.Usagef("stage %d has no benchmark: want one of %s", o.stage, numbers(all))
	}
	c := harness.Config{
		Stage: all[i], Rounds: o.rounds, Warmup: o.warmup, For: o.during, Scale: o.scale, Keep: o.out, Progress: progress,
	}
	if o.only != "" {
		c.Only = strings.Split(o.only, ",")
	}
	for word := range strings.SplitSeq(o.callers, ",") {
		n, err := strconv.Atoi(word)
		if err != nil {
			return harness.Config{}, cli.Usagef("bad value %q for -callers: want numbers such as 1,64", o.callers)
		}
		c.Callers = append(c.Callers, n)
	}
	if o.scale == 0 { // which a Config takes for 1
		return harness.Config{}, cli.Usagef("bad scale 0: want more than 0, to 1")
	}
	if err := c.Check(); err != nil {
		return harness.Config{}, cli.Usagef("%v", err)
	}
	return c, nil
}

// numbers lists those of stages.
func numbers(all []harness.Stage) string {
	var list []string
	for _, s := range all {
		list = append(list, strconv.Itoa(s.Number))
	}
	return strings.Join(list, ", ")
}

func (o *options) run(ctx context.Context, c harness.Config, std cli.Std) (err error) {
	if c.Root, err = workspace(); err != nil {
		return err
	}
	if c.Self, err = os.Executable(); err != nil {
		return err
	}
	if o.out != "" {
		if err := os.MkdirAll(o.out, 0o755); err != nil {
			return err
		}
	}
	r, err := harness.Run(ctx, c)
	if err != nil {
		return err
	}
	if err := o.write(c.Stage, r, std.Out); err != nil {
		return err
	}
	if r.Failed() {
		return fmt.Errorf("a peer did not work: see absent")
	}
	return nil
}

// write prints the record and keeps it in the files that the flags name.
func (o *options) write(s harness.Stage, r *harness.Record, out io.Writer) error {
	asText := func(w io.Writer) error { return s.Print(w, r) }
	asSVG := func(w io.Writer) error { return s.WriteSVG(w, r) }
	files := []struct {
		name  string
		write func(io.Writer) error
	}{{o.json, r.WriteJSON}, {o.svg, asSVG}, {o.in(".json"), r.WriteJSON}, {o.in(".svg"), asSVG}, {o.in(".txt"), asText}}
	for _, f := range files {
		if f.name == "" {
			continue
		}
		if err := writeFile(f.name, f.write); err != nil {
			return err
		}
	}
	return asText(out)
}

// in names a file of -out, "" without.
func (o *options) in(ext string) string {
	if o.out == "" {
		return ""
	}
	return filepath.Join(o.out, fmt.Sprintf("stage%d%s", o.stage, ext))
}

func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// workspace returns the nearest directory upwards that has a go.work.
func workspace() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.work here or above: want a directory of the workspace")
		}
	}
}

// peerProgram is this program in the part of a peer: the harness starts it so.
func peerProgram() *cli.Command {
	var t harness.Turn
	return &cli.Command{
		Name: "bench peer", Brief: "be a peer's server or driver; bench starts these",
		Example: "bench peer serve gob 127.0.0.1:7900\nbench peer drive gob 127.0.0.1:7900 -load shared -callers 16",
		Verbs: []*cli.Command{
			{Name: "serve", Args: "KIND ADDR", Brief: "serve", Run: servePeer, Example: "bench peer serve gob 127.0.0.1:7900"},
			{
				Name: "drive", Args: "KIND ADDR", Brief: "drive, and print a report", Example: "bench peer drive gob 127.0.0.1:7900",
				Flags: func(f *flag.FlagSet) {
					f.StringVar(&t.Load, "load", "shared", "`NAME` of the load")
					f.IntVar(&t.Callers, "callers", 16, "`N` callers at a time")
					f.DurationVar(&t.Warmup, "warmup", 300*time.Millisecond, "run `TIME` before measuring")
					f.DurationVar(&t.For, "for", time.Second, "measure `TIME`")
					f.Float64Var(&t.Scale, "scale", 1, "make what is large only `SHARE` of its size")
					f.StringVar(&t.Profile, "profile", "", "keep a CPU profile in `FILE`, if this peer is ours")
				},
				Run: func(_ context.Context, args []string, std cli.Std) error {
					p, err := peerOf(args[0])
					if err != nil {
						return err
					}
					r, err := p.Drive(args[1], t)
					if err != nil {
						return err
					}
					return json.NewEncoder(std.Out).Encode(r)
				},
			},
			{
				Name: "member", Args: "KIND I DIR ADDR,...", Brief: "serve as member I, from 0, of a group", Run: serveMember,
				Example: "bench peer member etcd 0 dir 127.0.0.1:7901,127.0.0.1:7902,127.0.0.1:7903,127.0.0.1:7904,127.0.0.1:7905,127.0.0.1:7906",
			},
		},
	}
}

func peerOf(kind string) (harness.Peer, error) {
	for _, s := range stages() {
		for _, p := range s.Peers {
			if p.Kind == kind {
				return p, nil
			}
		}
	}
	return harness.Peer{}, cli.Usagef("no peer %q", kind)
}

func servePeer(_ context.Context, args []string, _ cli.Std) error {
	p, err := peerOf(args[0])
	if err != nil {
		return err
	}
	if p.Serve == nil {
		return cli.Usagef("%s is served by another program", p.Kind)
	}
	ln, err := net.Listen("tcp", args[1])
	if err != nil {
		return err
	}
	return p.Serve(ln)
}

func serveMember(_ context.Context, args []string, _ cli.Std) error {
	p, err := peerOf(args[0])
	if err != nil {
		return err
	}
	if p.Member == nil {
		return cli.Usagef("%s has no members in processes of their own", p.Kind)
	}
	i, err := strconv.Atoi(args[1])
	if err != nil || i < 0 {
		return cli.Usagef("bad member %q: want a number from 0", args[1])
	}
	return p.Member(harness.Member{Index: i, Dir: args[2], Addrs: strings.Split(args[3], ",")})
}
