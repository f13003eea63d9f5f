package kv_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"dss.example/common/kv"
)

// plain is about the least that a Store can be.
type plain struct {
	mu    sync.Mutex
	rev   uint64             // guarded by mu, as items is
	items map[string]kv.Item // values are never changed in place
}

func (p *plain) Offers() kv.Caps { return kv.Caps{Level: kv.Linearizable, Has: kv.CapCompare} }

func (p *plain) Do(_ context.Context, req *kv.Request) *kv.Response {
	if bad := kv.Check(req); bad != nil {
		return bad
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch op := req.Op.(type) {
	case kv.Get:
		if item, ok := p.items[op.Key]; ok {
			return p.answer(kv.OK, item)
		}
		return p.answer(kv.NotFound, nil)
	case kv.Put:
		p.put(op.Key, op.Value)
		return p.answer(kv.OK, nil)
	case kv.CAS:
		now, ok := p.items[op.Key]
		switch {
		case now.Mod != op.Old && ok:
			return p.answer(kv.Conflict, now)
		case now.Mod != op.Old:
			return p.answer(kv.Conflict, nil)
		}
		p.put(op.Key, op.Value)
		return p.answer(kv.OK, nil)
	case kv.Scan:
		return p.answer(kv.OK, p.scan(op))
	}
	return kv.Refuse(kv.Unsupported, "%s", kv.OpName(req.Op))
}

func (p *plain) put(key string, value []byte) {
	p.rev++
	p.items[key] = item(key, string(value), p.rev)
}

func (p *plain) scan(op kv.Scan) (found kv.Items) {
	for _, key := range slices.Sorted(maps.Keys(p.items)) {
		if key < op.From || op.To != "" && key >= op.To {
			continue
		}
		found.Count++
		if op.Limit == 0 || len(found.List) < op.Limit {
			found.List = append(found.List, p.items[key])
		}
	}
	found.More = found.Count > len(found.List)
	return found
}

func (p *plain) answer(s kv.Status, res kv.Result) *kv.Response {
	return &kv.Response{Status: s, Rev: kv.Version{Lo: p.rev}, Result: res}
}

func Example() {
	ctx := context.Background()
	c := kv.NewClient(&plain{items: map[string]kv.Item{}})

	rev, err := c.Put(ctx, "greeting", []byte("hello"))
	fmt.Println("put at revision", rev, err)

	item, err := c.Get(ctx, "greeting")
	fmt.Printf("got %s %v\n", item.Value, err)

	_, err = c.Get(ctx, "farewell")
	fmt.Println(errors.Is(err, kv.ErrNotFound), kv.StatusOf(err))

	// Output:
	// put at revision 1 <nil>
	// got hello <nil>
	// true not found
}

// A compare-and-swap is tried again with the version that came with the conflict.
func ExampleClient_CAS() {
	ctx := context.Background()
	c := kv.NewClient(&plain{items: map[string]kv.Item{}})
	_, _ = c.Put(ctx, "leader", []byte("a"))

	old := kv.Version{Lo: 99}
	for {
		now, err := c.CAS(ctx, "leader", old, []byte("b"))
		if errors.Is(err, kv.ErrConflict) {
			fmt.Println("not at", old, "but at", now)
			old = now
			continue
		}
		fmt.Println("swapped at", now, err)
		return
	}

	// Output:
	// not at 99 but at 1
	// swapped at 2 <nil>
}

func ExampleClient_All() {
	ctx := context.Background()
	c := kv.NewClient(&plain{items: map[string]kv.Item{}})
	for _, key := range []string{"user/eve", "user/bob", "zebra", "user/ann"} {
		_, _ = c.Put(ctx, key, nil)
	}
	for item, err := range c.All(ctx, "user/", kv.PrefixEnd("user/")) {
		fmt.Println(item.Key, err)
	}

	// Output:
	// user/ann <nil>
	// user/bob <nil>
	// user/eve <nil>
}

// What a machine saves and sends are bytes: a Request knows its own.
func ExampleRequest_AppendTo() {
	req := &kv.Request{Session: 7, Seq: 1, Op: kv.Put{Key: "x", Value: []byte("1")}}
	b := req.AppendTo(nil)
	fmt.Printf("%x\n", b)

	again, err := kv.DecodeRequest(b)
	fmt.Println(again, err)

	// Output:
	// 880701000082000040008202834178413100
	// put x=1 (session 7 #1, acked 0) <nil>
}
