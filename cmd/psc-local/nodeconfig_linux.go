package main

import (
	"bytes"
	"embed"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed node
var nodeFiles embed.FS

// writeNodeConfig writes the configuration of a real node's programs to the cluster's folder.
func writeNodeConfig(c cluster, p plan) error {
	templates, err := template.ParseFS(nodeFiles, "node/*")
	if err != nil {
		return err
	}
	data := struct {
		plan
		Dir, Dist, Cgroup, NodeAddress string
	}{p, nodeDir, nodeDist, "/" + c.cgroup(), nodeAddress}
	for file, name := range map[string]string{
		"containerd.toml":             "containerd.toml",
		"kubelet.yaml":                "kubelet.yaml",
		"Corefile":                    "Corefile",
		"cni/10-local.conflist":       "cni.conflist",
		"certs.d/_default/hosts.toml": "hosts.toml",
	} {
		var text bytes.Buffer
		if err := templates.ExecuteTemplate(&text, name, data); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(c.path(file)), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(c.path(file), text.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}
