package sim

import (
	"fmt"
	"strings"

	"dss.example/common/machine"
)

// Text prints data for people: its own String if it has one, else its type's name
// and fields.
func Text(d machine.Data) string {
	switch d := d.(type) {
	case nil:
		return "nothing"
	case machine.Call:
		return fmt.Sprintf("call %d: %s", d.ID, Text(d.Cmd))
	case machine.Return:
		return fmt.Sprintf("return %d: %s", d.ID, Text(d.Data))
	case fmt.Stringer:
		return d.String()
	}
	text := fmt.Sprintf("%+v", d)
	name := fmt.Sprintf("%T", d)
	return strings.TrimPrefix(name[strings.LastIndexByte(name, '.')+1:], "*") + strings.TrimPrefix(text, "&")
}
