package script

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"dss.example/common/kv"
	"dss.example/common/machine"
)

// KV reads a request in words, for roles that are asked kv.Requests: get K, put K V,
// delete K, append K V, scan [FROM [TO]], cas K VERSION V, grant TTL, revoke ID,
// keepalive ID, events AFTER WAIT, open-session TTL. The value "" is empty. Behind any
// of them "in SESSION NUMBER ACKED" makes it an operation of a session; before that, behind
// get and scan, "at REVISION" makes it one of the past.
func KV(words []string) (machine.Data, error) {
	words, in, err := splitSession(words)
	if err == nil {
		words, in.At, err = splitAt(words)
	}
	if err != nil {
		return nil, err
	}
	arg := func(i int) string {
		if i < len(words) {
			return strings.Trim(words[i], `"`)
		}
		return ""
	}
	req := &in
	switch words[0] {
	case "get":
		req.Op = kv.Get{Key: arg(1)}
	case "put":
		req.Op = kv.Put{Key: arg(1), Value: []byte(arg(2))}
	case "delete":
		req.Op = kv.Delete{Key: arg(1)}
	case "append":
		req.Op = kv.Append{Key: arg(1), Value: []byte(arg(2))}
	case "scan":
		req.Op = kv.Scan{From: arg(1), To: arg(2)}
	case "cas":
		var v kv.Version
		v, err = kv.ParseVersion(arg(2))
		req.Op = kv.CAS{Key: arg(1), Old: v, Value: []byte(arg(3))}
	case "events":
		e := kv.Events{}
		if e.After, err = kv.ParseVersion(arg(1)); err == nil {
			req.Wait, err = time.ParseDuration(arg(2))
		}
		req.Op = e
	default:
		req.Op, err = leaseOp(words[0], arg(1))
	}
	return req, err
}

// splitSession takes the session off the end of a command.
func splitSession(words []string) (command []string, in kv.Request, err error) {
	n := len(words) - 4
	if n < 1 || words[n] != "in" {
		return words, in, nil
	}
	for i, to := range []*uint64{&in.Session, &in.Seq, &in.Acked} {
		if *to, err = strconv.ParseUint(words[n+1+i], 10, 64); err != nil {
			return nil, in, fmt.Errorf("in SESSION NUMBER ACKED: %w", err)
		}
	}
	return words[:n], in, nil
}

// splitAt takes the revision off the end of a command.
func splitAt(words []string) (command []string, at kv.Version, err error) {
	n := len(words) - 2
	if n < 1 || words[n] != "at" || words[0] != "get" && words[0] != "scan" {
		return words, at, nil
	}
	at, err = kv.ParseVersion(words[n+1])
	return words[:n], at, err
}

func leaseOp(name, arg string) (kv.Op, error) {
	if name == "revoke" || name == "keepalive" {
		id, err := kv.ParseVersion(arg)
		if name == "revoke" {
			return kv.Revoke{Lease: kv.LeaseID(id.Lo)}, err
		}
		return kv.KeepAlive{Lease: kv.LeaseID(id.Lo)}, err
	}
	ttl, err := time.ParseDuration(arg)
	switch name {
	case "grant":
		return kv.Grant{TTL: ttl}, err
	case "open-session":
		return kv.OpenSession{TTL: ttl}, err
	}
	return nil, fmt.Errorf("unknown command %q", name)
}
