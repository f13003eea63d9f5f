package wire

import (
	"net/rpc"

	"dss.example/common/machine"
)

// quick serves a request: bad tells that its body could not be decoded, err is the
// handler's.
type quick func(body []byte) (reply machine.Data, bad, err error)

// Quick offers a method whose handler never waits. It is served in the reading loop of
// its connection and past net/rpc, whose dispatch by reflection takes longer than a
// quick method. On the wire nothing tells it from others. It comes before a registered
// method of that name. All must be offered before the Server serves.
//
// The handler keeps nothing of its args when it has returned, and the reply is not
// one of them: their memory is used again. So is the body's, but not before the reply
// is encoded: A's DecodeFrom may share it.
func Quick[A any, P interface {
	*A
	decoder
}](s *Server, method string, fn func(P) (machine.Data, error)) {
	s.quick[method] = func() quick {
		args := P(new(A))
		return func(body []byte) (machine.Data, error, error) {
			defer func() { *args = *new(A) }() // what they held, a quiet connection does not hold on to
			if bad := args.DecodeFrom(body); bad != nil {
				return nil, bad, nil
			}
			reply, err := fn(args)
			return reply, nil, err
		}
	}
}

// answer serves the call by q.
func (k *call) answer(q quick) {
	r := rpc.Response{Seq: k.req.seq, ServiceMethod: k.method}
	body, bad, err := q(k.req.body)
	if err != nil {
		r.Error = err.Error()
	}
	k.reply = reply{bodyErr: bad}
	k.WriteResponse(&r, body)
}
