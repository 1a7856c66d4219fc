package cli

import "testing"

// TestPlace holds what is a path in an instance, and what a file of this machine.
func TestPlace(t *testing.T) {
	for _, c := range []struct {
		arg, system string
		want        place
	}{
		{"web:/data/x", "linux", place{"web", "/data/x"}},
		{"web:a b:c", "linux", place{"web", "a b:c"}},
		{"web:", "linux", place{"web", ""}},
		{"w:/x", "linux", place{"w", "/x"}},
		{"./a:b", "linux", place{"", "./a:b"}},
		{"/tmp/a:b", "windows", place{"", "/tmp/a:b"}},
		{":x", "linux", place{"", ":x"}},
		{"file", "linux", place{"", "file"}},
		{`C:\x`, "linux", place{"", `C:\x`}},
		{"C:/x", "windows", place{"", "C:/x"}},
		{"C:x", "windows", place{"", "C:x"}},
		{"web:/x", "windows", place{"web", "/x"}},
		{`a\b:c`, "windows", place{"", `a\b:c`}},
	} {
		if got := parsePlace(c.arg, c.system); got != c.want {
			t.Errorf("%s on %s: got %+v, want %+v", c.arg, c.system, got, c.want)
		}
	}
}
