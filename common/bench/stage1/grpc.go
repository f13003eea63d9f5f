package stage1

import (
	"context"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"dss.example/common/bench/load"
)

// The messages are protobuf's own, so that nothing has to be generated: an Any is a
// string and bytes, as a put is.

func serveGRPC(ln net.Listener) error {
	s := grpc.NewServer()
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "KV", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Put", Handler: handlePut}, {MethodName: "Get", Handler: handleGet}},
	}, newTable())
	return s.Serve(ln)
}

func handlePut(srv any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var put anypb.Any
	if err := decode(&put); err != nil {
		return nil, err
	}
	srv.(*table).put(put.TypeUrl, put.Value)
	return &emptypb.Empty{}, nil
}

func handleGet(srv any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var key wrapperspb.StringValue
	if err := decode(&key); err != nil {
		return nil, err
	}
	value, _ := srv.(*table).get(key.Value)
	return wrapperspb.Bytes(value), nil
}

// grpcStore is a client of the server above.
type grpcStore struct{ *grpc.ClientConn }

func openGRPC(addr string, _ bool) (load.Store, error) {
	c, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	return grpcStore{c}, err
}

// Put implements load.Store.
func (s grpcStore) Put(key string, value []byte) error {
	return s.Invoke(context.Background(), "/KV/Put", &anypb.Any{TypeUrl: key, Value: value}, &emptypb.Empty{})
}

// Get implements load.Store.
func (s grpcStore) Get(key string) ([]byte, error) {
	var value wrapperspb.BytesValue
	err := s.Invoke(context.Background(), "/KV/Get", wrapperspb.String(key), &value)
	return value.Value, err
}
