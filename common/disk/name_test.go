package disk_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
)

func TestNamesThatEverySystemHasAreGood(t *testing.T) {
	for _, name := range []string{
		".", "a", "a/b/c", ".hidden", "a.b", "..a", "a..b", " a", "~0", "é", "con1", "com", "com10", "lpt", "console.txt",
		"nulled", "a%2e%2e", "%2e%2e", "\u2024\u2024/x", strings.Repeat("n", disk.MaxName),
		strings.Repeat("d/", disk.MaxPath/2-1) + "aa",
	} {
		require.NoError(t, disk.CheckName(name), "%q", name)
	}
}

func TestBadNamesAreRefusedWithTheReason(t *testing.T) {
	for _, c := range []struct{ why, name string }{
		{"it is empty", ""},
		{"it is absolute", "/"},
		{"it is absolute", "/a"},
		{"an element is empty", "a/"},
		{"an element is empty", "a//b"},
		{"an element of dots only", ".."},
		{"an element of dots only", "..."},
		{"an element of dots only", "../a"},
		{"an element of dots only", "a/.."},
		{"an element of dots only", "a/../b"},
		{"an element of dots only", "./a"},
		{"an element of dots only", "a/./b"},
		{"an element ends in a dot or a space", "a."},
		{"an element ends in a dot or a space", "a /b"},
		{"an element ends in a dot or a space", ".. "},
		{`the character '\x00'`, "a\x00b"},
		{`the character '\\'`, "..\\a"},
		{`the character '\n'`, "a\nb"},
		{`the character '\x7f'`, "a\x7f"},
		{`the character ':'`, "c:"},
		{`the character ':'`, "a:stream"},
		{`the character '*'`, "*"},
		{`the character '?'`, "a?"},
		{`the character '"'`, "\"a\""},
		{`the character '<'`, "<a"},
		{`the character '|'`, "a|b"},
		{"some systems keep it for a device", "con"},
		{"some systems keep it for a device", "a/NUL"},
		{"some systems keep it for a device", "nul.tar.gz"},
		{"some systems keep it for a device", "Aux .txt"},
		{"some systems keep it for a device", "prn"},
		{"some systems keep it for a device", "COM0"},
		{"some systems keep it for a device", "lpt9.log"},
		{"some systems keep it for a device", "com¹"},
		{"some systems keep it for a device", "CONOUT$"},
		{"it is not UTF-8", "a\xff"},
		{"it is not UTF-8", "\xc0\xaf"},
		{"an element of 256 bytes, at most 255", strings.Repeat("n", disk.MaxName+1)},
		{"1025 bytes, at most 1024", strings.Repeat("d/", disk.MaxPath/2) + "a"},
	} {
		err := disk.CheckName(c.name)
		require.ErrorIs(t, err, disk.BadName, "%q", c.name)
		require.ErrorContains(t, err, ": "+c.why, "%q", c.name)
		require.Less(t, len(err.Error()), 200)
	}
}

func TestOperationsAndCodesHaveWords(t *testing.T) {
	ops := map[string]bool{}
	for op := disk.Open; op <= disk.SyncDir; op++ {
		require.NotContains(t, op.String(), "operation")
		ops[op.String()] = true
	}
	require.Len(t, ops, int(disk.SyncDir))
	codes := map[string]bool{}
	for code := disk.OK; code <= disk.Dead; code++ {
		require.NotContains(t, code.String(), "code")
		require.Equal(t, code.String(), code.Error())
		codes[code.String()] = true
	}
	require.Len(t, codes, int(disk.Dead)+1)
	require.Equal(t, "operation 0", disk.Op(0).String())
	require.Equal(t, "operation 16", (disk.SyncDir + 1).String())
	require.Equal(t, "code 14", (disk.Dead + 1).String())
}

func TestACodeIsAnErrorUnlessItIsOK(t *testing.T) {
	require.NoError(t, disk.OK.Err())
	require.ErrorIs(t, disk.NoSpace.Err(), disk.NoSpace)
	require.NotErrorIs(t, disk.NoSpace.Err(), disk.IO)
	err := error(&disk.Error{Op: disk.Write, Name: "a", Code: disk.NoSpace})
	require.EqualError(t, err, `write "a": disk is full`)
	var code disk.Code
	require.True(t, errors.As(err, &code))
	require.Equal(t, disk.NoSpace, code)
}
