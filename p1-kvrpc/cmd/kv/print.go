package main

import (
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"dss.example/common/kv"
)

// itemJSON is an item for -json. A value that is no text comes as base64.
type itemJSON struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Base64 []byte `json:"value_base64,omitempty"`
	Mod    string `json:"mod,omitempty"`
	Create string `json:"create,omitempty"`
	Count  uint64 `json:"count,omitempty"`
	Lease  uint64 `json:"lease,omitempty"`
}

func jsonItem(i kv.Item) itemJSON {
	j := itemJSON{Key: i.Key, Count: i.Count, Lease: uint64(i.Lease)}
	if utf8.Valid(i.Value) {
		j.Value = string(i.Value)
	} else {
		j.Base64 = i.Value
	}
	if !i.Mod.IsZero() {
		j.Mod = i.Mod.String()
	}
	if !i.Create.IsZero() {
		j.Create = i.Create.String()
	}
	return j
}

type eventJSON struct {
	Event    string    `json:"event"`
	Item     itemJSON  `json:"item"`
	Previous *itemJSON `json:"previous,omitempty"`
}

func jsonEvent(e kv.Event) eventJSON {
	j := eventJSON{Event: e.Kind.String(), Item: jsonItem(e.Item)}
	if e.Previous != nil {
		p := jsonItem(*e.Previous)
		j.Previous = &p
	}
	return j
}

func printJSON(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }

// wrote prints the revision of a write.
func (a *app) wrote(w io.Writer, rev kv.Version) error {
	if a.json {
		return printJSON(w, map[string]string{"rev": rev.String()})
	}
	_, err := fmt.Fprintf(w, "ok rev %v\n", rev)
	return err
}

// printItem prints a line: key, value, revision.
func (a *app) printItem(w io.Writer, i kv.Item) error {
	if a.json {
		return printJSON(w, jsonItem(i))
	}
	_, err := fmt.Fprintf(w, "%s\t%s\n", i.Key, i.Value)
	return err
}

func (a *app) printEvent(w io.Writer, e kv.Event) error {
	if a.json {
		return printJSON(w, jsonEvent(e))
	}
	if e.Kind == kv.EventDelete {
		_, err := fmt.Fprintf(w, "%v\tdelete\t%s\n", e.Item.Mod, e.Item.Key)
		return err
	}
	_, err := fmt.Fprintf(w, "%v\t%v\t%s\t%s\n", e.Item.Mod, e.Kind, e.Item.Key, e.Item.Value)
	return err
}

func (a *app) printLease(w io.Writer, l kv.LeaseInfo) error {
	if a.json {
		return printJSON(w, map[string]any{"lease": uint64(l.ID), "ttl": l.TTL.String(), "left": l.Left.String(), "keys": l.Keys})
	}
	if _, err := fmt.Fprintf(w, "%d\tttl %v\tleft %v\n", l.ID, l.TTL, l.Left); err != nil {
		return err
	}
	for _, k := range l.Keys {
		if _, err := fmt.Fprintf(w, "\t%s\n", k); err != nil {
			return err
		}
	}
	return nil
}
