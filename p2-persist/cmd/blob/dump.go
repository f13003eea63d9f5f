package main

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"io"

	"dss.example/common/blob"
	"dss.example/common/daemon/cli"

	"dss.example/p2-persist/object"
)

// maxDumped bounds the bytes of a raw blob that a dump shows.
const maxDumped = 64 << 10

func (a *app) dump() *cli.Command {
	var o dumpOptions
	return &cli.Command{
		Name: "dump", Brief: "show an object as it is stored", Args: "SPEC",
		Detail: `An object is shown in diagnostic notation, of raw bytes the first 64 KiB in hexadecimal.
-dot draws what the object leads to, for Graphviz: boxes are objects, ovals raw bytes.`,
		Example: "blob dump main\nblob dump -hex main:doc\nblob dump -dot -max 200 main | dot -Tsvg >main.svg",
		Flags: func(f *flag.FlagSet) {
			o = dumpOptions{}
			f.BoolVar(&o.hex, "hex", false, "show an object's bytes, one item a line")
			f.BoolVar(&o.dot, "dot", false, "print a graph in the DOT language")
			f.IntVar(&o.most, "max", 1000, "draw at most `N` blobs")
		},
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			switch {
			case o.hex && o.dot:
				return cli.Usagef("-hex and -dot exclude each other")
			case o.most < 1:
				return cli.Usagef("bad value %d for -max: want 1 or more", o.most)
			}
			return a.with(ctx, std, func(ctx context.Context, s *store) error {
				t, err := s.find(args[0], "")
				switch {
				case err != nil:
					return err
				case t.ID.IsZero():
					return fmt.Errorf("%s is a symbolic link, which is no blob: want its directory", args[0])
				case o.dot:
					return s.draw(ctx, t.ID, o.most)
				}
				return s.dump(t.ID, o.hex)
			})
		},
	}
}

type dumpOptions struct {
	hex, dot bool
	most     int
}

func (s *store) dump(id blob.ID, inHex bool) error {
	b, err := s.Blobs.Get(id)
	if err != nil {
		return err
	}
	text := ""
	switch {
	case id.Codec() == blob.Raw:
		text = hex.Dump(b[:min(len(b), maxDumped)])
		if len(b) > maxDumped {
			text += fmt.Sprintf("... %d more bytes\n", len(b)-maxDumped)
		}
	case inHex:
		text = object.Dump(b)
	default:
		text, err = object.Diagnose(b)
		text += "\n"
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(s.Out, text)
	return err
}

// draw prints the blobs that can be reached from one, nearest first, and the links between
// them.
func (s *store) draw(ctx context.Context, from blob.ID, most int) error {
	fmt.Fprintln(s.Out, "digraph blobs {\n  rankdir=LR; node [fontname=monospace, shape=box];")
	seen, cut := map[blob.ID]bool{from: true}, false
	for todo := []blob.ID{from}; len(todo) > 0; todo = todo[1:] {
		id := todo[0]
		if err := ctx.Err(); err != nil {
			return err
		}
		links, err := s.drawNode(id)
		if err != nil {
			return err
		}
		for _, link := range links {
			if !seen[link] && len(seen) >= most {
				cut = true
				continue
			}
			fmt.Fprintf(s.Out, "  %q -> %q;\n", short(id), short(link))
			if !seen[link] {
				seen[link] = true
				todo = append(todo, link)
			}
		}
	}
	if cut {
		fmt.Fprintf(s.Out, "  // there is more: -max %d has cut it off\n", most)
	}
	_, err := fmt.Fprintln(s.Out, "}")
	return err
}

// drawNode prints a blob and returns where it leads.
func (s *store) drawNode(id blob.ID) (links []blob.ID, err error) {
	if id.Codec() == blob.Raw {
		info, err := s.Blobs.Stat([]blob.ID{id})
		if err == nil {
			_, err = fmt.Fprintf(s.Out, "  %q [shape=oval, label=%q];\n", short(id), s.size(info[0].Size))
		}
		return nil, err
	}
	b, err := s.Blobs.Get(id)
	if err != nil {
		return nil, err
	}
	for link, err := range object.Links(b) {
		if err != nil {
			return nil, err
		}
		links = append(links, link)
	}
	_, err = fmt.Fprintf(s.Out, "  %q [label=%q];\n", short(id), clean(string(kindOf(b)))+" "+short(id))
	return links, err
}

// short is the end of an ID: the beginnings are all alike.
func short(id blob.ID) string {
	text := id.String()
	return text[len(text)-12:]
}
