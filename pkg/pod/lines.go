package pod

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
)

// lines are where the fields of a document stand, by their paths.
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

// of is the line of a field, or of the nearest one around it that stands in the document.
func (l lines) of(path string) int {
	for l[path] == 0 && path != "" {
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return l[path]
}

// mark gives problems of a document their lines, in whose order they then are, and puts a prefix in front of their paths.
func mark(document *yamlv3.Node, prefix string, found problems) Problems {
	if len(found) == 0 {
		return nil
	}
	l := linesOf(document)
	out := make(Problems, 0, len(found))
	for _, p := range found {
		out = append(out, Problem{Line: l.of(p.Path), Path: prefix + p.Path, Message: p.Message})
	}
	slices.SortStableFunc(out, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return out
}

// syntaxLine begins a message of the YAML library.
var syntaxLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// syntaxProblems are the problems of a text that is no YAML, at a line where they name none themselves.
func syntaxProblems(err error, line int) Problems {
	messages := []string{err.Error()}
	var several *yamlv3.TypeError
	if errors.As(err, &several) {
		messages = several.Errors
	}
	out := make(Problems, len(messages))
	for i, text := range messages {
		begin := syntaxLine.FindStringSubmatch(text)
		own, _ := strconv.Atoi(begin[1])
		out[i] = Problem{Line: cmp.Or(own, line), Message: text[len(begin[0]):]}
	}
	return out
}
