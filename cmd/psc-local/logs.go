package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newLogs(open func() (cluster, error)) *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:     "logs COMPONENT",
		Short:   "Print the log of a component",
		Example: "  psc-local logs kube-apiserver\n  psc-local logs -f gateway",
		Args:    exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := open()
			if err != nil {
				return err
			}
			if _, err := c.plan(); err != nil {
				return err
			}
			f, err := os.Open(c.path("logs", filepath.Base(args[0])+".log"))
			if errors.Is(err, fs.ErrNotExist) {
				return usageError{fmt.Errorf("no log of %q: use one of %s", args[0], strings.Join(logNames(c), ", "))}
			}
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }()
			for {
				if _, err := io.Copy(cmd.OutOrStdout(), f); err != nil || !follow || !c.running() {
					return err
				}
				time.Sleep(100 * time.Millisecond)
			}
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "keep printing new lines")
	return cmd
}

func logNames(c cluster) []string {
	files, _ := filepath.Glob(c.path("logs", "*.log"))
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), ".log")
	}
	return files
}
