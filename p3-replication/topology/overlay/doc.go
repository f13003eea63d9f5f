// Package overlay joins servers by a tree, and sends what is published at one of them down the tree to
// all others: a machine.Machine. Over the full mesh of connections it lays the spanning tree whose
// links have the least sum of round-trip times. So what is sent to all crosses each long way once,
// and every server sends to few; the price is that one server's death cuts others off, until the
// tree is repaired.
//
// # The tree
//
// Each server knows the whole topology, as in a link-state routing protocol (OSPF), and works
// out the same tree from it as all others: nobody is in charge.
//
//   - A probe on the same node tells which other servers are up, and how far away. Of that the
//     server makes its row, gives it a version, and tells all who are up. A round-trip time that
//     differs from what the row says by no more than Config.Drift percent changes nothing: the tree
//     must not follow each tremor of the network.
//   - Now and then a server tells another, drawn at random, which rows it has (a Hello). Who has
//     newer ones sends them, who has older ones asks. So rows come to those too who are not
//     connected with their servers, and nobody misses one for good.
//   - Two servers are joined if both rows say so; it is as far as the longer time says. Of all
//     these edges Kruskal's algorithm makes the tree, the lower nodes first where times are
//     alike.
//
// When a server dies its neighbours' probes find out, their rows say so, and everybody works out a
// tree without it. Where some know that and others do not yet, there is no tree: what is published
// meanwhile may miss some, or come to others twice. A server that starts again has forgotten the
// version of its row; it hears of it from others, and goes on above.
//
// # Sending
//
// Who publishes an item sends it to its neighbours in the tree, and who gets one sends it to all
// its own but the one it came from. An item that has come before goes no farther: so it ends even
// in a graph that is no tree. Whatever is lost is lost, with all that lies behind.
//
// With Config.Lazy a Hello names the items too that its sender keeps, as in Plumtree (Leitão,
// Pereira and Rodrigues, Epidemic Broadcast Trees, 2007). One that somebody lacks, and that
// has not come by the tree some time later, is asked for, and goes on from there. Servers that have
// just become neighbours say Hello at once. So the tree is for speed, and gossip for whatever the
// tree has lost, as long as anybody keeps it.
//
// # What is promised
//
// Nothing is saved: a server that starts again has heard nothing. Items come in no order. A process
// tells of each once, unless more than MaxSeen others have come between. With Lazy an item comes to
// every server that stays up and can be reached, unless Config.Keep others come first. Once nothing
// changes any more, all who can reach each other have the same tree.
//
// Rows are believed: a server that lies about its links, or about another's, spoils the tree, and
// no more than that.
package overlay
