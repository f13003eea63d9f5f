// Package chunk cuts streams of bytes into chunks, so that what two streams have in
// common is stored once.
//
// A [Cutter] looks at bytes and says where the first chunk ends. There are three:
//
//	Fixed      every chunk has the same size. One byte inserted at the start moves
//	           every cut after it: nothing is shared with the old version.
//	RabinKarp  cuts where a hash of the last 32 bytes has a certain value, as in the
//	           course notes. The cuts move with the contents.
//	FastCDC    the same idea with a cheaper hash, the gear hash, and with sizes that
//	           lie closer together (Xia et al., FastCDC, USENIX ATC 2016).
//
// What the last two share is called content-defined chunking:
//
//	old    |the quick brown |fox jumps ov|er the lazy dog|
//	new    |the quick, brown |fox jumps ov|er the lazy dog|
//
// Whether a position may end a chunk depends on the window of bytes before it and on
// nothing else. Only the limits remember where the chunk began: a position too near is
// passed over, and a chunk without any position is cut at the largest size. So two
// streams that differ and then agree soon cut at the same position, and from there on
// they cut alike.
//
// [Stream] and [Chunks] cut what a reader delivers, in bounded memory. How the reader
// splits its bytes has no influence on the cuts. [Measure] tells what a way of cutting
// is worth on given streams.
//
// Every cutter has a name that [Parse] reads again, with its parameters: "fixed:4K",
// "rabin", "fastcdc:64K,256K,1M". Whoever wants to share chunks with what was written
// before must cut with the same parameters; they are worth recording beside the data.
package chunk
