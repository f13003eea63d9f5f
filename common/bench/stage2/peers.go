package stage2

import "dss.example/common/bench/harness"

// peers are what this program drives, ours among them. None has a server.
func peers() []harness.Peer {
	all := []harness.Peer{
		{Kind: "pack", Drive: driveBlobs(openPack)},
		{Kind: "bbolt", Drive: driveBlobs(openBolt)},
		{Kind: "pebble", Drive: driveBlobs(openPebble)},
	}
	for _, t := range tools() {
		all = append(all, harness.Peer{Kind: t.kind, Drive: t.drive})
	}
	return all
}
