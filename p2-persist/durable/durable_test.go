package durable_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/app"
	"dss.example/common/cbor"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/p2-persist/durable"
)

func TestWhatWasSavedIsThereAfterACrash(t *testing.T) {
	c := switchOn(t)
	require.Equal(t, "noted", c.ask("note a 9000"))
	require.Equal(t, "noted", c.ask("note b 9000"))
	before := c.ask("list")
	c.crash(0)
	require.Equal(t, before, c.ask("list"))
	c.ask("note c 9000")
	c.crash(1)
	require.Equal(t, before, c.ask("list"), "c had not been saved")
}

func TestReadingSavesNothing(t *testing.T) {
	c := switchOn(t)
	c.ask("note a 9000")
	n := len(c.log)
	c.ask("list")
	c.send(word("wait"))
	c.step(machine.Cancel{ID: c.asks})
	c.step(machine.Link{Peer: 2, Up: true})
	require.Len(t, c.log, n)
}

func TestWhatWasDrawnAtBirthIsNotDrawnAgain(t *testing.T) {
	c := switchOn(t)
	born := c.ask("list")
	c.crash(0)
	c.crash(0)
	require.Equal(t, born, c.ask("list"))
}

func TestTheClockStandsStillWhileTheMachineIsDown(t *testing.T) {
	c := switchOn(t)
	c.sleep(5000)
	c.ask("note a 300")
	c.sleep(100)
	c.ask("note b 9000") // the last time that is saved
	c.crash(0)
	c.sleep(199)
	require.Contains(t, c.ask("list"), "[a b]")
	c.sleep(1)
	require.Contains(t, c.ask("list"), "[b]")
	c.crash(0)
	require.Contains(t, c.ask("list"), "[b]", "that a note has vanished was saved")
}

func TestAWorldThatDeliversWhatItHadBeforeTheCrashDoesNoHarm(t *testing.T) {
	c := switchOn(t)
	c.ask("note a 300")
	c.sleep(100)
	c.step(machine.Recv{From: self, Msg: word("a")})
	n := len(c.log)
	c.step(machine.Recv{From: machine.Addr{Node: 2, Role: "diary"}, Msg: word("a")})
	require.Len(t, c.log, n, "it listens to itself only")
	require.Contains(t, c.ask("list"), "[a]")
}

func TestNobodyIsAnsweredInALaterLife(t *testing.T) {
	c := switchOn(t)
	c.send(word("wait !")) // saved, though it only waits
	c.crash(0)
	c.ask("note a 9000") // step checks that nobody else is answered
	first := c.send(word("wait !"))
	c.ask("note b 9000")
	require.Equal(t, "changed", c.answers[first])
}

func TestASnapshotThatIsKeptStandsForTheRecordsBeforeIt(t *testing.T) {
	c := switchOn(t)
	c.ask("note a 500")
	taken := c.taken()
	require.EqualValues(t, 2, taken.Seq, "the birth and the note")
	c.ask("note b 9000")
	before := c.ask("list")

	c.from = taken.Snapshot()
	c.crash(0)
	require.Equal(t, before, c.ask("list"), "what it has of the log's is not done twice")
	id := c.send(durable.Kept{Seq: taken.Seq})
	require.Equal(t, durable.Mark{Seq: 2, Now: taken.Now}.AppendTo(nil), []byte(c.answers[id]))
	require.EqualValues(t, 3, c.first, "trimmed")
	c.crash(0)
	require.Equal(t, before, c.ask("list"))
	c.sleep(500)
	require.Contains(t, c.ask("list"), "[b]", "timers are set for what came from the snapshot")
}

func TestAllOfTheLogMayBeTrimmed(t *testing.T) {
	c := switchOn(t)
	c.ask("note a 500")
	before := c.ask("list")
	taken := c.taken()
	c.from = taken.Snapshot()
	c.send(durable.Kept{Seq: taken.Seq})
	require.Empty(t, c.log)
	c.crash(0)
	require.Equal(t, before, c.ask("list"))
	c.ask("note b 9000")
	c.crash(0)
	c.sleep(499)
	require.Contains(t, c.ask("list"), "[a b]", "records are counted on from the snapshot's")
	c.sleep(1)
	require.Contains(t, c.ask("list"), "[b]", "and so is time")
}

func TestASnapshotThatDoesNotLoadIsAnError(t *testing.T) {
	c := switchOn(t)
	for name, pairs := range map[string]iter.Seq2[app.Pair, error]{
		"no state": func(yield func(app.Pair, error) bool) {
			_ = yield(app.Pair{Key: "a", Value: []byte("x")}, nil) && yield(app.Pair{}, nil)
		},
		"ends too early": func(yield func(app.Pair, error) bool) { yield(app.Pair{}, errTorn) },
	} {
		c.from = &durable.Snapshot{Seq: 7, Pairs: pairs}
		_, err := durable.New(c.config())
		require.ErrorIs(t, err, errTorn, name)
		require.ErrorContains(t, err, "the snapshot at record 7")
	}
}

func TestNothingIsServedFromAStateThatIsNotKnown(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(c *computer)
		told string
	}{
		"a damaged record":         {func(c *computer) { c.damaged[2] = true }, "record 2 of the log is damaged"},
		"a missing beginning":      {func(c *computer) { c.log, c.first = c.log[1:], 2 }, "record 1 of the log is missing"},
		"a log that has been lost": {func(c *computer) { c.from, c.log = c.taken().Snapshot(), nil }, "the log ends before record 3"},
		"a log that is too short":  {func(c *computer) { c.from, c.log = c.taken().Snapshot(), c.log[:2] }, "the log ends before record 3"},
	} {
		t.Run(name, func(t *testing.T) {
			on := switchOn(t)
			on.ask("note a 9000")
			on.ask("note b 9000")
			c.harm(on)
			on.crash(0)
			n := len(on.log)
			for _, cmd := range []string{"list", "note c 9", "wait"} {
				require.Contains(t, on.ask(cmd), "refused: "+c.told)
			}
			require.Contains(t, on.taken().Refused, c.told)
			require.Contains(t, on.answers[on.send(durable.Kept{Seq: 1})], c.told)
			on.step(machine.Recv{From: self, Msg: word("a")})
			require.Len(t, on.log, n, "nothing is saved behind what is not known")
		})
	}
}

func TestASnapshotOfTheFutureIsNotKept(t *testing.T) {
	c := switchOn(t)
	c.ask("note a 9000")
	require.Contains(t, c.answers[c.send(durable.Kept{Seq: 3})], "the last record is 2")
	require.EqualValues(t, 1, c.first)
}

// TestAnyPrefixOfTheLogMakesTheStateThatItMadeBefore crashes at random, with random
// records lost, and compares states by their hashes.
func TestAnyPrefixOfTheLogMakesTheStateThatItMadeBefore(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		c := switchOn(t)
		for range 60 {
			switch r.IntN(6) {
			case 0, 1, 2:
				c.ask(fmt.Sprintf("note %c %d", 'a'+r.IntN(5), r.IntN(300)))
			case 3:
				c.sleep(r.IntN(200))
			case 4:
				if taken := c.taken(); r.IntN(2) == 0 {
					c.from = taken.Snapshot()
					if r.IntN(2) == 0 {
						c.send(durable.Kept{Seq: taken.Seq})
					}
				}
			case 5:
				least := max(c.first-1, 1) // who loses its birth is born again
				if c.from != nil {
					least = c.from.Seq
				}
				c.log = c.log[:len(c.log)-r.IntN(int(c.last()-least)+1)]
				end := c.last()
				want := c.states[end]
				c.boot()
				require.Equal(t, end+1, c.last(), "the new life's beginning")
				require.Equal(t, want, app.Hash(c.inside.View()), "seed %d: after record %d", seed, end)
			}
		}
	}
}

func TestWhatTravelsIsReadBackAndNothingElse(t *testing.T) {
	p := durable.Protocol(inside(), nil)
	for _, cmd := range []machine.Data{durable.TakeSnapshot{}, durable.Kept{Seq: 9}, word("list")} {
		got, err := p.Command(cmd.AppendTo(nil))
		require.NoError(t, err)
		require.Equal(t, cmd, got)
	}
	for _, answer := range []machine.Data{durable.Mark{Seq: 9, Now: -3, Refused: "no"}, word("ok")} {
		got, err := p.Answer(answer.AppendTo(nil))
		require.NoError(t, err)
		require.Equal(t, answer, got)
	}
	taken := durable.Taken{Mark: durable.Mark{Seq: 3}, View: page{}}
	got, err := p.Answer(taken.AppendTo(nil))
	require.NoError(t, err)
	require.Equal(t, taken.Mark, got, "the state does not travel")
	for name, b := range map[string][]byte{
		"a tag of nobody's": cbor.AppendNull(cbor.AppendTag(nil, 7)),
		"a count too many":  append(durable.Kept{Seq: 9}.AppendTo(nil), 0),
		"a snapshot of":     cbor.AppendUint(cbor.AppendTag(nil, 0x44530001), 1),
	} {
		_, err := p.Command(b)
		require.ErrorIs(t, err, cbor.ErrMalformed, name)
		_, err = p.Answer(b)
		require.ErrorIs(t, err, cbor.ErrMalformed, name)
	}
}

func TestWhatChangesAStore(t *testing.T) {
	put := kv.Put{Key: "a"}
	for _, c := range []struct {
		cmd  machine.Data
		want bool
	}{
		{&kv.Request{Op: kv.Get{Key: "a"}}, false},
		{&kv.Request{Op: kv.Get{Key: "a"}, Session: 7}, true},
		{&kv.Request{Op: put}, true},
		{&kv.Request{Op: kv.Txn{Then: []kv.Op{kv.Get{Key: "a"}}, Else: []kv.Op{put}}}, true},
		{&kv.Request{Op: kv.OpenSession{}}, true},
		{&kv.Request{}, false},
		{(*kv.Request)(nil), false},
		{word("x"), false},
	} {
		require.Equal(t, c.want, durable.Changes(c.cmd), "%v", c.cmd)
	}
	require.Equal(t, kv.Unavailable, durable.Refuse("no").(*kv.Response).Status)
}

func TestAMachineIsMadeAsItsConfigurationSays(t *testing.T) {
	c := switchOn(t)
	var asked string
	p := durable.Protocol(inside(), func(at machine.Addr, config []byte) (durable.Config, error) {
		asked = fmt.Sprintf("%v %s", at, config)
		if len(config) == 0 {
			return durable.Config{}, errTorn
		}
		return c.config(), nil
	})
	m, err := p.New(self, []byte("x"))
	require.NoError(t, err)
	require.IsType(t, &durable.Machine{}, m)
	require.Equal(t, "1/diary x", asked)
	_, err = p.New(self, nil)
	require.ErrorIs(t, err, errTorn)
	require.Equal(t, "durable diary", p.Name)
}
