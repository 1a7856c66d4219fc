package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
)

const (
	nodesReal      = "real"
	nodesSimulated = "simulated"

	adminFile  = "admin.kubeconfig" // in the cluster's folder: the administrator's kubeconfig
	planFile   = "plan.json"
	statusFile = "status.json"
	pidFile    = "supervisor.pid"
)

// cluster is a name and the folder that holds all files of the cluster. The folder exists while the cluster does.
//
// The folder itself is the lock: every process that keeps the cluster alive holds a flock on it, so the
// lock is free exactly when the last of them has ended.
type cluster struct {
	name string
	dir  string
}

// plan is what `up` decided. It is written before anything starts, and everything else follows from it.
type plan struct {
	Name     string `json:"name"`
	Nodes    string `json:"nodes"` // real or simulated
	Why      string `json:"why"`   // why these nodes
	API      int    `json:"api"`   // the ports, the same on this machine and inside the cluster
	Registry int    `json:"registry"`
	HTTP     int    `json:"http"`
	HTTPS    int    `json:"https"`
	Kubelet  int    `json:"kubelet"`
	Metrics  int    `json:"metrics"`
	Issuer   string `json:"issuer,omitempty"` // the URL of an OpenID Connect issuer

	// Kubeconfig is the user's file that holds our context. KubeconfigNew is true if `up` created the file.
	Kubeconfig    string `json:"kubeconfig"`
	KubeconfigNew bool   `json:"kubeconfigNew,omitempty"`
}

func (p plan) server() string { return "https://" + loopback(p.API) }

func loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// openCluster returns the cluster of that name, which need not exist.
func openCluster(name string) (cluster, error) {
	if !regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$`).MatchString(name) {
		return cluster{}, usageError{fmt.Errorf("--name %q: use up to 40 lower-case letters, digits and dashes", name)}
	}
	home := os.Getenv("PSC_LOCAL_HOME")
	if home == "" {
		state := os.Getenv("XDG_STATE_HOME")
		if state == "" {
			user, err := os.UserHomeDir()
			if err != nil {
				return cluster{}, fmt.Errorf("find the home folder: %w", err)
			}
			state = filepath.Join(user, ".local", "state")
		}
		home = filepath.Join(state, "psc-local")
	}
	home, err := filepath.Abs(home)
	if err != nil {
		return cluster{}, err
	}
	return cluster{name: name, dir: filepath.Join(home, name)}, nil
}

func (c cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.dir}, elem...)...)
}

// context is the name of the cluster's entries in a kubeconfig.
func (c cluster) context() string {
	if c.name == "psc-local" {
		return c.name
	}
	return "psc-local-" + c.name
}

// cgroup is the name of the cluster's cgroup. It contains a hash of the folder, because clusters in different
// folders may have the same name.
func (c cluster) cgroup() string {
	return fmt.Sprintf("psc-local-%s-%x", c.name, sha256.Sum256([]byte(c.dir)))[:len("psc-local-")+len(c.name)+7]
}

// running reports whether a process keeps the cluster alive.
func (c cluster) running() bool {
	lock, err := c.lock()
	if err == nil {
		_ = lock.Close()
	}
	return errors.Is(err, syscall.EWOULDBLOCK)
}

// lock takes the cluster's folder, or fails with EWOULDBLOCK when the cluster is alive.
func (c cluster) lock() (*os.File, error) {
	return flock(c.dir, syscall.LOCK_EX|syscall.LOCK_NB)
}

// flock locks a folder for as long as the file is open, here or in a process that inherited it.
func flock(dir string, how int) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}

// errDown is returned for a cluster that does not run.
var errDown = errors.New("not running: start it with 'psc-local up'")

// plan reads what `up` wrote, or fails with errDown.
func (c cluster) plan() (plan, error) {
	p, err := readPlan(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return plan{}, fmt.Errorf("cluster %s is %w", c.name, errDown)
	}
	return p, err
}

func readPlan(dir string) (plan, error) {
	var p plan
	err := readJSON(filepath.Join(dir, planFile), &p)
	return p, err
}

// erase removes everything that a cluster without a supervisor can leave behind: processes and cgroups of its
// node, its entries in the user's kubeconfig, its folder.
func (c cluster) erase() error {
	errs := []error{removeCgroup(c.cgroup())}
	if p, err := c.plan(); err == nil {
		errs = append(errs, dropContext(p, c.context()))
	}
	errs = append(errs, os.RemoveAll(c.dir))
	_ = os.Remove(filepath.Dir(c.dir)) // if this was the last cluster
	return errors.Join(errs...)
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, append(data, '\n'))
}

// writeFile replaces a file atomically: a reader sees the old or the new content, never a part of it.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
