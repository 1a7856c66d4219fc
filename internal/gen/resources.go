package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pscdev/psc/docs/schema"
	"github.com/pscdev/psc/pkg/pod"
)

const resourcesIntro = `# Resources

A pod is a set of resources. You create and change them with flags, with ` + "`psc edit`" + ` in an editor, or as files with
` + "`psc export`" + ` and ` + "`psc apply`" + `. ` + "`psc explain KIND`" + ` prints this reference.

An editor with support for JSON Schema checks a file while you write it. For yaml-language-server, the first line is

` + "```yaml" + `
# yaml-language-server: $schema=docs/schema/all.json
` + "```" + `
`

// writeResources writes the reference of the resources: an example and the fields of each kind.
func writeResources(docs string, kinds []*schema.Node) error {
	var page strings.Builder
	page.WriteString(resourcesIntro)
	for i, kind := range pod.Kinds() {
		example, err := os.ReadFile(filepath.Join(docs, "examples", kind.Word()+".yaml"))
		if err != nil {
			return err
		}
		n := kinds[i]
		fmt.Fprintf(&page, "\n## %s\n\n%s\n\n```yaml\n%s```\n", kind, n.Description, example)
		page.WriteString("\n| field | type | |\n|---|---|---|\n")
		rows(&page, "", n.Field("spec"))
	}
	return os.WriteFile(filepath.Join(docs, "resources.md"), []byte(page.String()), 0o644) //nolint:gosec // documentation is public
}

// rows writes a row for each field of an object, followed by the rows of its inner fields.
func rows(page *strings.Builder, prefix string, n *schema.Node) {
	escape := strings.NewReplacer("|", `\|`, "<", "&lt;")
	for _, f := range n.Properties {
		kind := f.Word()
		if slices.Contains(n.Required, f.Name) {
			kind += ", required"
		}
		if f.Default != nil {
			kind += fmt.Sprintf(", default %v", f.Default)
		}
		fmt.Fprintf(page, "| `%s%s` | %s | %s |\n", prefix, f.Name, kind, escape.Replace(f.Description))
		rows(page, prefix+f.Name+".", f.Inner())
	}
}
