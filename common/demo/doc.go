// Package demo is what the demo programs of the five stages share: each is a
// [Program], whose Run plays chapters on a [Show] and hands it the rows of a table.
//
//	func main() {
//		os.Exit(demo.Main(demo.Program{
//			Title: "Stage 1: a store behind remote procedure calls",
//			Next:  "go test ./...",
//			Run:   play,
//		}))
//	}
//
//	func play(ctx context.Context, s *demo.Show) error {
//		programs, err := s.Build(ctx, "dss.example/p1-kvrpc/cmd/kvd")
//		…
//		server, err := s.Start(ctx, programs[0], "-listen", "127.0.0.1:0")
//		…
//		step := s.Begin("load the Go source tree", total, "keys")
//		…
//		s.Row(demo.Row{What: "loaded 9,000 files", Broken: "one frame in fifty lost", Rate: step.End()})
//	}
//
// # What is left behind
//
// Nothing. A Show owns the processes that it started, each in a process group of
// its own, and one directory for temporary files. However Run ends (it returns, it
// fails, it panics, it is interrupted, the terminal is closed), the groups are
// killed and waited for and the directory is removed before Main returns. Run's
// context ends with the first interrupt; after a second one Main does not wait for
// Run. On Linux the processes die with the demo even if it is killed itself; only
// the directory stays then.
//
// # What is seen
//
// On a terminal one live line tells of the running step; elsewhere there is a plain
// line every five seconds. At the end comes the table, or a summary in its place, and
// one line that begins with PASSED or FAILED. A demo passes if Run returns nil, and there are rows, and none
// of them has an error. If it fails, the last words of the processes follow.
//
// Replicas that are cut off from each other are in package group, below this one.
//
// The package is for Unix systems.
package demo
