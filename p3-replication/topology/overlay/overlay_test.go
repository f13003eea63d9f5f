package overlay_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/machine"
	"dss.example/p3-replication/topology/overlay"
	"dss.example/p3-replication/topology/proto"
)

func TestServersInALineAreJoinedToTheirNeighbours(t *testing.T) {
	y := newYard(t, 6, overlay.Config{})
	require.Equal(t, []machine.Node{2, 4}, y.look(3).Next)
	require.Equal(t, []machine.Node{5}, y.look(6).Next)
	for n := range 6 {
		require.Empty(t, cmp.Diff(y.look(1).Tree, y.look(n+1).Tree))
	}
}

func TestAnItemComesToAllOnceByAsFewMessagesAsThereAreOthers(t *testing.T) {
	y := newYard(t, 8, overlay.Config{})
	for n := 1; n <= 8; n++ {
		said[proto.Item](y)
		y.publish(n, fmt.Sprint(n))
		require.Len(t, said[proto.Item](y), 7)
	}
	for n := 1; n <= 8; n++ {
		require.Equal(t, strings.Split("12345678", ""), y.bodies(n))
		require.Zero(t, y.look(n).Copies)
	}
}

func TestADeathCutsOffWhatLiesBehindUntilTheTreeIsRepaired(t *testing.T) {
	y := newYard(t, 6, overlay.Config{})
	y.down[3] = true
	y.publish(1, "lost")
	require.Equal(t, []string{"lost"}, y.bodies(2))
	require.Empty(t, y.bodies(4))
	y.see()
	require.Equal(t, []machine.Node{1, 4}, y.look(2).Next)
	y.publish(1, "later")
	y.tick(20)
	for n := 4; n <= 6; n++ {
		require.Equal(t, []string{"later"}, y.bodies(n), "the tree loses what it loses")
	}
}

func TestALazyOverlayFetchesWhatTheTreeHasLost(t *testing.T) {
	y := newYard(t, 6, overlay.Config{Lazy: true})
	y.down[3] = true
	y.publish(1, "late")
	y.see()
	y.tick(3)
	for n := 4; n <= 6; n++ {
		require.Equal(t, []string{"late"}, y.bodies(n))
	}
	y.start(3)
	y.see()
	y.tick(20)
	require.Equal(t, []string{"late"}, y.bodies(3), "a new process hears what is still kept")
}

func TestALazyOverlayLosesNothingInARainOfLosses(t *testing.T) {
	y := newYard(t, 7, overlay.Config{Lazy: true})
	y.lose = func(int, int, machine.Data) bool { return y.rng.IntN(2) == 0 }
	for n := range 40 {
		y.publish(n%7+1, fmt.Sprint(100+n))
		y.tick(1)
	}
	y.tick(60)
	want := y.bodies(1)
	require.Len(t, want, 40)
	for n := 2; n <= 7; n++ {
		require.Equal(t, want, y.bodies(n))
	}
}

func TestNothingIsAskedForThatTheTreeBringsInTime(t *testing.T) {
	y := newYard(t, 5, overlay.Config{Lazy: true})
	for n := range 30 {
		y.publish(n%5+1, fmt.Sprint(n))
		y.tick(1)
	}
	for _, m := range said[proto.Lack](y) {
		require.Empty(t, m.Items)
	}
	require.Zero(t, y.look(3).Copies)
}

func TestWhatIsMissingIsAskedForOnlyWhenTheTreeHasHadItsTime(t *testing.T) {
	y := newYard(t, 1, overlay.Config{Lazy: true})
	id := func(seq uint64) proto.ID { return proto.ID{Origin: 9, Seq: seq} }
	tick := func(after machine.Time) (asked []proto.ID) {
		y.now += after
		y.step(1, machine.Recv{From: addr(1), Msg: proto.Tick{}})
		for _, l := range y.queue {
			require.Equal(t, 9, l.to)
			asked = append(asked, l.msg.(proto.Lack).Items...)
		}
		y.queue = nil
		return asked
	}
	have := func(ids ...proto.ID) {
		y.say(9, 1, proto.Hello{Have: ids})
		y.queue = nil // its own row
	}
	have(id(1), id(2))
	require.Empty(t, tick(every-1))
	have(id(1), id(3))
	y.say(9, 1, proto.Item{ID: id(2)})
	require.Equal(t, []proto.ID{id(1)}, tick(1), "2 has come and 3 may be on its way")
	require.Equal(t, []proto.ID{id(3)}, tick(every-1))
	require.Empty(t, tick(10*every), "they were asked for")
	have(id(1))
	require.Equal(t, []proto.ID{id(1)}, tick(every), "it has not come")
}

func TestNoMoreIsMissedAtATimeThanAMessageCanAskFor(t *testing.T) {
	y := newYard(t, 1, overlay.Config{Lazy: true})
	for n := range uint64(3) {
		var m proto.Hello
		for i := range uint64(proto.MaxKeep) {
			m.Have = append(m.Have, proto.ID{Origin: 9, Seq: n<<32 + i})
		}
		y.say(9, 1, m)
	}
	y.queue = nil
	y.now += every
	y.step(1, machine.Recv{From: addr(1), Msg: proto.Tick{}})
	require.Len(t, y.queue, 1)
	require.Len(t, y.queue[0].msg.(proto.Lack).Items, proto.MaxKeep)
}

func TestRowsThatWereLostComeByHelloInTheEnd(t *testing.T) {
	y := newYard(t, 6, overlay.Config{})
	y.down[3] = true
	y.lose = func(_, _ int, msg machine.Data) bool { _, ok := msg.(proto.Rows); return ok }
	y.see()
	require.Equal(t, []machine.Node{1}, y.look(2).Next, "it waits for 4 to say the same")
	y.lose = nil
	y.tick(30)
	for n := range 6 {
		if n+1 != 3 {
			require.Empty(t, cmp.Diff(y.look(1).Tree, y.look(n+1).Tree))
		}
	}
	require.Len(t, y.look(1).Tree, 4)
}

func TestServersWhoOnlyHearEachOtherByOthersAreJoinedByThem(t *testing.T) {
	y := newYard(t, 3, overlay.Config{})
	far := func(from, to int) bool { return from+to == 4 && from != to } // 1 and 3
	y.lose = func(from, to int, _ machine.Data) bool { return far(from, to) }
	for _, n := range []int{1, 3} {
		s := y.view(n)
		for i := range s.Peers {
			s.Peers[i].Up = !far(n, int(s.Peers[i].Node))
		}
		y.sight(n, s)
	}
	y.talk()
	y.tick(20)
	y.publish(1, "x")
	require.Equal(t, []string{"x"}, y.bodies(3))
	require.Len(t, y.look(1).Tree, 2)
}

func TestAServerThatHasStartedAgainIsTakenInAboveItsOldRow(t *testing.T) {
	y := newYard(t, 4, overlay.Config{})
	for range 5 { // rows with versions
		y.down[2] = true
		y.see()
		y.down[2] = false
		y.see()
	}
	y.start(2)
	y.sight(2, proto.Sight{Peers: []proto.Seen{{Place: proto.Place{Node: 4}, Up: true, RTT: 5 * ms}}})
	y.talk()
	y.tick(20)
	require.Equal(t, []machine.Node{4}, y.look(2).Next)
	require.Equal(t, []machine.Node{2, 3}, y.look(4).Next)
	require.Empty(t, cmp.Diff(y.look(2).Tree, y.look(1).Tree))
}

func TestWhoComesUpAndWhoBecomesANeighbourIsToldHelloAtOnce(t *testing.T) {
	y := newYard(t, 5, overlay.Config{Lazy: true})
	y.start(3)
	y.see()
	require.Len(t, y.look(3).Tree, 4, "it has all rows before anybody's Hello was due")
	id := y.publish(2, "x")
	y.down[3] = true
	y.see()
	y.look(2)
	require.Len(t, y.queue, 1)
	require.Equal(t, 4, y.queue[0].to)
	require.Equal(t, []proto.ID{id}, y.queue[0].msg.(proto.Hello).Have)
}

func TestAHelloBringsWhatEitherLacks(t *testing.T) {
	y := newYard(t, 2, overlay.Config{})
	version := proto.Version{Count: 9}
	y.say(2, 1, proto.Hello{Heard: []proto.Heard{{Node: 2}, {Node: 7, Version: version}}})
	require.Len(t, y.queue, 2)
	rows := y.queue[0].msg.(proto.Rows).List
	require.Equal(t, []machine.Node{1, 2}, []machine.Node{rows[0].Node, rows[1].Node})
	require.Empty(t, cmp.Diff(letter{1, 2, proto.Lack{Rows: []machine.Node{7}}}, y.queue[1], cmp.AllowUnexported(letter{})))
	y.queue = nil
	y.say(2, 1, proto.Lack{Rows: []machine.Node{2, 7}})
	require.Len(t, y.queue, 1)
	require.Empty(t, cmp.Diff(letter{1, 2, proto.Rows{List: rows[1:]}}, y.queue[0], cmp.AllowUnexported(letter{})))
}

func TestTremorsOfTheNetworkDoNotMoveTheTree(t *testing.T) {
	y := newYard(t, 3, overlay.Config{Drift: 25})
	said[proto.Rows](y)
	at := func(rtt machine.Time) {
		s := y.view(1)
		s.Peers[0].RTT = rtt
		y.sight(1, s)
		y.talk()
	}
	for _, rtt := range []machine.Time{8 * ms, 12 * ms, 7500 * machine.Microsecond, 12500 * machine.Microsecond} {
		at(rtt)
	}
	require.Empty(t, said[proto.Rows](y))
	at(13 * ms)
	require.NotEmpty(t, said[proto.Rows](y))
	at(10 * ms)
	require.Empty(t, said[proto.Rows](y), "what counts is what was told last")
}

func TestRowsOfThoseOutOfReachMakeRoomAndOthersDoNot(t *testing.T) {
	y := newYard(t, 2, overlay.Config{})
	var rows []proto.Row
	for n := 3; n < 3+2*proto.MaxPlaces; n++ {
		rows = append(rows, proto.Row{Node: machine.Node(n), Version: proto.Version{Count: 1}})
	}
	for _, r := range rows {
		y.say(2, 1, proto.Rows{List: []proto.Row{r}})
	}
	require.Len(t, y.look(1).Tree, 1, "2 is still known")
	y.queue = nil
	y.say(2, 1, proto.Hello{})
	all := y.queue[0].msg.(proto.Rows).List
	require.Len(t, all, proto.MaxPlaces)
	require.Contains(t, all, rows[len(rows)-1], "the latest")

	alone := newYard(t, 1, overlay.Config{})
	alone.say(2, 1, proto.Rows{List: rows[:proto.MaxPlaces]})
	alone.say(2, 1, proto.Rows{List: rows[proto.MaxPlaces:]})
	alone.say(2, 1, proto.Hello{})
	all = alone.queue[0].msg.(proto.Rows).List
	require.Equal(t, machine.Node(1), all[0].Node, "its own row stays")
	require.Len(t, all, proto.MaxPlaces)

	full := newYard(t, proto.MaxPlaces, overlay.Config{})
	full.say(2, 1, proto.Rows{List: rows[len(rows)-1:]})
	require.Len(t, full.look(1).Tree, proto.MaxPlaces-1, "all are reached: there is no room")
}

func TestAnItemThatGoesInARingEnds(t *testing.T) {
	y := newYard(t, 2, overlay.Config{})
	item := proto.Item{ID: proto.ID{Origin: 9, Seq: 1}, Hops: proto.MaxPlaces}
	y.say(9, 1, item)
	require.Empty(t, y.queue, "it has gone through too many")
	y.say(2, 1, proto.Lack{Items: []proto.ID{item.ID}})
	require.Equal(t, proto.MaxPlaces, y.queue[0].msg.(proto.Item).Hops, "who asks for it gets it, and no more than that")
	y.queue = nil
	item.ID.Seq, item.Hops = 2, 5
	y.say(9, 1, item)
	require.Equal(t, 6, y.queue[0].msg.(proto.Item).Hops)
	y.queue = nil
	y.say(9, 1, item)
	require.Empty(t, y.queue, "it has come before")
	require.Equal(t, uint64(1), y.look(1).Copies)
	require.Equal(t, uint64(2), y.look(1).Heard)
}

func TestReadGoesThroughWhatIsKeptAndTellsWhatIsNot(t *testing.T) {
	y := newYard(t, 1, overlay.Config{Keep: 100})
	for n := range 130 {
		y.publish(1, fmt.Sprint(n))
	}
	a := y.ask(1, proto.Read{After: 10}).(proto.Items)
	require.Equal(t, uint64(20), a.Lost, "those after the tenth that are no longer kept")
	require.Len(t, a.List, proto.MaxRead)
	require.Equal(t, "30", string(a.List[0].Body))
	require.Equal(t, uint64(30+proto.MaxRead), a.Next)
	b := y.ask(1, proto.Read{After: a.Next}).(proto.Items)
	require.Len(t, b.List, 36)
	require.Zero(t, b.Lost)
	require.Equal(t, uint64(130), b.Next)
	require.Empty(t, cmp.Diff(proto.Items{Next: 130}, y.ask(1, proto.Read{After: 999})))
}

func TestLargeItemsAreReadAndFetchedInParts(t *testing.T) {
	y := newYard(t, 2, overlay.Config{Lazy: true})
	require.Equal(t, proto.Refused{}, y.ask(1, proto.Publish{Body: make([]byte, proto.MaxBody+1)}))
	y.down[2] = true
	var ids []proto.ID
	for range 40 {
		ids = append(ids, y.publish(1, strings.Repeat("x", proto.MaxBody)))
	}
	require.Len(t, y.ask(1, proto.Read{}).(proto.Items).List, 16, "a message of 1 MiB")
	delete(y.down, 2)
	y.say(2, 1, proto.Lack{Items: ids})
	require.Len(t, y.queue, 16, "likewise")
	y.queue = nil
	y.tick(30)
	require.Equal(t, uint64(40), y.look(2).Heard)
}

func TestOldItemsAreForgottenButNotSoonHeardTwice(t *testing.T) {
	y := newYard(t, 1, overlay.Config{Keep: 1})
	first := proto.Item{ID: proto.ID{Origin: 9, Seq: 0}}
	for n := range overlay.MaxSeen {
		y.say(9, 1, proto.Item{ID: proto.ID{Origin: 9, Seq: uint64(n)}})
	}
	y.say(9, 1, first)
	require.Equal(t, uint64(1), y.look(1).Copies)
	y.say(9, 1, proto.Item{ID: proto.ID{Origin: 8}})
	y.say(9, 1, first)
	require.Equal(t, uint64(1), y.look(1).Copies, "one too many has come between")
	y.say(9, 1, proto.Item{ID: proto.ID{Origin: 9, Seq: 5}})
	y.say(9, 1, proto.Item{ID: proto.ID{Origin: 8}})
	require.Equal(t, uint64(3), y.look(1).Copies, "the others are still known")
}

func TestNewItemsAreToldToAnotherMachineOfTheNode(t *testing.T) {
	o, err := overlay.New(addr(1), overlay.Config{Deliver: "app"})
	require.NoError(t, err)
	var out machine.Out
	o.Step(machine.In{Event: machine.Ready{}}, &out)
	item := proto.Item{ID: proto.ID{Origin: 9, Seq: 1}, Body: []byte("b")}
	for range 2 {
		out.Reset()
		o.Step(machine.In{Event: machine.Recv{From: addr(9), Msg: item}}, &out)
		if len(out.Send) > 0 {
			require.Empty(t, cmp.Diff([]machine.Envelope{{To: machine.Addr{Node: 1, Role: "app"}, Msg: item}}, out.Send))
			item.Hops++
		}
	}
	require.Equal(t, 1, item.Hops, "told once")
}

func TestStrangersAreNotHeard(t *testing.T) {
	y := newYard(t, 2, overlay.Config{})
	before := y.look(1)
	other := machine.Addr{Node: 1, Role: "other"}
	for from, msg := range map[machine.Addr]machine.Data{
		other:                             proto.Sight{},
		{Node: 1, Role: ""}:               proto.Tick{},
		{Node: 2, Role: "probe"}:          proto.Sight{},
		{Node: 2, Role: "other"}:          proto.Item{ID: proto.ID{Origin: 2, Seq: 1}},
		{Node: 2, Role: "overlay-of-old"}: proto.Rows{List: []proto.Row{{Node: 2, Version: proto.Version{Count: 99}}}},
	} {
		y.step(1, machine.Recv{From: from, Msg: msg})
		require.Empty(t, y.out.Send)
	}
	require.Empty(t, cmp.Diff(before, y.look(1)))
}

func TestVersionsAtTheirEndStopNobody(t *testing.T) {
	y := newYard(t, 3, overlay.Config{})
	last := proto.Row{Node: 1, Version: proto.Version{Count: proto.MaxCount, Life: 1 << 63}}
	y.say(2, 1, proto.Rows{List: []proto.Row{last}})
	y.talk()
	for range 3 {
		y.down[3] = !y.down[3]
		y.see()
		y.tick(2)
	}
	require.Len(t, y.look(2).Tree, 1)
}

func TestAConfigIsItsBytesBackwards(t *testing.T) {
	for _, c := range []overlay.Config{{}, {Probe: "p", Deliver: "d", Every: every, Drift: 3, Keep: 4, Lazy: true}} {
		got, err := overlay.DecodeConfig(c.AppendTo(nil))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(c, got))
		m, err := overlay.Protocol().New(addr(1), c.AppendTo(nil))
		require.NoError(t, err)
		require.NotNil(t, m)
	}
	_, err := overlay.Protocol().New(addr(1), []byte{1})
	require.ErrorIs(t, err, cbor.ErrMalformed)
}

func TestConfigsThatMakeNoSenseAreRefused(t *testing.T) {
	for want, c := range map[string]overlay.Config{
		"hellos 999 ns":    {Every: 999},
		"want 1 ms to 1 h": {Every: 3601 * machine.Second},
		"drift of -1":      {Drift: -1},
		"drift of 1001":    {Drift: 1001},
		"-1 items kept":    {Keep: -1},
		"1025 items kept":  {Keep: proto.MaxKeep + 1},
	} {
		_, err := overlay.New(addr(1), c)
		require.ErrorIs(t, err, overlay.ErrConfig, want)
		require.ErrorContains(t, err, want)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(overlay.Config{}.AppendTo(nil))
	f.Add(overlay.Config{Probe: "p", Deliver: "d", Every: every, Drift: 3, Keep: 4, Lazy: true}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := overlay.DecodeConfig(b)
		if err != nil {
			return
		}
		require.Equal(t, b, c.AppendTo(nil))
		if _, err = overlay.New(addr(1), c); err != nil {
			require.ErrorIs(t, err, overlay.ErrConfig)
		}
	})
}
