package main

import (
	"io"

	"dss.example/common/blob"

	"dss.example/p2-persist/chunk"
	"dss.example/p2-persist/file"
	"dss.example/p2-persist/judged/pipe"
	"dss.example/p2-persist/object"
)

func objectVerbs() map[string]verb {
	return map[string]verb{
		"object.check": func(_ *world, m pipe.Message) (pipe.Message, error) { return texts(), object.Check(m.Bytes[0]) },
		"object.dump": func(_ *world, m pipe.Message) (pipe.Message, error) {
			return texts([]byte(object.Dump(m.Bytes[0]))), nil
		},
		"object.links":   objectLinks,
		"object.version": objectVersion,
		"object.encode":  objectEncode,
		"object.again":   objectAgain,
		"object.record":  objectRecord,
	}
}

// objectLinks answers the links, and how many errors came with them.
func objectLinks(_ *world, m pipe.Message) (pipe.Message, error) {
	var ids []blob.ID
	errs := uint64(0)
	for id, err := range object.Links(m.Bytes[0]) {
		if err != nil {
			errs++
			continue
		}
		ids = append(ids, id)
	}
	return pipe.Message{Numbers: []uint64{errs}, Bytes: bytesOf(ids)}, nil
}

func objectVersion(_ *world, m pipe.Message) (pipe.Message, error) {
	v, err := object.Version(m.Bytes[0])
	return numbers(v), err
}

// objectEncode encodes the special value of a number, or the random one of a seed.
func objectEncode(_ *world, m pipe.Message) (pipe.Message, error) {
	v, special := pipe.Special(m.Numbers[0])
	if m.Numbers[1] != 0 || !special {
		v = pipe.Random(m.Numbers[0])
	}
	b, err := object.Encode(v)
	return texts(b), err
}

// objectAgain decodes an object and encodes what it was decoded to.
func objectAgain(_ *world, m pipe.Message) (pipe.Message, error) {
	var v any
	if err := object.Decode(m.Bytes[0], &v); err != nil {
		return texts(), err
	}
	b, err := object.Encode(v)
	return texts(b), err
}

// objectRecord loads a record from the store, and saves it again.
func objectRecord(w *world, m pipe.Message) (pipe.Message, error) {
	ids, err := m.IDs(0)
	if err != nil {
		return texts(), err
	}
	var r pipe.Record
	if err := object.Load(w.blobs(), ids[0], &r); err != nil {
		return texts(), err
	}
	id, err := object.Save(w.blobs(), r)
	return texts(id[:]), err
}

func chunkVerbs() map[string]verb {
	return map[string]verb{"chunk.stream": chunkStream, "chunk.cut": chunkCut}
}

// reads delivers bytes in pieces of given sizes, again and again, and then an error.
type reads struct {
	b     []byte
	sizes []uint64
	turn  int
	err   error
}

func (r *reads) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, r.err
	}
	n := len(p)
	if len(r.sizes) > 0 {
		n = min(n, int(r.sizes[r.turn%len(r.sizes)]))
		r.turn++
	}
	n = copy(p[:n], r.b)
	r.b = r.b[n:]
	return n, nil
}

// reader reads the second byte string of a message: the first number says whether
// reading it fails at the end, the others are the sizes of reads.
func reader(m pipe.Message) io.Reader {
	r := &reads{b: m.Bytes[1], sizes: m.Numbers[1:], err: io.EOF}
	if m.Numbers[0] != 0 {
		r.err = io.ErrUnexpectedEOF
	}
	return r
}

// chunkStream answers the chunks of a stream, and where they begin.
func chunkStream(_ *world, m pipe.Message) (answer pipe.Message, err error) {
	c, err := chunk.Parse(string(m.Bytes[0]))
	if err != nil {
		return answer, err
	}
	for ch, err := range chunk.Chunks(reader(m), c) {
		if err != nil {
			return answer, err
		}
		answer.Numbers = append(answer.Numbers, uint64(ch.Offset))
		answer.Bytes = append(answer.Bytes, append([]byte(nil), ch.Data...))
	}
	return answer, nil
}

// chunkCut answers what is cut from the first bytes of a stream, for each number of
// them; at the end it is all of the stream.
func chunkCut(_ *world, m pipe.Message) (answer pipe.Message, err error) {
	c, err := chunk.Parse(string(m.Bytes[0]))
	if err != nil {
		return answer, err
	}
	for _, n := range m.Numbers {
		answer.Numbers = append(answer.Numbers, uint64(c.Cut(m.Bytes[1][:n], n == uint64(len(m.Bytes[1])))))
	}
	return answer, nil
}

func fileVerbs() map[string]verb {
	return map[string]verb{"file.write": fileWrite, "file.read": fileRead, "file.copy": fileCopy}
}

// fileWrite stores a stream as a file; one goroutine does all.
func fileWrite(w *world, m pipe.Message) (pipe.Message, error) {
	c, err := chunk.Parse(string(m.Bytes[0]))
	if err != nil {
		return texts(), err
	}
	id, size, err := file.NewWriter(w.blobs(), c, 0).Put(reader(m))
	return pipe.Message{Numbers: []uint64{uint64(size)}, Bytes: [][]byte{id[:]}}, err
}

// fileRead reads as many bytes at each offset as it is told, and answers what came, and
// whether the end did.
func fileRead(w *world, m pipe.Message) (answer pipe.Message, err error) {
	f, err := openFile(w, m)
	if err != nil {
		return answer, err
	}
	for i := 0; i < len(m.Numbers); i += 2 {
		b := make([]byte, m.Numbers[i+1])
		n, err := f.ReadAt(b, int64(m.Numbers[i]))
		if err != nil && err != io.EOF { //nolint:errorlint // the contract of io.ReaderAt
			return answer, err
		}
		answer.Bytes = append(answer.Bytes, b[:n])
		answer.Numbers = append(answer.Numbers, flag(err != nil))
	}
	return answer, nil
}

// fileCopy answers the whole file, as one who copies it gets it.
func fileCopy(w *world, m pipe.Message) (pipe.Message, error) {
	f, err := openFile(w, m)
	if err != nil {
		return texts(), err
	}
	b, err := io.ReadAll(io.LimitReader(f, pipe.MaxFrame/2))
	return pipe.Message{Numbers: []uint64{uint64(f.Size())}, Bytes: [][]byte{b}}, err
}

func openFile(w *world, m pipe.Message) (*file.File, error) {
	ids, err := m.IDs(0)
	if err != nil {
		return nil, err
	}
	return file.Open(w.blobs(), ids[0])
}
