package kv

import "fmt"

func badResponse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBadResponse, fmt.Sprintf(format, args...))
}

// checkResponse reports how a response does not fit its request, with an error
// that wraps ErrBadResponse. After it, a result may be used without looking: it is
// of the right type, and about the keys that were asked for. A surplus result is
// let pass, for nobody looks at it.
func checkResponse(req *Request, resp *Response) error {
	switch {
	case resp == nil:
		return badResponse("none at all")
	case resp.Status == 0 || resp.Status > Unsatisfied:
		return badResponse("status %d", resp.Status)
	case len(resp.Token) > MaxToken:
		return badResponse("token of %d bytes: at most %d", len(resp.Token), MaxToken)
	}
	return checkAnswer(req.Op, resp.Status, resp.Result)
}

func checkAnswer(op Op, status Status, res Result) error {
	if cas, ok := op.(CAS); ok && status == Conflict && res != nil {
		return checkItem(cas.Key, res)
	}
	if status != OK {
		return nil
	}
	switch op := op.(type) {
	case Txn:
		return checkTxnResult(op, res)
	case Events:
		return checkEvents(op, res)
	case Grant:
		return checkType[LeaseInfo](res)
	case KeepAlive:
		return checkLease(op.Lease, res)
	case Leases:
		return checkLeases(op.Lease, res)
	case OpenSession:
		return checkType[SessionInfo](res)
	case Stat:
		return checkType[Stats](res)
	case Members:
		return checkType[Group](res)
	case Inspect:
		return checkType[Replica](res)
	case Guarded, Inquire, Conflicts, Probe:
		return checkTold(op, res)
	}
	return checkFound(op, res)
}

// checkTold checks the result of an operation of stores with tentative writes.
func checkTold(op Op, res Result) error {
	switch op := op.(type) {
	case Guarded:
		if r, ok := res.(GuardedResult); ok && (r.Fate < Applied || r.Fate > Unresolved) {
			return badResponse("fate %v", r.Fate)
		}
		return checkType[GuardedResult](res)
	case Inquire:
		return checkType[Standing](res)
	case Conflicts:
		return checkConflicts(op, res)
	}
	return checkType[Distances](res)
}

// checkConflicts also makes sure that whoever pages through the conflicts gets on.
func checkConflicts(op Conflicts, res Result) error {
	found, ok := res.(ConflictList)
	if !ok {
		return checkType[ConflictList](res)
	}
	limit := op.Limit
	if limit == 0 || limit > MaxConflicts {
		limit = MaxConflicts
	}
	n := len(found.List)
	switch {
	case n > limit:
		return badResponse("%d conflicts: at most %d", n, limit)
	case found.More && n == 0:
		return badResponse("more conflicts, but not one given")
	}
	for i := range found.List {
		if w := found.List[i].Write; w.IsZero() || w == op.After {
			return badResponse("conflict of write %v, asked for those after %v", w, op.After)
		}
	}
	return nil
}

// checkFound checks the result of an operation that may stand in a transaction.
func checkFound(op Op, res Result) error {
	switch op := op.(type) {
	case Get:
		return checkItem(op.Key, res)
	case Scan:
		return checkItems(op, res)
	case Append:
		return checkType[Length](res)
	}
	return nil
}

func checkType[T Result](res Result) error {
	if want, ok := res.(T); !ok {
		return badResponse("result of type %T, want %T", res, want)
	}
	return nil
}

func checkItem(key string, res Result) error {
	item, ok := res.(Item)
	if !ok {
		return checkType[Item](res)
	}
	if item.Key != key {
		return badResponse("item %q, asked for %q", item.Key, key)
	}
	return nil
}

// checkItems also makes sure that whoever pages through a range gets on.
func checkItems(scan Scan, res Result) error {
	items, ok := res.(Items)
	if !ok {
		return checkType[Items](res)
	}
	limit := scan.Limit
	if limit == 0 || limit > MaxScan {
		limit = MaxScan
	}
	n := len(items.List)
	switch {
	case n > limit:
		return badResponse("%d items: at most %d", n, limit)
	case items.More && n == 0 && !scan.CountOnly:
		return badResponse("more items, but not one given")
	case items.Count < n:
		return badResponse("count %d of %d items", items.Count, n)
	}
	for i, item := range items.List {
		if !within(item.Key, scan.From, scan.To) {
			return badResponse("item %q is not in the range", item.Key)
		}
		if i > 0 && !inOrder(items.List[i-1].Key, item.Key, scan.Descending) {
			return badResponse("item %q is out of order", item.Key)
		}
	}
	return nil
}

func inOrder(a, b string, descending bool) bool {
	if descending {
		return a > b
	}
	return a < b
}

func within(key, from, to string) bool { return key >= from && (to == "" || key < to) }

func checkTxnResult(txn Txn, res Result) error {
	t, ok := res.(TxnResult)
	if !ok {
		return checkType[TxnResult](res)
	}
	branch := txn.Else
	if t.Succeeded {
		branch = txn.Then
	}
	if len(t.Outcomes) != len(branch) {
		return badResponse("%d outcomes of %d operations", len(t.Outcomes), len(branch))
	}
	for i, o := range t.Outcomes {
		if o.Status != OK && o.Status != NotFound {
			return badResponse("outcome %s in a transaction that was done", o.Status)
		}
		if o.Status == NotFound {
			continue
		}
		if err := checkFound(branch[i], o.Result); err != nil {
			return err
		}
	}
	return nil
}

// checkEvents also makes sure that whoever goes on from Next gets on.
func checkEvents(op Events, res Result) error {
	found, ok := res.(EventList)
	if !ok {
		return checkType[EventList](res)
	}
	switch {
	case found.Next.IsZero():
		return badResponse("no revision to go on from")
	case len(found.List) > 0 && found.Next == op.After:
		return badResponse("events, but the next ones come after the same revision")
	}
	for _, e := range found.List {
		if e.Kind != EventPut && e.Kind != EventDelete {
			return badResponse("event of kind %s", e.Kind)
		}
		if !within(e.Item.Key, op.From, op.To) {
			return badResponse("event of %q, which is not in the range", e.Item.Key)
		}
	}
	return nil
}

func checkLease(id LeaseID, res Result) error {
	info, ok := res.(LeaseInfo)
	if !ok {
		return checkType[LeaseInfo](res)
	}
	if info.ID != id {
		return badResponse("lease %d, asked for %d", info.ID, id)
	}
	return nil
}

func checkLeases(id LeaseID, res Result) error {
	list, ok := res.(LeaseList)
	switch {
	case !ok:
		return checkType[LeaseList](res)
	case id == 0:
		return nil
	case len(list.List) != 1:
		return badResponse("%d leases, asked for one", len(list.List))
	}
	return checkLease(id, list.List[0])
}
