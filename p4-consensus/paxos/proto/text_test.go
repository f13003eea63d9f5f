package proto_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/p4-consensus/paxos/proto"
)

func TestTracesShowWhatAMessageIsAbout(t *testing.T) {
	o := proto.Origin{Voter: proto.Voter{Node: 1, Disk: 11}, Life: 2, Seq: 3}
	g := proto.Group{Version: 2, Alpha: 4, Members: []proto.Member{
		{Voter: proto.Voter{Node: 1, Disk: 11}, Addr: "a:1"}, {Voter: proto.Voter{Node: 2, Disk: 22}},
	}}
	change := proto.Entry{Origin: o, Kind: proto.EntryGroup, Body: proto.AppendGroup(nil, &g)}
	for want, shown := range map[string]any{
		`1/11:2#3`:            o,
		`leader`:              proto.Origin{},
		`1/11:2#3 "put\x00x"`: proto.Entry{Origin: o, Body: []byte("put\x00x")},
		`1/11:2#3 group 2 of 1/11@a:1 2/22, quorums 2 and 2, alpha 4`: change,
		`leader "x"`: proto.Entry{Kind: proto.EntryGroup, Body: []byte("x")},
		fmt.Sprintf(`leader %q`, bytes.Repeat([]byte("x"), 64)):                  proto.Entry{Body: bytes.Repeat([]byte("x"), 64)},
		fmt.Sprintf(`leader %q and 1 bytes more`, bytes.Repeat([]byte("x"), 64)): proto.Entry{Body: bytes.Repeat([]byte("x"), 65)},
		`[no-op] at 1.5s`: proto.Value{Time: 1500 * machine.Millisecond},
		`none`:            proto.Group{},
		`{Slot:7 Value:[1/11:2#3 "a", leader "b"] at 0s}`: proto.Learned{Slot: 7, Value: proto.Value{Entries: []proto.Entry{
			{Origin: o, Body: []byte("a")}, {Body: []byte("b")},
		}}},
		`{Disk:11 Formed:true Group:group 2 of 1/11@a:1 2/22, quorums 2 and 2, alpha 4}`: proto.Greet{Disk: 11, Formed: true, Group: g},
	} {
		require.Equal(t, want, fmt.Sprintf("%+v", shown))
	}
}
