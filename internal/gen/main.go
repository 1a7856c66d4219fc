// Command gen writes what is generated from the command tree: the reference of the commands in docs/cli, and the shell
// completions. It is run by go generate, at the top of the repository.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/pscdev/psc/internal/cli"
)

func main() {
	if err := generate("."); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
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
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // everybody may read the documentation
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

// quiet leaves out the date, so that the same commands always give the same pages.
func quiet(c *cobra.Command) {
	c.DisableAutoGenTag = true
	for _, child := range c.Commands() {
		quiet(child)
	}
}
