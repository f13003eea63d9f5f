package house

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

func (t *tree) checkLayout() {
	allowed := slices.Concat(topLevel, stages)
	for _, e := range t.top {
		name := e.Name()
		if !slices.Contains(allowed, name) && !strings.HasPrefix(name, ".") && !t.isIgnored(name) {
			t.reportAt("layout", name, 0, "does not belong at the top level: want %s or a dot file",
				strings.Join(allowed, ", "))
		}
	}
}

// module is what the rules need to know of a go.mod, or of go.work.
type module struct {
	path, goVersion string
	requires        []requirement
	replaces        map[string]string // module path to directory
	uses            []string          // directories
}

type requirement struct {
	path, version string
	indirect      bool
	line          int
}

// parseModule reads a go.mod or go.work in the form that the go command writes.
func parseModule(text string) *module {
	m := &module{replaces: map[string]string{}}
	block := ""
	for i, line := range strings.Split(text, "\n") {
		line, comment, _ := strings.Cut(line, "//")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if words[0] == ")" {
			block = ""
			continue
		}
		if block == "" {
			if len(words) > 1 && words[1] == "(" {
				block = words[0]
				continue
			}
		} else {
			words = append([]string{block}, words...)
		}
		m.directive(words, strings.TrimSpace(comment) == "indirect", i+1)
	}
	return m
}

func (m *module) directive(words []string, indirect bool, line int) {
	switch {
	case len(words) < 2:
	case words[0] == "module":
		m.path = words[1]
	case words[0] == "go":
		m.goVersion = words[1]
	case words[0] == "require" && len(words) == 3:
		m.requires = append(m.requires, requirement{words[1], words[2], indirect, line})
	case words[0] == "replace" && slices.Contains(words, "=>"):
		m.replaces[words[1]] = words[len(words)-1]
	case words[0] == "use":
		m.uses = append(m.uses, path.Clean(words[1]))
	}
}

func (t *tree) checkModules() {
	t.checkWork()
	for _, dir := range slices.Concat(modules, outside) {
		name := path.Join(dir, "go.mod")
		m := t.mods[dir]
		switch {
		case m == nil && slices.Contains(outside, dir):
			continue
		case m == nil:
			t.reportAt("module", name, 0, "is missing: want module %s", root+dir)
			continue
		case m.path != root+dir:
			t.reportAt("module", name, 0, "is of module %s: want %s", m.path, root+dir)
		case m.goVersion != "1.26" && !strings.HasPrefix(m.goVersion, "1.26."):
			t.reportAt("module", name, 0, "is for go %s: want 1.26", m.goVersion)
		}
		for _, r := range m.requires {
			t.checkRequirement(dir, name, m, r)
		}
		for _, replaced := range slices.Sorted(maps.Keys(m.replaces)) {
			if !strings.HasPrefix(replaced, root) {
				t.reportAt("module", name, 0, "replaces %s: only modules of the workspace may be replaced", replaced)
			}
		}
	}
}

func (t *tree) checkRequirement(dir, name string, m *module, r requirement) {
	own, ours := strings.CutPrefix(r.path, root)
	switch {
	case !ours && !r.indirect && !isApproved(r.path) && !slices.Contains(outside, dir):
		t.reportAt("module", name, r.line, "requires %s, which is not approved", r.path)
	case !ours:
	case !mayImport(dir, own, true) && !slices.Contains(outside, dir):
		t.reportAt("module", name, r.line, "requires %s, which it may not import", r.path)
	case r.version != "v0.0.0":
		t.reportAt("module", name, r.line, "requires %s at %s: want v0.0.0", r.path, r.version)
	case path.Join(dir, m.replaces[r.path]) != own:
		t.reportAt("module", name, r.line, "does not replace %s by its directory, so it builds only with go.work", r.path)
	}
}

func (t *tree) checkWork() {
	text, ok := t.texts["go.work"]
	if !ok {
		t.reportAt("module", "go.work", 0, "is missing")
		return
	}
	work := parseModule(string(text))
	if len(work.replaces) > 0 {
		t.reportAt("module", "go.work", 0, "replaces a module: go.mod files do that, for builds without go.work")
	}
	for _, dir := range modules {
		if !slices.Contains(work.uses, dir) {
			t.reportAt("module", "go.work", 0, "does not use ./%s", dir)
		}
	}
	for _, dir := range work.uses {
		if !slices.Contains(modules, dir) {
			t.reportAt("module", "go.work", 0, "uses ./%s, which is no module of the workspace", dir)
		}
	}
}

// The text rule's words are spelled so that this file does not break it.
var (
	machinePath = regexp.MustCompile(`(^|[^\w.~/-])/(work|root)/`)
	proxyHost   = regexp.MustCompile(`\b(proxy|sum)\.golang\.org\b|\b(registry\.npmjs|pypi)\.org\b|\bGOPROXY=`)
	leftover    = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b`)
)

func (t *tree) checkText() {
	for _, name := range slices.Sorted(maps.Keys(t.texts)) {
		if within(name, badTrees) {
			continue
		}
		for i, line := range strings.Split(string(t.texts[name]), "\n") {
			switch {
			case machinePath.MatchString(line):
				t.reportAt("text", name, i+1, "names a path of one machine")
			case proxyHost.MatchString(line):
				t.reportAt("text", name, i+1, "names a module proxy or registry")
			case leftover.MatchString(line) && path.Ext(name) != ".md":
				t.reportAt("text", name, i+1, "leaves work for later: do it, or say in DECISIONS.md why not")
			}
		}
	}
}
