package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
)

func (a *app) members() *cli.Command {
	return &cli.Command{
		Name: "members", Brief: "print who is in the group, or change that",
		Detail: `Without a verb: the group, then a line for each member, and for each replica that
catches up: its number, role and address, separated by tabs. Any member may be asked:
kv finds the leader by itself.`,
		Example: "kv members\nkv members add 4\nkv members replace 2 4",
		Run:     a.listMembers,
		Verbs: []*cli.Command{
			{
				Name: "add", Brief: "add a replica that runs with -join and has caught up", Args: "ID", Example: "kv members add 4",
				Run: func(ctx context.Context, args []string, std cli.Std) error {
					return a.changeMembers(ctx, "", args[0], std)
				},
			},
			{
				Name: "remove", Brief: "remove a member", Args: "ID", Example: "kv members remove 2",
				Run: func(ctx context.Context, args []string, std cli.Std) error {
					return a.changeMembers(ctx, args[0], "", std)
				},
			},
			{
				Name: "replace", Brief: "let a replica that has caught up take a member's place", Args: "OLD NEW", Example: "kv members replace 2 4",
				Run: func(ctx context.Context, args []string, std cli.Std) error {
					if args[0] == args[1] {
						return cli.Usagef("replica %s cannot replace itself: started anew with an empty disk and -join, it is taken up without being asked for", args[0])
					}
					return a.changeMembers(ctx, args[0], args[1], std)
				},
			},
		},
	}
}

func (a *app) changeMembers(ctx context.Context, remove, add string, std cli.Std) (err error) {
	var change kv.Change
	if remove != "" {
		change.Remove, err = parseReplica(remove)
	}
	if add != "" && err == nil {
		change.Add, err = parseReplica(add)
	}
	if err != nil {
		return err
	}
	return a.withLeader(ctx, func(ctx context.Context, c *kv.Client) error {
		if err := c.Change(ctx, change); err != nil {
			return advised(err)
		}
		if a.json {
			return printJSON(std.Out, changeJSON{Added: uint64(change.Add), Removed: uint64(change.Remove)})
		}
		_, err := fmt.Fprintln(std.Out, "ok")
		return err
	})
}

type changeJSON struct {
	Added   uint64 `json:"added,omitempty"`
	Removed uint64 `json:"removed,omitempty"`
}

func parseReplica(s string) (kv.ReplicaID, error) {
	id, err := strconv.ParseUint(s, 10, 64)
	if err != nil || id == 0 {
		return 0, cli.Usagef("replica %q: want its number, such as 4", s)
	}
	return kv.ReplicaID(id), nil
}

// advised says how to find out what nobody has answered.
func advised(err error) error {
	if errors.Is(err, kv.ErrMaybe) {
		return fmt.Errorf("%w (kv members tells whether it was done)", err)
	}
	return err
}

func (a *app) transfer() *cli.Command {
	return &cli.Command{
		Name: "transfer", Brief: "let another member lead, and wait until it does", Args: "ID",
		Detail:  "Any member may be asked: kv finds the leader by itself.",
		Example: "kv transfer 2",
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			id, err := parseReplica(args[0])
			if err != nil {
				return err
			}
			return a.withLeader(ctx, func(ctx context.Context, c *kv.Client) error {
				if err := c.Transfer(ctx, id); err != nil {
					return advised(err)
				}
				if err := leads(ctx, c, id); err != nil {
					return advised(err)
				}
				if a.json {
					return printJSON(std.Out, map[string]uint64{"leader": uint64(id)})
				}
				_, err := fmt.Fprintln(std.Out, "ok")
				return err
			})
		},
	}
}

// leads waits until a member that was asked to lead does.
func leads(ctx context.Context, c *kv.Client, id kv.ReplicaID) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if g, err := c.Members(ctx); err == nil && g.Leader == id {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: replica %d was asked to lead, and does not yet", kv.ErrMaybe, id)
		}
	}
}

// at is a with other servers to ask.
func (a *app) at(addrs ...string) *app {
	b := *a
	b.addrs = addrs
	return &b
}

// withGroup is with for what needs a group of servers.
func (a *app) withGroup(ctx context.Context, fn func(context.Context, *kv.Client) error) error {
	return a.with(ctx, func(ctx context.Context, c *kv.Client) error {
		if !c.Offers().Has.Has(kv.CapMembers) {
			return noSuch("members", 4)
		}
		return fn(ctx, c)
	})
}

// withLeader is withGroup for what only the leader does. Whoever is asked first tells where
// that is; should it have moved by then, a client that knows all members is told so.
func (a *app) withLeader(ctx context.Context, fn func(context.Context, *kv.Client) error) error {
	g, err := a.askMembers(ctx)
	if err != nil {
		return err
	}
	return a.at(leaderFirst(&g, a.addrs)...).withGroup(ctx, fn)
}

// askMembers asks any server of -s.
func (a *app) askMembers(ctx context.Context) (g kv.Group, err error) {
	err = a.withGroup(ctx, func(ctx context.Context, c *kv.Client) error {
		g, err = c.Members(ctx)
		return err
	})
	return g, err
}

// leaderFirst returns where to ask: the leader, the servers that have answered, then all
// other members; no more of them than a client takes.
func leaderFirst(g *kv.Group, known []string) []string {
	const most = 64
	var addrs []string
	if leader := leaderOf(g); leader != "" {
		addrs = append(addrs, leader)
	}
	addrs = append(addrs, known...)
	for _, m := range g.Members {
		addrs = append(addrs, m.Addr)
	}
	kept := addrs[:0]
	for _, addr := range addrs {
		if cli.CheckAddr(addr) == nil && !slices.Contains(kept, addr) {
			kept = append(kept, addr)
		}
	}
	return kept[:min(len(kept), most)]
}

func leaderOf(g *kv.Group) string {
	for _, m := range g.Members {
		if m.ID == g.Leader && cli.CheckAddr(m.Addr) == nil {
			return m.Addr
		}
	}
	return ""
}

// reach is how long to try to reach a leader whom another has named, and who may be out of
// reach from here.
const reach = time.Second

// listMembers prints what the leader knows, or else the server that was asked: it does not
// know who catches up.
func (a *app) listMembers(ctx context.Context, _ []string, std cli.Std) error {
	g, err := a.askMembers(ctx)
	if err != nil {
		return err
	}
	if leader := leaderOf(&g); leader != "" && g.Leader != g.Asked {
		b := a.at(leader)
		b.timeout = min(a.timeout, reach)
		if its, err := b.askMembers(ctx); err == nil {
			g = its
		}
	}
	if a.json {
		return printJSON(std.Out, jsonGroup(&g))
	}
	return printGroup(std.Out, &g)
}

func printGroup(w io.Writer, g *kv.Group) error {
	fmt.Fprintf(w, "group %d\tquorums %d and %d\t%s", g.Version, g.Quorum1, g.Quorum2, leaderText(g.Leader))
	if g.From > g.Commit+1 {
		fmt.Fprintf(w, "\tfrom slot %d on, now %d", g.From, g.Commit)
	}
	fmt.Fprintln(w)
	for _, m := range g.Members {
		fmt.Fprintf(w, "%d\t%v\t%s\n", m.ID, m.Role, m.Addr)
	}
	for _, m := range g.Guests {
		state := fmt.Sprintf("slot %d of %d", m.Commit, g.Commit)
		if m.Ready {
			state = "ready"
		}
		fmt.Fprintf(w, "%d\t%v\t%s\t%s\n", m.ID, kv.Joining, m.Addr, state)
	}
	return nil
}

func leaderText(id kv.ReplicaID) string {
	if id == 0 {
		return "no leader"
	}
	return fmt.Sprintf("leader %d", id)
}

type (
	groupJSON struct {
		Version uint64       `json:"version"`
		From    uint64       `json:"from"`
		Commit  uint64       `json:"commit"`
		Quorum1 int          `json:"quorum1"`
		Quorum2 int          `json:"quorum2"`
		Asked   uint64       `json:"asked"`
		Leader  uint64       `json:"leader,omitempty"`
		Members []memberJSON `json:"members"`
		Guests  []guestJSON  `json:"guests,omitempty"`
	}
	memberJSON struct {
		ID   uint64 `json:"id"`
		Role string `json:"role"`
		Addr string `json:"addr"`
	}
	guestJSON struct {
		ID     uint64 `json:"id"`
		Addr   string `json:"addr"`
		Commit uint64 `json:"commit"`
		Ready  bool   `json:"ready"`
	}
)

func jsonGroup(g *kv.Group) groupJSON {
	j := groupJSON{
		Version: g.Version, From: g.From, Commit: g.Commit, Quorum1: g.Quorum1, Quorum2: g.Quorum2,
		Asked: uint64(g.Asked), Leader: uint64(g.Leader), Members: []memberJSON{},
	}
	for _, m := range g.Members {
		j.Members = append(j.Members, memberJSON{uint64(m.ID), m.Role.String(), m.Addr})
	}
	for _, m := range g.Guests {
		j.Guests = append(j.Guests, guestJSON{uint64(m.ID), m.Addr, m.Commit, m.Ready})
	}
	return j
}
