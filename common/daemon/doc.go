// Package daemon is everything of a server that is not its Store: flags, the
// readiness line, signals, drain, health and metrics. Each stage's kvd is a
// [Program], whose Open joins the parts of that stage, handed to [Main].
//
// # A life
//
//  1. Flags are checked, directories made, certificate files opened: what is wrong
//     with them is said on one line, before anything is touched.
//  2. The -http listener starts; /healthz says ok, /readyz says 503.
//  3. The port is taken, then the Store opened (recovery may take a while; clients
//     that connect meanwhile wait), then the [Server] made.
//  4. The first line on the standard output says that it serves:
//     "kvd stage=4 id=1 listening on 127.0.0.1:7001". /readyz says 200,
//     or 503 and why, as long as a [Readier] waits for something.
//  5. SIGTERM or an interrupt: /readyz says 503, nothing is accepted any more, what
//     is being served may end within -drain-timeout, then connections are cut. The
//     Store is closed and the exit code is 0. A second signal ends it at once, with 1.
//  6. A Store that fails on the way ([Config].Fail) cuts connections without drain:
//     after a failed fsync nothing may be acknowledged. The exit code is 1.
//
// Package daemon knows neither how requests travel nor what drives the machines:
// the Server is given to it.
package daemon
