// Package replication is the room of stage 3: replicas that accept writes while
// cut off from each other and agree later, after Bayou.
//
// It will hold vector, bayou and gossip (cores), topology, objstore (a client of
// cloud object stores), sync (blobs between replicas), and the commands kvd and
// sim. What it promises is eventual consistency with session guarantees.
//
// Nothing of it is built yet. It comes with the third stage.
package replication
