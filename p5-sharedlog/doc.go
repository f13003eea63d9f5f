// Package sharedlog is the room of stage 5: one log that all clients share, and
// objects and transactions that are nothing but readings of it.
//
// It will hold unit and sequencer (cores), corfu, virtual and tango (flows: the
// log, the log whose engine can be changed under load, the objects), the
// engines, and the commands kvd and sim. What it promises is strictly
// serializable transactions.
//
// Nothing of it is built yet. It comes with the fifth stage.
package sharedlog
