package cli

import (
	"errors"
	"flag"
	"net"
	"strconv"
	"strings"
)

// ErrAddr tells that something is not a network address.
var ErrAddr = errors.New("want HOST:PORT such as 127.0.0.1:7001")

// CheckAddr returns ErrAddr unless s is a host, which may be empty for "all", and
// a port number.
func CheckAddr(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return ErrAddr
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return ErrAddr
	}
	return nil
}

type addrValue struct{ p *string }

func (v addrValue) String() string {
	if v.p == nil {
		return ""
	}
	return *v.p
}

func (v addrValue) Set(s string) error {
	*v.p = s
	return CheckAddr(s)
}

// AddrVar declares a flag that holds one network address.
func AddrVar(f *flag.FlagSet, p *string, name, preset, usage string) {
	*p = preset
	f.Var(addrValue{p}, name, usage)
}

type addrsValue struct{ p *[]string }

func (v addrsValue) String() string {
	if v.p == nil {
		return ""
	}
	return strings.Join(*v.p, ",")
}

func (v addrsValue) Set(s string) error {
	*v.p = strings.Split(s, ",")
	for _, a := range *v.p {
		if err := CheckAddr(a); err != nil {
			return err
		}
	}
	return nil
}

// AddrsVar declares a flag that holds one or more network addresses, separated by
// commas.
func AddrsVar(f *flag.FlagSet, p *[]string, name, preset, usage string) {
	*p = nil
	if preset != "" {
		*p = strings.Split(preset, ",")
	}
	f.Var(addrsValue{p}, name, usage)
}
