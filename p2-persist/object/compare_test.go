package object_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"testing"

	"dss.example/p2-persist/object"
)

// entry is a value as stores keep many of.
type entry struct {
	Version int    `cbor:"v" json:"v"`
	Name    string `cbor:"name" json:"name"`
	Mode    uint32 `cbor:"mode" json:"mode"`
	Size    int64  `cbor:"size" json:"size"`
	Mtime   int64  `cbor:"mtime" json:"mtime"`
	Hash    []byte `cbor:"hash" json:"hash"`
}

var sample = entry{1, "main.go", 0o644, 12_345, 1_700_000_000_123_456_789, bytes.Repeat([]byte{0xab}, 32)}

// codec is a way to write a value and to read it.
type codec struct {
	name   string
	encode func(any) ([]byte, error)
	decode func([]byte, any) error
}

// codecs are ours, and what others use. Each value stands for itself, as a blob does: so
// gob writes what its type is each time.
var codecs = []codec{
	{"object", object.Encode, object.Decode},
	{"json", json.Marshal, json.Unmarshal},
	{
		"gob",
		func(v any) ([]byte, error) {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(v)
			return b.Bytes(), err
		},
		func(b []byte, v any) error { return gob.NewDecoder(bytes.NewReader(b)).Decode(v) },
	},
}

// A value takes less room than in JSON or gob, though the names of its fields are in it.
func Example_size() {
	for _, c := range codecs {
		b, err := c.encode(sample)
		if err != nil {
			panic(err)
		}
		fmt.Println(c.name, len(b))
	}
	// Output:
	// object 87
	// json 130
	// gob 144
}

func BenchmarkEncodeBesideOthers(b *testing.B) {
	for _, c := range codecs {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if _, err := c.encode(sample); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeBesideOthers(b *testing.B) {
	for _, c := range codecs {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			text, err := c.encode(sample)
			if err != nil {
				b.Fatal(err)
			}
			for range b.N {
				var v entry
				if err := c.decode(text, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
