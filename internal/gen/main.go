// Command gen writes the generated files: docs/cli and the shell completions from the command tree, and docs/schema and
// docs/resources.md from the types of pkg/pod. go generate runs it at the top of the repository.
//
//	gen man DIR
//
// writes the man pages of all commands to a folder. They are part of a release, and not of the repository.
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
	"github.com/spf13/cobra/doc"

	"github.com/pscdev/psc/docs/schema"
	"github.com/pscdev/psc/internal/cli"
	"github.com/pscdev/psc/pkg/pod"
)

func main() {
	var err error
	if len(os.Args) == 3 && os.Args[1] == "man" {
		err = writeMan(os.Args[2])
	} else {
		err = errors.Join(generateResources("."), generate("."))
	}
	if err != nil {
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

// command returns the command tree.
func command() *cobra.Command {
	return cli.Command(cli.Env{In: os.Stdin, Out: io.Discard, Err: os.Stderr, Now: time.Now, Version: "dev"})
}

// writeMan writes a man page for each command.
func writeMan(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // documentation is public
		return err
	}
	root := command()
	root.DisableAutoGenTag = true // so that the same commit gives the same bytes
	return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "psc", Manual: "psc", Date: new(time.Time)}, dir)
}

func generate(top string) error {
	root := command()
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
	if err := root.GenFishCompletionFile(filepath.Join(completions, "psc.fish"), true); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(completions, "kubectl_complete-psc"), []byte(kubectlCompletion), 0o755) //nolint:gosec // a program
}

// kubectlCompletion is the program that kubectl calls to complete the arguments of its plugin psc.
const kubectlCompletion = `#!/bin/sh
exec psc __complete "$@"
`

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
