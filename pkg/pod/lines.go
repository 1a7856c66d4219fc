package pod

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
)

// lines holds the lines of the fields of a document, by path.
type lines map[string]int

func linesOf(document *yamlv3.Node) lines {
	l := lines{}
	if document == nil {
		return l
	}
	for _, node := range document.Content {
		l.walk("", node)
	}
	return l
}

func (l lines) walk(path string, node *yamlv3.Node) {
	l[path] = cmp.Or(l[path], node.Line)
	switch node.Kind {
	case yamlv3.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			at := strings.TrimPrefix(path+"."+node.Content[i].Value, ".")
			l[at] = node.Content[i].Line
			l.walk(at, node.Content[i+1])
		}
	case yamlv3.SequenceNode:
		for i, item := range node.Content {
			l.walk(fmt.Sprintf("%s[%d]", path, i), item)
		}
	case yamlv3.DocumentNode, yamlv3.ScalarNode, yamlv3.AliasNode:
	}
}

// of returns the line of a field, or of the nearest field around it that is in the document.
func (l lines) of(path string) int {
	for l[path] == 0 && path != "" {
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return l[path]
}

// mark returns the problems of a document with their lines, sorted by line, and with a prefix before their paths.
func mark(document *yamlv3.Node, prefix string, found problems) Problems {
	if len(found) == 0 {
		return nil
	}
	l := linesOf(document)
	out := make(Problems, 0, len(found))
	for _, p := range found {
		p.Line, p.Path = l.of(p.Path), prefix+p.Path
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return out
}

// syntaxLine matches the beginning of a message of the YAML library.
var syntaxLine = pattern(`^(?:yaml: )?(?:line (\d+): )?`)

// syntaxProblems returns the problems of a document that is not valid YAML. line is for messages that have no line.
func syntaxProblems(err error, line int) Problems {
	messages := []string{err.Error()}
	var several *yamlv3.TypeError
	if errors.As(err, &several) {
		messages = several.Errors
	}
	out := make(Problems, len(messages))
	for i, text := range messages {
		begin := syntaxLine().FindStringSubmatch(text)
		own, _ := strconv.Atoi(begin[1])
		out[i] = Problem{Line: cmp.Or(own, line), Message: text[len(begin[0]):]}
	}
	return out
}
