package kv_test

import (
	"testing"

	"dss.example/common/kv"
	"dss.example/common/machine"
)

// kept makes decoded values escape, as they do in a server.
var kept machine.Data

var benchRequests = []struct {
	name string
	req  kv.Request
}{
	{"get", kv.Request{Session: 7, Seq: 1000, Acked: 990, Op: kv.Get{Key: "user/00001234"}}},
	{"put", kv.Request{Session: 7, Seq: 1000, Acked: 990, Op: kv.Put{Key: "user/00001234", Value: make([]byte, 100)}}},
}

var benchResponses = []struct {
	name string
	resp kv.Response
}{
	{"get", kv.Response{Status: kv.OK, Rev: kv.Version{Lo: 123456}, Result: kv.Item{
		Key: "user/00001234", Value: make([]byte, 100),
		Mod: kv.Version{Lo: 123000}, Create: kv.Version{Lo: 1000}, Count: 12,
	}}},
	{"put", kv.Response{Status: kv.OK, Rev: kv.Version{Lo: 123456}}},
}

func BenchmarkEncodeRequest(b *testing.B) {
	for _, c := range benchRequests {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				buf = c.req.AppendTo(buf[:0])
			}
		})
	}
}

func BenchmarkDecodeRequest(b *testing.B) {
	for _, c := range benchRequests {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			buf := c.req.AppendTo(nil)
			for b.Loop() {
				got, err := kv.DecodeRequest(buf)
				if err != nil {
					b.Fatal(err)
				}
				kept = got
			}
		})
	}
}

func BenchmarkEncodeResponse(b *testing.B) {
	for _, c := range benchResponses {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				buf = c.resp.AppendTo(buf[:0])
			}
		})
	}
}

func BenchmarkDecodeResponse(b *testing.B) {
	for _, c := range benchResponses {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			buf := c.resp.AppendTo(nil)
			for b.Loop() {
				got, err := kv.DecodeResponse(buf)
				if err != nil {
					b.Fatal(err)
				}
				kept = got
			}
		})
	}
}
