package userfile

import (
	"bytes"
	"encoding/json"
	"strings"

	"sigs.k8s.io/yaml"
)

// scalar returns a string in the style of the document.
func (d *document) scalar(value string) string {
	if data, err := yaml.Marshal(value); err == nil && !isFlow(d.root) && bytes.Count(data, []byte("\n")) == 1 {
		return strings.TrimSuffix(string(data), "\n")
	}
	return flowValue(value, "")
}

// blockItem returns the lines of an entry as kubectl writes it.
func blockItem(entry map[string]any, indent int) string {
	data, _ := yaml.Marshal(entry)
	space := strings.Repeat(" ", indent)
	return space + "- " + strings.TrimPrefix(indented(string(data), space+"  "), space+"  ")
}

func indented(text, space string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		if strings.TrimSpace(line) != "" {
			lines[i] = space + line
		}
	}
	return strings.Join(lines, "")
}

// flowValue returns JSON, in one line or, after a line break, in lines with its indentation.
func flowValue(value any, space string) string {
	data, _ := json.Marshal(value)
	if at := strings.LastIndexAny(space, "\r\n"); at >= 0 {
		var out bytes.Buffer
		_ = json.Indent(&out, data, space[at+1:], "  ")
		return strings.ReplaceAll(out.String(), "\n", space[:at+1])
	}
	return string(data)
}
