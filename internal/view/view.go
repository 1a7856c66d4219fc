// Package view holds all text for people.
//
// stdout has the answer, and stderr has messages. With -o the answer is a document, and stdout has nothing else. Only terminals
// get colours and redrawn lines. A state is always a word, so that nothing is lost without colours.
package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/template"
	"time"
	"unicode"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/util/jsonpath"
	"sigs.k8s.io/yaml"

	"github.com/pscdev/psc/internal/fault"
)

// View writes for people or scripts.
type View struct {
	// Terminal means that messages go to a terminal, so psc may ask questions.
	Terminal bool
	// Seen means that answers go to a terminal.
	Seen bool
	// Redraw means that psc may redraw lines of the terminal. A terminal without a name (docker exec -t, a serial console) may be
	// unable to move its cursor.
	Redraw bool
	// Wide adds the columns to tables of Kubernetes objects that they mostly leave out.
	Wide bool
	// Quiet leaves out messages.
	Quiet bool
	// Now is the clock for relative times.
	Now func() time.Time

	out, err screen
	document io.Writer // for answers that are data: they keep their bytes, unless they go to a terminal
	format   string
	oneLine  bool                       // a JSON document has no line breaks
	width    int                        // of the terminal of out; 0 if it is not a terminal
	errSize  func() (width, height int) // of the terminal of err, which may be resized
	outSize  func() (width, height int) // of the terminal of out; 0 if it is not a terminal
}

// New returns a View for a pair of streams. The error is about the format.
func New(out, err io.Writer, format string, quiet bool, now func() time.Time) (*View, error) {
	if e := checkFormat(format); e != nil {
		return nil, e
	}
	environ := os.Environ()
	width, _ := size(stream(out))
	plain := os.Getenv("NO_COLOR") != ""
	v := &View{
		Terminal: isTerminal(err) && os.Getenv("CI") == "" && os.Getenv("TERM") != "dumb",
		Quiet:    quiet,
		Now:      now,
		out:      screen{&colorprofile.Writer{Forward: out, Profile: colorprofile.Detect(stream(out), environ)}, plain},
		err:      screen{colorprofile.NewWriter(err, environ), plain},
		document: out,
		format:   format,
		width:    width,
		errSize:  func() (int, int) { return size(err) },
		outSize:  func() (int, int) { return size(stream(out)) },
	}
	v.Redraw = v.Terminal && (os.Getenv("TERM") != "" || runtime.GOOS == "windows")
	if v.Seen = isTerminal(stream(out)); v.Seen {
		v.document = v.out
	}
	return v, nil
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// size returns the size of the terminal of a stream, or 0 if it is not a terminal.
func size(stream any) (width, height int) {
	f, ok := stream.(*os.File)
	if !ok {
		return 0, 0
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return width, height
}

// Formats returns the values of -o. An expression follows the last two.
func Formats() []string { return []string{"json", "yaml", "name", "jsonpath=", "go-template="} }

// checkFormat reports an invalid format before psc does anything.
func checkFormat(format string) error {
	kind, expression, found := strings.Cut(format, "=")
	var err error
	switch {
	case format == "" || format == "json" || format == "yaml" || format == "name":
		return nil
	case found && expression != "" && kind == "jsonpath":
		_, err = parseJSONPath(expression)
	case found && expression != "" && kind == "go-template":
		_, err = parseTemplate(expression)
	default:
		return fault.New(fault.Usage, "output format %q is not known", format).
			WithHint("use json, yaml, name, jsonpath=EXPRESSION or go-template=TEMPLATE")
	}
	if err != nil {
		return fault.New(fault.Usage, "output %s: %w", format, err)
	}
	return nil
}

// Document reports whether the answer is a document for a script.
func (v *View) Document() bool { return v.format != "" }

// Say writes a message.
func (v *View) Say(format string, args ...any) {
	if !v.Quiet {
		fmt.Fprintln(v.err, indented(fmt.Sprintf(format, args...)))
	}
}

// Next writes the commands for what to do next, each with what it does if that is not clear from its name. A script that
// reads a document does not need them.
func (v *View) Next(format string, args ...any) {
	if !v.Document() {
		v.Say("Next: "+format, args...)
	}
}

// Warn writes a warning. Quiet does not leave it out.
func (v *View) Warn(format string, args ...any) {
	fmt.Fprintf(v.err, "%s %s\n", warning.Render("warning:"), indented(fmt.Sprintf(format, args...)))
}

// Answer writes document in the chosen format, or calls human if there is none. names are the answer for -o name. The error is
// about the document. Output.Err tells whether it was written.
func (v *View) Answer(document any, names []string, human func(w io.Writer)) error {
	if !v.Document() {
		human(v.out)
		return nil
	}
	data, err := v.encode(document, names)
	if err != nil {
		return err
	}
	_, err = v.document.Write(data)
	return err
}

// Line writes a document, or for people one line.
func (v *View) Line(document any, refs []string, format string, args ...any) error {
	return v.Answer(document, refs, func(w io.Writer) { fmt.Fprintf(w, format+"\n", args...) })
}

// Text writes a document, or for people a text as it is.
func (v *View) Text(document any, refs []string, text string) error {
	return v.Answer(document, refs, func(io.Writer) { fmt.Fprint(v.document, text) })
}

// Nothing writes an empty document, or for people a message.
func (v *View) Nothing(format string, args ...any) error {
	return v.Answer(struct{}{}, nil, func(io.Writer) { v.Say(format, args...) })
}

// Prompt writes a question without a line break, so that the user types the answer after it.
func (v *View) Prompt(format string, args ...any) { fmt.Fprintf(v.err, format, args...) }

// Request writes one request to the API server.
func (v *View) Request(method, path string, status int, err error, took time.Duration) {
	answer := fmt.Sprint(status)
	if err != nil {
		answer = "no answer"
	}
	fmt.Fprintf(v.err, "%s %s %s %dms\n", method, path, answer, took.Milliseconds())
}

func (v *View) encode(document any, names []string) ([]byte, error) {
	kind, expression, _ := strings.Cut(v.format, "=")
	if kind == "name" {
		if len(names) == 0 {
			return nil, nil
		}
		return []byte(strings.Join(names, "\n") + "\n"), nil
	}
	indent := "  "
	if v.oneLine {
		indent = ""
	}
	data, err := encodeJSON(document, indent)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "json":
		return data, nil
	case "yaml":
		return yaml.JSONToYAML(data)
	}
	var tree any
	if err := utiljson.Unmarshal(data, &tree); err != nil { // as kubectl does: 1000000 stays an integer
		return nil, err
	}
	var out bytes.Buffer
	if err := execute(&out, kind, expression, tree); err != nil {
		return nil, fault.Wrap(fault.Usage, fmt.Errorf("output %s: %w", v.format, err))
	}
	return out.Bytes(), nil
}

// encodeJSON writes a document whose strings are as people write them: -> and not -\u003e, which is for JSON inside of HTML.
// Control characters, which JSON allows and YAML refuses, are made visible.
func encodeJSON(document any, indent string) ([]byte, error) {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	err := encoder.Encode(document)
	// A type with a JSON form of its own has escaped them already. The pairs of backslashes are no escapes.
	text := strings.NewReplacer(`\\`, `\\`, `\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(out.String())
	return []byte(visible(text)), err
}

func execute(w io.Writer, kind, expression string, tree any) error {
	if kind == "jsonpath" {
		path, err := parseJSONPath(expression)
		if err != nil {
			return err
		}
		return path.Execute(w, tree)
	}
	t, err := parseTemplate(expression)
	if err != nil {
		return err
	}
	return t.Execute(w, tree)
}

func parseJSONPath(expression string) (*jsonpath.JSONPath, error) {
	if !strings.Contains(expression, "{") {
		expression = "{" + expression + "}"
	}
	path := jsonpath.New("output").AllowMissingKeys(true)
	return path, path.Parse(expression)
}

func parseTemplate(expression string) (*template.Template, error) {
	return template.New("output").Parse(expression)
}

// Error writes an error. psc writes errors only here.
func (v *View) Error(err error) {
	e := fault.Of(err)
	if e.Silent {
		return
	}
	if v.format == "json" {
		type body struct {
			Code    string         `json:"code"`
			Message string         `json:"message"`
			Hint    string         `json:"hint,omitempty"`
			Details []fault.Detail `json:"details,omitempty"`
		}
		data, encodeErr := encodeJSON(map[string]body{"error": {e.Code.Word(), err.Error(), e.Hint, e.Details}}, "")
		if encodeErr == nil {
			fmt.Fprint(v.err, string(data))
			return
		}
	}
	fmt.Fprintf(v.err, "%s %s\n", bad.Render("psc: error:"), indented(err.Error()))
	for _, q := range e.Quotes {
		fmt.Fprintf(v.err, "  %s\n", dim.Render("the log of "+q.From+" ends with:"))
		for _, line := range q.Lines {
			fmt.Fprintf(v.err, "  %s %s\n", dim.Render("|"), shorten(oneLine(line)))
		}
	}
	if e.Hint != "" {
		fmt.Fprintf(v.err, "%s %s\n", dim.Render("psc: hint:"), e.Hint)
	}
}

// indented indents the lines of a text after its first one.
func indented(text string) string { return strings.ReplaceAll(text, "\n", "\n  ") }

// oneLine makes a text of users or apps safe for a line of a terminal: the text may have several lines, and codes that move
// the cursor.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, ansi.Strip(strings.ReplaceAll(text, "\r\n", "\n")))
	return strings.TrimRight(text, " ")
}

// ago returns a relative time: "2m ago".
func (v *View) ago(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return span(v.Now().Sub(t)) + " ago"
}

// until returns the time until another one: "in 5m".
func (v *View) until(t time.Time) string { return "in " + span(t.Sub(v.Now())) }

// span returns a length of time in one unit; one below 0 is 0.
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}

// seconds returns a duration in seconds: "3.1s".
func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }

// bytesText returns a size with its unit: "812 bytes", "1.2 KiB".
func bytesText(n int) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d bytes", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	default:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
}

// IsTerminal reports whether a stream goes to a terminal.
func IsTerminal(out io.Writer) bool { return isTerminal(stream(out)) }

// Size returns the size of the terminal that a stream goes to, or 0 if it is not a terminal.
func Size(out io.Writer) (width, height int) { return size(stream(out)) }

// Width returns the width of the terminal that a stream goes to, or 0 if it is not a terminal.
func Width(out io.Writer) int {
	width, _ := size(stream(out))
	return width
}
