// Command gen writes the generated files: docs/cli and the shell completions from the command tree, and docs/schema and
// docs/resources.md from the types of pkg/pod. go generate runs it at the top of the repository.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

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
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	quiet(root)
	reference, completions := filepath.Join(top, "docs", "cli"), filepath.Join(top, "completions")
	for _, dir := range []string{reference, completions} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // documentation is public
			return err
		}
	}
	if err := doc.GenMarkdownTree(root, reference); err != nil {
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

// quiet omits the date, so that the same commands always give the same pages.
func quiet(c *cobra.Command) {
	c.DisableAutoGenTag = true
	for _, child := range c.Commands() {
		quiet(child)
	}
}
