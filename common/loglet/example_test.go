package loglet_test

import (
	"context"
	"fmt"

	"dss.example/common/loglet"
)

// Whoever reads up to the tail knows all that was appended before he asked for it.
func Example() {
	ctx := context.Background()
	var log loglet.Loglet = loglet.NewMemory(2)
	if _, err := log.Append(ctx, [][]byte{[]byte("a"), []byte("b")}); err != nil {
		fmt.Println(err)
		return
	}
	span, err := log.Tail(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for next := span.Head; next < span.Tail; {
		page, err := log.Read(ctx, next, span.Tail)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, e := range page.Entries {
			fmt.Printf("%d: %s\n", e.Pos, e.Body)
		}
		next = page.Next
	}
	fmt.Println("sealed:", log.Seal(ctx))
	_, err = log.Append(ctx, [][]byte{[]byte("c")})
	fmt.Println(err)
	// Output:
	// 1: a
	// 4: b
	// sealed: <nil>
	// log is sealed, not done at 7
}
