package userfile

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	goyaml "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

// ErrEntangled is the error if an entry cannot be changed without changing something else in the document, such as when it is
// an alias, or has an anchor that other entries use.
var ErrEntangled = errors.New("the entry cannot be changed without changing others")

// document is the text of a mapping with the places of its nodes. The text is only cut and pasted, never encoded again: the
// parser's nodes say where something begins, and the places between them say where it ends.
type document struct {
	text  []byte
	lines []int        // where each line begins
	root  *goyaml.Node // a mapping, or nil in an empty document
	end   int          // where the document ends: at a marker such as ---, or with the text
	value map[string]any
}

func parse(text []byte) (*document, error) {
	value, err := generic(text)
	if err != nil {
		return nil, err
	}
	d := &document{text: text, value: value, lines: lines(text), end: len(text)}
	var file goyaml.Node
	if err := goyaml.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	if len(file.Content) == 1 && file.Content[0].Kind == goyaml.MappingNode {
		d.root = file.Content[0]
	}
	if d.root == nil && len(value) > 0 {
		return nil, ErrEntangled
	}
	from := 0
	if d.root != nil {
		from = d.offset(d.root)
	}
	for _, start := range d.lines {
		line := text[start:]
		if marker := bytes.HasPrefix(line, []byte("---")) || bytes.HasPrefix(line, []byte("...")); marker && start > from {
			d.end = start
			break
		}
	}
	return d, nil
}

// generic returns the values of a document as Kubernetes reads them.
func generic(text []byte) (map[string]any, error) {
	var value map[string]any
	if err := yaml.Unmarshal(text, &value); err != nil {
		return nil, err
	}
	if value == nil {
		value = map[string]any{}
	}
	return value, nil
}

// lines returns where lines begin, by the line breaks of YAML 1.1, which the parser counts.
func lines(text []byte) []int {
	out := []int{0}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		i += size
		switch r {
		case '\r':
			if i < len(text) && text[i] == '\n' {
				i++
			}
		case '\n', '\u0085', '\u2028', '\u2029':
		default:
			continue
		}
		out = append(out, i)
	}
	return out
}

// offset returns where a node begins. The parser counts runes, without the byte order mark.
func (d *document) offset(n *goyaml.Node) int {
	at := len(d.text)
	if n.Line <= len(d.lines) {
		at = d.lines[n.Line-1]
	}
	if n.Line == 1 && bytes.HasPrefix(d.text, []byte("\uFEFF")) {
		at += len("\uFEFF")
	}
	for range n.Column - 1 {
		_, size := utf8.DecodeRune(d.text[at:])
		at += size
	}
	return at
}

// line returns where the line of an offset begins, and the next one.
func (d *document) line(at int) (start, next int) {
	next = len(d.text)
	for _, l := range d.lines {
		if l > at {
			return start, l
		}
		start = l
	}
	return start, next
}

// field returns the key and the value of a field of the root, and where the next field begins. Of a repeated key the last one counts.
func (d *document) field(name string) (key, value *goyaml.Node, next int) {
	next = d.end
	if d.root == nil {
		return nil, nil, next
	}
	for i := len(d.root.Content) - 2; i >= 0; i -= 2 {
		if key = d.root.Content[i]; key.Value == name {
			return key, d.root.Content[i+1], next
		}
		next = d.offset(key)
	}
	return nil, nil, d.end
}

func isFlow(n *goyaml.Node) bool { return n != nil && n.Style&goyaml.FlowStyle != 0 }

// newline returns the line break of the document.
func (d *document) newline() string {
	if i := bytes.IndexByte(d.text, '\n'); i > 0 && d.text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// cut replaces a part of the text.
func (d *document) cut(from, to int, by string) []byte {
	return []byte(string(d.text[:from]) + by + string(d.text[to:]))
}

// addLines inserts whole lines, and ends the line before them if needed.
func (d *document) addLines(at int, text string) []byte {
	text = strings.ReplaceAll(text, "\n", d.newline())
	if start, _ := d.line(at); at == len(d.text) && start != at {
		text = d.newline() + text
	}
	return d.cut(at, at, text)
}

// close returns the offset after a value in flow style that begins at an offset: a bracket, a quoted or a plain scalar.
func (d *document) close(at int) (int, error) {
	depth, i := 0, at
	for i < len(d.text) {
		switch c := d.text[i]; {
		case c == '"' || c == '\'' && (i == at || bytes.IndexByte([]byte(" \t\r\n,:[{"), d.text[i-1]) >= 0):
			i = d.unquote(i)
		case c == '#' && i > at && bytes.IndexByte([]byte(" \t\r\n"), d.text[i-1]) >= 0:
			_, i = d.line(i)
			continue
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		i++
		if depth <= 0 {
			return i, nil
		}
	}
	return 0, ErrEntangled
}

// unquote returns the offset of the quote that ends a scalar.
func (d *document) unquote(at int) int {
	quote := d.text[at]
	i := at + 1
	for ; i < len(d.text) && d.text[i] != quote; i++ {
		if quote == '"' && d.text[i] == '\\' {
			i++
		}
	}
	if quote == '\'' && i+1 < len(d.text) && d.text[i+1] == quote { // '' inside of quotes
		return d.unquote(i + 1)
	}
	return min(i, len(d.text)-1)
}
