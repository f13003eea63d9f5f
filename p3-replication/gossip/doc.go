// Package gossip spreads items among sites by epidemics: direct mail, rumour mongering and
// anti-entropy, after Demers et al., Epidemic Algorithms for Replicated Database Maintenance
// (PODC 1987), called E87 below. It promises no order and no quorum: all sites that go on talking
// end with the same items, and the latest write of each key wins.
//
// # Items
//
// An [Item] is a key with a value or a death certificate, and the stamp of its write. Of two items
// of a key the one with the higher stamp is newer, and replaces the other wherever they meet. A
// site that creates its disk draws a name for its stamps, so that a site that has lost its disk
// never gives a stamp again.
//
// # Three ways to spread
//
// Time goes in periods, of which each site counts its own; a Tick begins one.
//
//   - Direct mail (E87 1.2): a new write is sent to every peer, once. Whatever is lost is lost.
//   - Rumour mongering (1.4): news is hot. In each period a site with hot rumours pushes them to
//     a peer, or each site pulls a peer's, or both. A site loses interest in a rumour by a [Fade]:
//     after K periods in a row without anybody who needed it (Counter), or with chance 1/K in each
//     of them (Coin); a blind site does not ask, and counts every period in which it has told it.
//     What a site misses, it misses for good.
//   - Anti-entropy (1.3): every so many periods a site compares all that it has with a peer, and one
//     or both take over what is newer. It alone misses nothing, and it costs the most: see
//     [Compare] for how two sites find out cheaply that they have the same.
//
// In one period a site that several tell the same news needed it from each: none of them could
// have known of the others. What it learns in a period it tells as a rumour from the next on.
//
// A site takes Limit conversations of others in a period and is Busy for more; the turned away
// hunt for another peer, Hunt times.
//
// # Deletions
//
// A key whose item is just dropped comes back from whoever still has it, so a deletion is an item
// of its own, a death certificate, and spreads as such (section 2). It cannot be kept for ever:
//
//   - For Retain after it was made, every site that has it keeps it, and spreads it.
//   - Then most drop it. Its Keepers, drawn at random when it was made, keep it Dormant longer:
//     nobody is told of it.
//   - When a Keeper meets an item that is older than its dormant certificate, the certificate wakes:
//     it gets a new activation stamp, and spreads once more as if it were new. Its own stamp stays,
//     so that it never kills what was written after it.
//
// Ages are counted by each site's clock while it has the certificate, and travel with it; of two
// ages the younger counts, because a deleted item that returns is worse than a certificate that
// is kept. The rule is a wager: an item that stays hidden from all sites for longer than Retain,
// and from the Keepers for longer than Retain and Dormant, comes back.
//
// # Where this leaves the paper
//
// Stamps are a Lamport clock's and not a wall clock's. So ages are measured and not derived from
// stamps, and the list of recent updates holds the last Recent of them, not those of the last
// minutes. An exchange goes down the items in pages, newest first, whatever the Compare: peeling
// back is an exchange that compares checksums before each page.
package gossip
