package trace

import "dss.example/common/machine"

// Name returns how viewers write an address.
func Name(a machine.Addr) string { return a.String() }
