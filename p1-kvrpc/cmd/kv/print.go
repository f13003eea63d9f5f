package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"dss.example/common/kv"
)

// itemJSON is an item for -json. A key or a value that is no text comes as base64.
type itemJSON struct {
	Key         *string `json:"key,omitempty"`
	KeyBase64   []byte  `json:"key_base64,omitempty"`
	Value       *string `json:"value,omitempty"`
	ValueBase64 []byte  `json:"value_base64,omitempty"`
	Mod         string  `json:"mod,omitempty"`
	Create      string  `json:"create,omitempty"`
	Count       uint64  `json:"count,omitempty"`
	Lease       uint64  `json:"lease,omitempty"`
}

func jsonItem(i kv.Item) itemJSON {
	j := jsonKey(i)
	j.Value, j.ValueBase64 = textOrBytes(i.Value)
	return j
}

// jsonKey leaves out the value: it was not asked for, or there is none.
func jsonKey(i kv.Item) itemJSON {
	j := itemJSON{Count: i.Count, Lease: uint64(i.Lease)}
	j.Key, j.KeyBase64 = textOrBytes([]byte(i.Key))
	if !i.Mod.IsZero() {
		j.Mod = i.Mod.String()
	}
	if !i.Create.IsZero() {
		j.Create = i.Create.String()
	}
	return j
}

// textOrBytes returns b as one or the other: JSON's strings cannot hold all bytes.
func textOrBytes(b []byte) (*string, []byte) {
	if !utf8.Valid(b) {
		return nil, b
	}
	text := string(b)
	return &text, nil
}

type eventJSON struct {
	Event    string    `json:"event"`
	Item     itemJSON  `json:"item"`
	Previous *itemJSON `json:"previous,omitempty"`
}

func jsonEvent(e kv.Event) eventJSON {
	j := eventJSON{Event: e.Kind.String(), Item: jsonItem(e.Item)}
	if e.Kind == kv.EventDelete {
		j.Item = jsonKey(e.Item)
	}
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

// printItem prints a line: key and value, or the key only.
func (a *app) printItem(w io.Writer, i kv.Item, keyOnly bool) error {
	switch {
	case keyOnly && a.json:
		return printJSON(w, jsonKey(i))
	case keyOnly:
		_, err := fmt.Fprintln(w, i.Key)
		return err
	case a.json:
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

type leaseJSON struct {
	Lease uint64   `json:"lease"`
	TTL   string   `json:"ttl"`
	Left  string   `json:"left"`
	Keys  []string `json:"keys,omitempty"`
}

func (a *app) printLease(w io.Writer, l kv.LeaseInfo) error {
	left := l.Left.Round(time.Millisecond)
	if a.json {
		return printJSON(w, leaseJSON{uint64(l.ID), l.TTL.String(), left.String(), l.Keys})
	}
	if _, err := fmt.Fprintf(w, "%d\tttl %v\tleft %v\n", l.ID, l.TTL, left); err != nil {
		return err
	}
	for _, k := range l.Keys {
		if _, err := fmt.Fprintf(w, "\t%s\n", k); err != nil {
			return err
		}
	}
	return nil
}
