package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"image/color"
	"io"
	"regexp"
	"strings"
	"sync"

	"charm.land/lipgloss/v2"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/report"
)

// Log writes lines of logs.
type Log struct {
	// Timestamps adds the time to each line for people.
	Timestamps bool
	// Match is marked in lines on a terminal; nil for nothing.
	Match *regexp.Regexp
	// Several adds the name of the instance to each line for people.
	Several bool

	view     *View
	prefixes map[source]string
}

// source is what has written a line.
type source struct{ instance, container string }

// stamp is how Log writes times for people.
const stamp = "2006-01-02T15:04:05.000Z07:00"

// Log returns a Log. The error is about the output format: not every one fits lines.
func (v *View) Log() (*Log, error) {
	return &Log{view: v, prefixes: map[source]string{}}, v.streams("lines of logs", "line")
}

// streams returns the error for an output format that does not fit a stream of documents.
func (v *View) streams(what, one string) error {
	if v.format == "yaml" || v.format == "name" {
		return fault.New(fault.Usage, "-o %s does not fit %s", v.format, what).
			WithHint("use json, jsonpath=EXPRESSION or go-template=TEMPLATE: each %s is a document", one)
	}
	return nil
}

// Write writes lines, or a document for each of them.
func (l *Log) Write(lines []report.LogLine) error {
	if l.view.Document() {
		return writeEach(l.view, lines)
	}
	var out bytes.Buffer
	for _, line := range lines {
		l.write(&out, line)
	}
	_, err := l.view.document.Write(out.Bytes())
	return err
}

// writeEach writes a document for each item.
func writeEach[T any](v *View, items []T) error {
	var out bytes.Buffer
	compact := json.NewEncoder(&out)
	compact.SetEscapeHTML(false)
	for _, item := range items {
		if v.format == "json" {
			if err := compact.Encode(item); err != nil {
				return err
			}
			continue
		}
		data, err := v.encode(item, nil)
		if err != nil {
			return err
		}
		out.Write(append(bytes.TrimSuffix(data, []byte("\n")), '\n'))
	}
	_, err := v.document.Write(out.Bytes())
	return err
}

// write writes a line for people: as it is, or safe for a terminal.
func (l *Log) write(out *bytes.Buffer, line report.LogLine) {
	_, terminal := l.view.document.(screen)
	if l.Several {
		out.WriteString(l.prefix(line, terminal))
		out.WriteString(" | ")
	}
	if l.Timestamps {
		at := line.Time.UTC().Format(stamp)
		if terminal {
			at = dim.Render(at)
		}
		out.WriteString(at)
		out.WriteByte(' ')
	}
	text := line.Line
	if terminal {
		text = strings.ReplaceAll(strings.TrimSuffix(styles().ReplaceAllString(text, ""), "\r"), own, "")
		if l.Match != nil {
			text = l.Match.ReplaceAllStringFunc(text, func(found string) string { return marked.Render(found) })
		}
	}
	out.WriteString(text)
	out.WriteByte('\n')
}

// prefix returns the name of what has written a line, in a colour of its own.
func (l *Log) prefix(line report.LogLine, coloured bool) string {
	from := source{line.Instance, line.Container}
	prefix, known := l.prefixes[from]
	if !known {
		prefix = SourceName(line.App, line.Instance, line.Container)
		if coloured {
			prefix = colourOf(line.Instance).Render(prefix)
		}
		l.prefixes[from] = prefix
	}
	return prefix
}

// SourceName names a container: web-7d9f, or web-7d9f/worker if it is not the main one of the app.
func SourceName(app, instance, container string) string {
	if container == app {
		return instance
	}
	return instance + "/" + container
}

// styles are the codes with which apps colour their lines. All other codes are shown, as in every text.
var styles = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("\x1b\\[[0-9;:]*m") })

// marked is the style of what was searched for.
var marked = style{lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Red)}

// colourOf returns the colour of an instance. It is the same in every run of psc.
func colourOf(instance string) style {
	colours := []color.Color{
		lipgloss.Cyan, lipgloss.Yellow, lipgloss.Magenta, lipgloss.Blue,
		lipgloss.BrightCyan, lipgloss.BrightYellow, lipgloss.BrightMagenta, lipgloss.BrightBlue,
	}
	sum := fnv.New32a()
	_, _ = io.WriteString(sum, instance) // never fails
	return style{lipgloss.NewStyle().Foreground(colours[sum.Sum32()%uint32(len(colours))])}
}

// Remark writes a message that is less important than the lines around it.
func (v *View) Remark(format string, args ...any) {
	v.Say("%s", dim.Render(fmt.Sprintf(format, args...)))
}
