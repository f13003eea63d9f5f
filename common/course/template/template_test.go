package template_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"dss.example/common/course/template"
)

// parse parses a file as its name says.
func parse(t *testing.T, name string, text []byte) map[string]any {
	t.Helper()
	var content map[string]any
	if strings.HasSuffix(name, ".json") {
		require.NoError(t, json.Unmarshal(text, &content), name)
	} else {
		require.NoError(t, yaml.Unmarshal(text, &content), name)
	}
	require.NotEmpty(t, content)
	return content
}

func TestTemplatesParseAndRunTheStagesTests(t *testing.T) {
	files := template.Files("p4")
	require.Equal(t, []string{".devcontainer/devcontainer.json", ".github/workflows/test.yml", ".gitlab-ci.yml"}, slices.Sorted(maps.Keys(files)))
	for name, text := range files {
		parse(t, name, text)
		require.NotContains(t, string(text), "pN", name)
		require.Contains(t, string(text), "go tool ds ")
		if strings.HasSuffix(name, ".yml") {
			require.Contains(t, string(text), "go tool ds test p4\n", name)
		}
	}
	require.Contains(t, string(template.Files("p5")[".gitlab-ci.yml"]), "ds test p5", "a call leaves the templates as they are")
}

func TestJobsAreWhereThePlatformsLookForThem(t *testing.T) {
	files := template.Files("p1")
	gitlab := parse(t, ".yml", files[".gitlab-ci.yml"])
	require.Equal(t, []any{"go tool ds doctor", "go tool ds test p1"}, gitlab["test"].(map[string]any)["script"])
	github := parse(t, ".yml", files[".github/workflows/test.yml"])
	steps := github["jobs"].(map[string]any)["test"].(map[string]any)["steps"].([]any)
	require.Equal(t, map[string]any{"run": "go tool ds test p1"}, steps[len(steps)-1])
	container := parse(t, ".json", files[".devcontainer/devcontainer.json"])
	require.Equal(t, gitlab["image"], container["image"], "one Go for all")
}
