package vector_test

import (
	"slices"

	oracle "github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/p3-replication/vector"
)

// name parses a server's name that is known to be right.
func name(t require.TestingT, text string) vector.Server {
	s, err := vector.ParseServer(text)
	require.NoError(t, err)
	return s
}

// at makes the stamp of a write.
func at(t require.TestingT, time uint64, server string) vector.Stamp {
	return vector.Stamp{Time: time, Server: name(t, server)}
}

// entries makes a vector, of servers and times in turns.
func entries(t require.TestingT, pairs ...any) (v vector.Vector) {
	for pair := range slices.Chunk(pairs, 2) {
		v.Raise(at(t, uint64(pair[1].(int)), pair[0].(string)))
	}
	return v
}

// drawServer draws from few names, so that draws meet.
func drawServer(t *rapid.T) vector.Server {
	return name(t, rapid.SampledFrom([]string{"0", "0.1", "0.2", "0.1.2", "0.1.3", "0.2.3.4"}).Draw(t, "server"))
}

func drawStamp(t *rapid.T) vector.Stamp {
	return vector.Stamp{Time: rapid.Uint64Range(1, 4).Draw(t, "time"), Server: drawServer(t)}
}

func drawVector(t *rapid.T) (v vector.Vector) {
	for range rapid.IntRange(0, 5).Draw(t, "entries") {
		v.Raise(drawStamp(t))
	}
	return v
}

// encoded is an item by another implementation's canonical form.
func encoded(t require.TestingT, item any) []byte {
	enc, err := oracle.CoreDetEncOptions().EncMode()
	require.NoError(t, err)
	b, err := enc.Marshal(item)
	require.NoError(t, err)
	return b
}
