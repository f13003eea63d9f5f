package lock_test

import (
	"fmt"

	"dss.example/common/machine"

	"dss.example/p4-consensus/lock"
)

// A client that was paused beyond its lease does not know it. What is guarded does, by the
// token.
func Example() {
	var table lock.Table // a replica's; the log gives positions and times
	at := func(pos uint64, now machine.Time, cmd machine.Data) *lock.Answer {
		return table.Apply(pos, now*machine.Second, cmd).(*lock.Answer)
	}
	at(1, 0, lock.Open{Session: 0xa, TTL: 5 * machine.Second})
	at(2, 4, lock.Open{Session: 0xb, TTL: 5 * machine.Second})
	paused := at(3, 4, lock.Acquire{Session: 0xa, Seq: 1, Name: "file"})
	fmt.Printf("%x: %v, token %d\n", paused.Lock.Holder, paused.Status, paused.Lock.Token)
	fmt.Println("the other:", at(4, 4, lock.Acquire{Session: 0xb, Seq: 1, Name: "file"}).Status)
	other := at(5, 6, lock.Acquire{Session: 0xb, Seq: 2, Name: "file"})
	fmt.Printf("%x: %v, token %d\n", other.Lock.Holder, other.Status, other.Lock.Token)

	greatest := uint64(0)
	for _, token := range []uint64{other.Lock.Token, paused.Lock.Token} {
		fmt.Printf("a write with token %d: %v\n", token, token >= greatest)
		greatest = max(greatest, token)
	}
	// Output:
	// a: ok, token 1
	// the other: held by another
	// b: ok, token 2
	// a write with token 2: true
	// a write with token 1: false
}
