package stage1

import (
	"context"

	"github.com/redis/rueidis"

	"dss.example/common/bench/load"
)

// redisStore is one connection. Callers that share it are pipelined by rueidis; a
// caller that is alone is served in its own goroutine, without a pipeline.
type redisStore struct{ c rueidis.Client }

// aloneBuffer is the size of a buffer for one caller, in bytes; rueidis's preset of
// half a megabyte, times 256 connections, would measure the memory.
const aloneBuffer = 16 << 10

func openRedis(addr string, alone bool) (load.Store, error) {
	o := rueidis.ClientOption{
		InitAddress: []string{addr}, ForceSingleClient: true, DisableCache: true,
		PipelineMultiplex: -1, // one connection
	}
	if alone {
		o.ReadBufferEachConn, o.WriteBufferEachConn = aloneBuffer, aloneBuffer
	}
	c, err := rueidis.NewClient(o)
	return redisStore{c}, err
}

// Put implements load.Store.
func (s redisStore) Put(key string, value []byte) error {
	return s.c.Do(context.Background(), s.c.B().Set().Key(key).Value(rueidis.BinaryString(value)).Build()).Error()
}

// Get implements load.Store.
func (s redisStore) Get(key string) ([]byte, error) {
	return s.c.Do(context.Background(), s.c.B().Get().Key(key).Build()).AsBytes()
}

// GetAll implements load.Batcher.
func (s redisStore) GetAll(keys []string) ([][]byte, error) {
	replies, err := s.c.Do(context.Background(), s.c.B().Mget().Key(keys...).Build()).ToArray()
	values := make([][]byte, len(replies))
	for i := range replies {
		if values[i], err = replies[i].AsBytes(); err != nil {
			break
		}
	}
	return values, err
}

// Close implements load.Store.
func (s redisStore) Close() error {
	s.c.Close()
	return nil
}
