package main

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"strings"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
)

func (a *app) txn() *cli.Command {
	var txn kv.Txn
	return &cli.Command{
		Name: "txn", Brief: "do several operations as one atomic step",
		Detail: `-if KEY.TARGET REL OPERAND   TARGET: value, mod, create, count, lease; REL: = != < >
-then, -else OPERATION       get KEY, put KEY VALUE, append KEY VALUE, del KEY, scan [PREFIX]
Each may be given many times. If all conditions hold, the thens are done, else the
elses. The exit code is 0 either way: the first line says which.`,
		Example: `kv txn -if "a.value = 1" -then "put a 2" -then "get b" -else "get a"`,
		Flags: func(f *flag.FlagSet) {
			txn = kv.Txn{}
			f.Func("if", "demand `CONDITION`, such as \"a.value = 1\"", func(s string) error {
				c, err := parseCompare(s)
				txn.If = append(txn.If, c)
				return err
			})
			branch := func(name, when string, ops *[]kv.Op) {
				f.Func(name, "do `OPERATION`, such as \"put a 2\", if "+when, func(s string) error {
					op, err := parseOp(s)
					*ops = append(*ops, op)
					return err
				})
			}
			branch("then", "all conditions hold", &txn.Then)
			branch("else", "one does not hold", &txn.Else)
		},
		Run: func(ctx context.Context, _ []string, std cli.Std) error {
			if len(txn.If)+len(txn.Then)+len(txn.Else) == 0 {
				return cli.Usagef("an empty transaction: give -if, -then or -else")
			}
			return a.with(ctx, func(ctx context.Context, c *kv.Client) error {
				result, err := c.Txn(ctx, txn)
				if err != nil {
					return err
				}
				return a.printTxn(std, result)
			})
		},
	}
}

func (a *app) printTxn(std cli.Std, result kv.TxnResult) error {
	if a.json {
		outcomes := []outcomeJSON{}
		for _, o := range result.Outcomes {
			outcomes = append(outcomes, jsonOutcome(o))
		}
		return printJSON(std.Out, map[string]any{"succeeded": result.Succeeded, "outcomes": outcomes})
	}
	branch := "else"
	if result.Succeeded {
		branch = "then"
	}
	fmt.Fprintln(std.Out, branch)
	for _, o := range result.Outcomes {
		fmt.Fprintln(std.Out, (&kv.Response{Status: o.Status, Result: o.Result}).String())
	}
	return nil
}

// outcomeJSON is what became of one operation: items of a get or a scan, bytes of
// an append.
type outcomeJSON struct {
	Status string     `json:"status"`
	Items  []itemJSON `json:"items,omitempty"`
	Bytes  *int       `json:"bytes,omitempty"`
}

func jsonOutcome(o kv.Outcome) outcomeJSON {
	j := outcomeJSON{Status: o.Status.String()}
	switch r := o.Result.(type) {
	case kv.Item:
		j.Items = []itemJSON{jsonItem(r)}
	case kv.Items:
		for _, i := range r.List {
			j.Items = append(j.Items, jsonItem(i))
		}
	case kv.Length:
		j.Bytes = &r.Bytes
	}
	return j
}

// parseCompare reads "KEY.TARGET REL OPERAND"; the key ends at the last dot before
// the relation, the operand is the rest of the line.
func parseCompare(s string) (c kv.Compare, err error) {
	left, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	relation, operand, ok := strings.Cut(strings.TrimLeft(rest, " "), " ")
	dot := strings.LastIndexByte(left, '.')
	if !ok && relation == "" || dot < 1 {
		return c, fmt.Errorf("condition %q: want \"KEY.TARGET REL OPERAND\"", s)
	}
	c.Key = left[:dot]
	for c.Target = kv.TargetValue; c.Target.String() != left[dot+1:]; c.Target++ {
		if c.Target == kv.TargetLease {
			return c, fmt.Errorf("target %q: want value, mod, create, count or lease", left[dot+1:])
		}
	}
	for c.Relation = kv.Equal; c.Relation.String() != relation; c.Relation++ {
		if c.Relation == kv.Greater {
			return c, fmt.Errorf("relation %q: want =, !=, < or >", relation)
		}
	}
	switch c.Target {
	case kv.TargetValue:
		c.Value = []byte(operand)
	case kv.TargetMod, kv.TargetCreate:
		c.Version, err = kv.ParseVersion(operand)
	default:
		if c.Number, err = strconv.ParseUint(operand, 10, 64); err != nil {
			err = fmt.Errorf("operand %q: want a number", operand)
		}
	}
	return c, err
}

// parseOp reads an operation; a value is the rest of the line.
func parseOp(s string) (kv.Op, error) {
	name, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	key, value, hasValue := strings.Cut(rest, " ")
	switch {
	case name == "get" && key != "" && !hasValue:
		return kv.Get{Key: key}, nil
	case name == "del" && key != "" && !hasValue:
		return kv.Delete{Key: key}, nil
	case name == "scan" && !hasValue:
		return kv.Scan{From: key, To: kv.PrefixEnd(key)}, nil
	case name == "put" && key != "" && hasValue:
		return kv.Put{Key: key, Value: []byte(value)}, nil
	case name == "append" && key != "" && hasValue:
		return kv.Append{Key: key, Value: []byte(value)}, nil
	}
	return nil, fmt.Errorf("operation %q: want get KEY, put KEY VALUE, append KEY VALUE, del KEY or scan [PREFIX]", s)
}
