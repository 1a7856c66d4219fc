// Command gen writes the generated files: docs/cli and the shell completions from the command tree, and docs/schema and
// docs/resources.md from the types of pkg/pod. go generate runs it at the top of the repository.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/docs/schema"
	"github.com/pscdev/psc/internal/cli"
	"github.com/pscdev/psc/pkg/pod"
)

func main() {
	if err := errors.Join(generateResources("."), generate(".")); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func generateResources(top string) error {
	types, err := parse(filepath.Join(top, "pkg", "pod"))
	if err != nil {
		return err
	}
	var kinds []*schema.Node
	for _, kind := range pod.Kinds() {
		n, err := types.resource(kind)
		if err != nil {
			return err
		}
		kinds = append(kinds, n)
	}
	docs := filepath.Join(top, "docs")
	return errors.Join(writeSchemas(filepath.Join(docs, "schema"), kinds), writeResources(docs, kinds))
}

func generate(top string) error {
	root := cli.Command(cli.Env{In: os.Stdin, Out: io.Discard, Err: os.Stderr, Now: time.Now, Version: "dev"})
	reference, completions := filepath.Join(top, "docs", "cli"), filepath.Join(top, "completions")
	for _, dir := range []string{reference, completions} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // documentation is public
			return err
		}
	}
	if err := writePages(root, reference); err != nil {
		return err
	}
	if err := root.GenBashCompletionFileV2(filepath.Join(completions, "psc.bash"), true); err != nil {
		return err
	}
	if err := root.GenZshCompletionFile(filepath.Join(completions, "psc.zsh")); err != nil {
		return err
	}
	return root.GenFishCompletionFile(filepath.Join(completions, "psc.fish"), true)
}

// writePages writes the page of a command, and those of all commands below it.
func writePages(c *cobra.Command, dir string) error {
	path := filepath.Join(dir, pageName(c))
	if err := os.WriteFile(path, []byte(page(c)), 0o644); err != nil { //nolint:gosec // documentation is public
		return err
	}
	for _, child := range c.Commands() {
		if child.Hidden {
			continue
		}
		if err := writePages(child, dir); err != nil {
			return err
		}
	}
	return nil
}

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "_") + ".md" }

// page returns what the help of a command says as Markdown, with links to the commands above and below it.
func page(c *cobra.Command) string {
	text := "## " + c.CommandPath() + "\n\n" + cmp.Or(c.Long, c.Short) + "\n\n```\n" + c.UseLine() + "\n```\n"
	if c.Example != "" {
		text += "\n### Examples\n\n```\n" + c.Example + "\n```\n"
	}
	if flags := cli.FlagText(c); flags != "" {
		text += "\n### Flags\n\n```\n" + flags + "```\n"
	}
	links := c.Commands()
	if c.HasParent() {
		text += "\nFlags that every command takes: [psc](psc.md)\n"
		links = append([]*cobra.Command{c.Parent()}, links...)
	}
	text += "\n### See also\n\n"
	for _, other := range links {
		if other.Hidden {
			continue
		}
		text += fmt.Sprintf("* [%s](%s): %s\n", other.CommandPath(), pageName(other), other.Short)
	}
	return text
}
