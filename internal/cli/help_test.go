package cli

import (
	"regexp"
	"strings"
	"testing"

	"github.com/pscdev/psc/internal/view"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// handful is how many flags of its own a command may list without sections.
const handful = 6

// valueName is the form of the name of a flag's value: capitals, as in PATH=SOURCE. An example would read as a default.
var valueName = regexp.MustCompile(`^[A-Z]+([-=/][A-Z]+)*$`)

// Every flag says what its value is, and is in a section if its command has many flags.
func TestFlags(t *testing.T) {
	each(Command(Env{}), func(cmd *cobra.Command) {
		titles, count := map[string]bool{}, 0
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Hidden {
				return
			}
			titles[sectionOf(f)] = true
			count++
			value, _ := pflag.UnquoteUsage(f)
			if value != "" && (!strings.Contains(f.Usage, "`") || !valueName.MatchString(value)) {
				t.Errorf("%s --%s: name its value in the usage, as in `FILE`, not %q", cmd.CommandPath(), f.Name, value)
			}
			if _, usage := flagWords(f); cmd.Name() == "set" && sectionOf(f) != sectionDeploy && strings.Contains(usage, "(default") {
				t.Errorf("%s --%s shows a default, but a flag that is not given changes nothing", cmd.CommandPath(), f.Name)
			}
		})
		if titles[""] && (len(titles) > 1 || count > handful) && cmd.HasParent() {
			t.Errorf("%s has flags in no section: define them with section()", cmd.CommandPath())
		}
	})
}

// Help fits into a terminal. Examples are not wrapped, because they are pasted.
func TestHelpFits(t *testing.T) {
	each(Command(Env{}), func(cmd *cobra.Command) {
		for line := range strings.Lines(helpText(cmd, 80)) {
			if line = strings.TrimSuffix(line, "\n"); len(line) > 80 {
				t.Errorf("%s --help: a line has more than 80 characters: %s", cmd.CommandPath(), line)
			}
		}
	})
}

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text          string
		column, width int
		want          string
	}{
		{"", 4, 80, ""},
		{"one two three", 0, 8, "one two three"}, // never narrower than leastWidth
		{"aaaa bbbb cccc dddd eeee", 0, 20, "aaaa bbbb cccc dddd\neeee"},
		{"aaaa bbbb cccc dddd eeee ffff", 10, 12, "aaaa bbbb cccc dddd\n          eeee ffff"},
		{"a-word-that-is-longer-than-the-width x", 0, 20, "a-word-that-is-longer-than-the-width\nx"},
	} {
		if got := view.Wrap(test.text, test.column, test.column, test.width); got != test.want {
			t.Errorf("wrap(%q, %d, %d) = %q, want %q", test.text, test.column, test.width, got, test.want)
		}
	}
}

func TestShortTime(t *testing.T) {
	for value, want := range map[string]string{"10m0s": "10m", "1h0m0s": "1h", "1m30s": "1m30s", "1h30m0s": "1h30m", "20": "20", "10s": "10s"} {
		if got := shortTime(value); got != want {
			t.Errorf("shortTime(%q) = %q, want %q", value, got, want)
		}
	}
}

// each calls visit with a command and all below it.
func each(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, c := range cmd.Commands() {
		each(c, visit)
	}
}

// TestEffects checks that psc commands knows what each command does.
func TestEffects(t *testing.T) {
	known := effects()
	for _, c := range runnable(Command(Env{})) {
		if known[nameOf(c)] == "" {
			t.Errorf("psc %s has no effect: add it to effects", nameOf(c))
		}
		delete(known, nameOf(c))
	}
	for name := range known {
		t.Errorf("there is no command psc %s: remove it from effects", name)
	}
}
