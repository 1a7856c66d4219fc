package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func newDown(open func() (cluster, error)) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Remove the cluster and everything in it",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := open()
			if err != nil {
				return err
			}
			if _, err := os.Stat(c.dir); errors.Is(err, fs.ErrNotExist) {
				fmt.Fprintf(cmd.OutOrStdout(), "Cluster %s does not exist.\n", c.name)
				return nil
			}
			if err := down(c); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Removed cluster %s.\n", c.name)
			return nil
		},
	}
}

// down stops the supervisor and returns when nothing of the cluster is left. If the supervisor was killed,
// down removes what it left behind.
func down(c cluster) error {
	f, err := os.Open(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("cluster %s does not end: its supervisor is process %d", c.name, supervisorPID(c))
		}
		if pid := supervisorPID(c); pid > 0 {
			_ = syscall.Kill(pid, syscall.SIGTERM)
		}
	}
	if locked, err := f.Stat(); err == nil {
		if now, err := os.Stat(c.dir); err != nil || !os.SameFile(locked, now) {
			return nil // the supervisor has removed the folder, and another cluster has created a new one
		}
	}
	return c.erase()
}
