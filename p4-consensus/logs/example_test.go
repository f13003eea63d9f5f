package logs_test

import (
	"fmt"

	"dss.example/common/machine"

	"dss.example/p4-consensus/logs"
)

// Two clients race for the end of a log. The order of the group decides, at all replicas
// alike.
func Example() {
	var table logs.Table // a replica's; the group's log gives positions and times
	at := func(pos uint64, cmd machine.Data) *logs.Answer {
		return table.Apply(pos, 0, cmd).(*logs.Answer)
	}
	a := at(1, logs.Append{Bodies: [][]byte{[]byte("deposit 10"), []byte("deposit 20")}})
	fmt.Printf("append: %v, at %d\n", a.Status, a.First)
	a = at(2, logs.Seal{})
	fmt.Printf("seal: %v, the tail is %d\n", a.Status, a.Bounds.Tail)
	a = at(3, logs.Append{Bodies: [][]byte{[]byte("deposit 30")}})
	fmt.Printf("append: %v\n", a.Status)
	for _, e := range at(4, logs.Read{From: 1, To: 3}).Page.Entries {
		fmt.Printf("%d: %s\n", e.Pos, e.Body)
	}
	// Output:
	// append: ok, at 1
	// seal: ok, the tail is 3
	// append: sealed
	// 1: deposit 10
	// 2: deposit 20
}
