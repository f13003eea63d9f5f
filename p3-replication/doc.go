// Package replication is the room of stage 3: replicas that accept writes while
// cut off from each other and agree later, after Bayou.
//
// What it promises is eventual consistency with session guarantees. What stands: the
// cores vector (stamps and version vectors), bayou (writes in one order at last) and
// gossip (epidemics), procedure (the programs of writes), and the commands epidemic
// (the epidemics' tables) and rooms (a calendar). Its servers, simulator and handout
// are being built; objstore (a client of cloud object stores) and sync (blobs between
// replicas) come after them.
package replication
