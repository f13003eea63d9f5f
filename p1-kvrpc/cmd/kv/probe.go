package main

import (
	"context"
	"fmt"
	"io"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
)

func (a *app) probe() *cli.Command {
	return &cli.Command{
		Name: "probe", Brief: "print how far the other servers are from one",
		Detail: `A line for the server that was asked, then one for each other: its number, its
address, its zone, the time there and back or - if it never answered, up or down, and
chosen if the server would ask it first, separated by tabs.`,
		Example: "kv -s 127.0.0.1:7001 probe",
		Run: func(ctx context.Context, _ []string, std cli.Std) error {
			return a.with(ctx, func(ctx context.Context, c *kv.Client) error {
				if !c.Offers().Has.Has(kv.CapProbe) {
					return noSuch("probes", 3)
				}
				d, err := c.Probe(ctx)
				if err != nil {
					return err
				}
				return a.printDistances(std.Out, &d)
			})
		},
	}
}

func (a *app) printDistances(w io.Writer, d *kv.Distances) error {
	if a.json {
		return printJSON(w, jsonDistances(d))
	}
	if _, err := fmt.Fprintf(w, "server %d\tzone %s\n", d.Asked, d.Zone); err != nil {
		return err
	}
	for i := range d.List {
		if _, err := fmt.Fprintln(w, distanceText(&d.List[i])); err != nil {
			return err
		}
	}
	return nil
}

func distanceText(d *kv.Distance) string {
	rtt, state, chosen := "-", "down", ""
	if d.RTT > 0 {
		rtt = d.RTT.String()
	}
	if d.Up {
		state = "up"
	}
	if d.Chosen {
		chosen = "\tchosen"
	}
	return fmt.Sprintf("%d\t%s\t%s\t%s\t%s%s", d.ID, d.Addr, d.Zone, rtt, state, chosen)
}

type (
	distancesJSON struct {
		Asked   uint64         `json:"asked"`
		Zone    string         `json:"zone"`
		Servers []distanceJSON `json:"servers"`
	}
	distanceJSON struct {
		ID     uint64 `json:"id"`
		Addr   string `json:"addr"`
		Zone   string `json:"zone"`
		RTT    string `json:"rtt,omitempty"`
		Up     bool   `json:"up"`
		Chosen bool   `json:"chosen"`
	}
)

func jsonDistances(d *kv.Distances) distancesJSON {
	j := distancesJSON{Asked: uint64(d.Asked), Zone: d.Zone, Servers: []distanceJSON{}}
	for _, s := range d.List {
		one := distanceJSON{ID: uint64(s.ID), Addr: s.Addr, Zone: s.Zone, Up: s.Up, Chosen: s.Chosen}
		if s.RTT > 0 {
			one.RTT = s.RTT.String()
		}
		j.Servers = append(j.Servers, one)
	}
	return j
}
