package view

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"unicode"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
)

// Text for people has messages, names and values that other people wrote, and a terminal obeys the codes in it. So all text
// goes through a screen, which shows control characters as JSON writes them: \u001b. Only psc's own codes take effect. They
// begin with a number that nobody can know, which the screen removes.

// own begins the codes of psc itself. It is the start of a code with one more parameter, so that it has no width.
var own = fmt.Sprintf("\x1b[%d;", rand.Uint32()) //nolint:gosec // nobody can read it before psc has ended

// screen writes text for people. If it is plain, text has no styles: https://no-color.org
type screen struct {
	to    io.Writer
	plain bool
}

// Write writes text whose control characters are harmless.
func (s screen) Write(p []byte) (int, error) {
	if err := s.draw(visible(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// draw writes a text that is visible already, and codes that move the cursor.
func (s screen) draw(text string) error {
	if s.plain {
		text = unstyled(text)
	}
	_, err := io.WriteString(s.to, strings.ReplaceAll(text, own, "\x1b["))
	return err
}

// unstyled returns a text without psc's own codes, which all are styles and end with m.
func unstyled(text string) string {
	parts := strings.Split(text, own)
	for i, part := range parts[1:] {
		_, parts[i+1], _ = strings.Cut(part, "m")
	}
	return strings.Join(parts, "")
}

// Screen returns a writer for text that a person reads on out: control characters in it are shown, and not obeyed.
func Screen(out io.Writer) io.Writer { return screen{to: out} }

// visible shows the control characters of a text, and what is not UTF-8, but not line breaks, tabs and psc's own codes.
// Characters that change the direction of text are among them: they can make it read as something else.
func visible(text string) string {
	var out strings.Builder
	for rest := text; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case strings.HasPrefix(rest, own):
			size = len(own)
			out.WriteString(own)
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, rest[0])
		case r == '\r':
			out.WriteString(`\r`)
		case r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)):
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteString(rest[:size])
		}
		rest = rest[size:]
	}
	return out.String()
}

// style is how text looks.
type style struct{ lipgloss.Style }

// Render returns text with psc's own codes around it.
func (s style) Render(text string) string {
	return strings.ReplaceAll(s.Style.Render(visible(text)), "\x1b[", own)
}

// The styles: four meanings, in the terminal's own palette.
var (
	good    = style{lipgloss.NewStyle().Foreground(lipgloss.Green)}
	bad     = style{lipgloss.NewStyle().Foreground(lipgloss.Red)}
	warning = style{lipgloss.NewStyle().Foreground(lipgloss.Yellow)}
	dim     = style{lipgloss.NewStyle().Faint(true)}
)
