package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
)

func (a *app) status() *cli.Command {
	return &cli.Command{
		Name: "status", Brief: "print the state of each server of a group",
		Detail: `A line for each address of -s: the address, then its replica's number and role, whom
it follows, the highest ballot it takes part in, the last slot it has executed, the
first that is in its log, that of its snapshot, its group, and what it waits for, if
for anything, separated by tabs. 1 if any of them does not answer.`,
		Example: "kv -s 127.0.0.1:7001,127.0.0.1:7002,127.0.0.1:7003 status",
		Run: func(ctx context.Context, _ []string, std cli.Std) error {
			var failed []error
			for _, s := range a.inspect(ctx) {
				if s.err == nil {
					s.err = a.printStatus(std.Out, s)
				}
				if s.err != nil {
					failed = append(failed, fmt.Errorf("%s: %w", s.addr, s.err))
				}
			}
			return errors.Join(failed...)
		},
	}
}

// state is what one server has said of itself.
type state struct {
	addr string
	kv.Replica
	err error
}

// inspect asks all servers of -s at the same time, each by itself.
func (a *app) inspect(ctx context.Context) []state {
	all := make([]state, len(a.addrs))
	var asked sync.WaitGroup
	for i, addr := range a.addrs {
		asked.Go(func() {
			s := &all[i]
			s.addr = addr
			s.err = a.at(addr).withGroup(ctx, func(ctx context.Context, c *kv.Client) error {
				r, err := c.Inspect(ctx)
				s.Replica = r
				return err
			})
		})
	}
	asked.Wait()
	return all
}

func (a *app) printStatus(w io.Writer, s state) error {
	if a.json {
		return printJSON(w, jsonStatus(s))
	}
	_, err := fmt.Fprintf(w, "%s\treplica %d\t%v\t%s\tballot %v\tslot %d\tfirst %d\tsnapshot %d\tgroup %d%s\n",
		s.addr, s.ID, s.Role, leaderText(s.Leader), s.Ballot, s.Commit, s.First, s.Snapshot, s.Version, waitsText(s.Waiting))
	return err
}

// waitsText is one column, whatever the server wrote.
func waitsText(waiting string) string {
	if waiting == "" {
		return ""
	}
	return "\twaits: " + strings.Join(strings.Fields(waiting), " ")
}

type statusJSON struct {
	Addr     string `json:"addr"`
	Replica  uint64 `json:"replica"`
	Role     string `json:"role"`
	Leader   uint64 `json:"leader,omitempty"`
	Ballot   string `json:"ballot"`
	Commit   uint64 `json:"commit"`
	First    uint64 `json:"first"`
	Snapshot uint64 `json:"snapshot"`
	Group    uint64 `json:"group"`
	Waiting  string `json:"waiting,omitempty"`
}

func jsonStatus(s state) statusJSON {
	return statusJSON{
		Addr: s.addr, Replica: uint64(s.ID), Role: s.Role.String(), Leader: uint64(s.Leader), Ballot: s.Ballot.String(),
		Commit: s.Commit, First: s.First, Snapshot: s.Snapshot, Group: s.Version, Waiting: s.Waiting,
	}
}
