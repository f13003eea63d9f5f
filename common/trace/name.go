package trace

import (
	"strconv"

	"dss.example/common/machine"
)

// Name returns how viewers write an address: "2/acceptor", or "2" for a whole
// node, "-" for no node.
func Name(a machine.Addr) string {
	if a == (machine.Addr{}) {
		return "-"
	}
	node := strconv.FormatUint(uint64(a.Node), 10)
	if a.Role == "" {
		return node
	}
	return node + "/" + a.Role
}
