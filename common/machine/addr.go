package machine

import "strconv"

// String writes an address as people read it: "2/acceptor", or "2" for a whole node,
// "-" for no node.
func (a Addr) String() string {
	if a == (Addr{}) {
		return "-"
	}
	node := strconv.FormatUint(uint64(a.Node), 10)
	if a.Role == "" {
		return node
	}
	return node + "/" + a.Role
}
