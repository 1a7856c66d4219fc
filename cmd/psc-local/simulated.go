package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// simulatedNodes returns the names of the nodes that kwok simulates.
func simulatedNodes() []string { return []string{"sim-1", "sim-2", "sim-3"} }

// writeSimulatedConfig configures how kwok's nodes, instances and disks behave: each is ready as soon as it
// is created.
func writeSimulatedConfig(c cluster, _ plan) error {
	files, err := filepath.Glob(distFile("kwok/*.yaml"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no stages at %s: build with build.sh", distFile("kwok"))
	}
	var all [][]byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		all = append(all, bytes.ReplaceAll(text, []byte("kwok-volume"), []byte("local"))) // our StorageClass
	}
	return os.WriteFile(c.path("kwok.yaml"), bytes.Join(all, []byte("\n---\n")), 0o600)
}
