package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

func newKubeconfig(open func() (cluster, error)) *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use:   "kubeconfig",
		Short: "Print a kubeconfig for the cluster",
		Long: `Print a kubeconfig for the cluster, for the administrator or for a user for trying out permissions:
alice, bob and carol are signed in (group dev) and have no rights until someone grants them.`,
		Example: "  psc-local kubeconfig --user alice > alice.yaml\n  KUBECONFIG=alice.yaml psc login",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := open()
			if err != nil {
				return err
			}
			if _, err := c.plan(); err != nil {
				return err
			}
			config, err := clientcmd.LoadFromFile(c.path(adminFile))
			if err != nil {
				return err
			}
			if user != "" && user != "admin" {
				token, err := tokenOf(c.path("pki", "tokens.csv"), user)
				if err != nil {
					return err
				}
				config.AuthInfos[c.context()] = &api.AuthInfo{Token: token}
			}
			text, err := clientcmd.Write(*config)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "alice, bob, carol or admin (default admin)")
	return cmd
}

// tokenOf returns the bearer token of a user.
func tokenOf(file, user string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return "", err
	}
	for _, line := range lines {
		if line[1] == user {
			return line[0], nil
		}
	}
	return "", usageError{fmt.Errorf("unknown user %q: use admin, alice, bob or carol", user)}
}

// writeKubeconfigs writes the kubeconfigs in the cluster's own folder.
func writeKubeconfigs(c cluster, p plan) error {
	admin, err := kubeconfigOf(c, p, "admin")
	if err != nil {
		return err
	}
	if err := writeKubeconfig(c.path(adminFile), admin); err != nil {
		return err
	}
	node, err := kubeconfigOf(c, p, "kubelet")
	if err != nil {
		return err
	}
	return writeKubeconfig(c.path("kubelet.kubeconfig"), node)
}

// kubeconfigOf returns a kubeconfig with one of the certificates of the cluster.
func kubeconfigOf(c cluster, p plan, user string) (*api.Config, error) {
	ca, err1 := os.ReadFile(c.path("pki", "ca.crt"))
	cert, err2 := os.ReadFile(c.path("pki", user+".crt"))
	key, err3 := os.ReadFile(c.path("pki", user+".key"))
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	name := c.context()
	config := api.NewConfig()
	config.Clusters[name] = &api.Cluster{Server: p.server(), CertificateAuthorityData: ca}
	config.AuthInfos[name] = &api.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}
	config.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	return config, nil
}

// chooseKubeconfig chooses the user's file: the given one, else the one to which kubectl would add a new context.
func (p *plan) chooseKubeconfig(file string) error {
	if file == "" {
		file = clientcmd.NewDefaultPathOptions().GetDefaultFilename()
	}
	file, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target // replace the file, not a link to it
	}
	_, err = os.Stat(file)
	p.Kubeconfig, p.KubeconfigNew = file, errors.Is(err, fs.ErrNotExist)
	return nil
}

// moveContext makes sure that our entries are in the file of the old plan, or moves them to the given file.
func moveContext(c cluster, old plan, file string) (plan, error) {
	p := old
	if file != "" {
		if err := p.chooseKubeconfig(file); err != nil {
			return p, err
		}
		if p.Kubeconfig == old.Kubeconfig {
			p = old
		} else if err := errors.Join(dropContext(old, c.context()), writeJSON(c.path(planFile), p)); err != nil {
			return p, err
		}
	}
	return p, addContext(c, p)
}

// addContext adds our entries to the user's kubeconfig and changes nothing else there.
func addContext(c cluster, p plan) error {
	ours, err := kubeconfigOf(c, p, "admin")
	if err != nil {
		return err
	}
	return editKubeconfig(p.Kubeconfig, func(config *api.Config) bool {
		for name := range ours.Contexts {
			config.Clusters[name], config.AuthInfos[name], config.Contexts[name] = ours.Clusters[name], ours.AuthInfos[name], ours.Contexts[name]
		}
		return true
	})
}

// dropContext removes our entries from the user's kubeconfig if they still belong to this cluster. It also removes a
// file that `up` created and that is empty now.
func dropContext(p plan, name string) error {
	err := editKubeconfig(p.Kubeconfig, func(config *api.Config) bool {
		if known := config.Clusters[name]; known == nil || known.Server != p.server() {
			return false
		}
		delete(config.Clusters, name)
		delete(config.AuthInfos, name)
		delete(config.Contexts, name)
		return true
	})
	if config, err := clientcmd.LoadFromFile(p.Kubeconfig); err == nil && p.KubeconfigNew && isEmpty(config) {
		return os.Remove(p.Kubeconfig)
	}
	return err
}

func isEmpty(c *api.Config) bool {
	return len(c.Clusters)+len(c.AuthInfos)+len(c.Contexts)+len(c.Extensions) == 0 && c.CurrentContext == ""
}

// editKubeconfig changes a kubeconfig under the lock that kubectl also uses. It does not write to a file that
// is not a valid kubeconfig.
func editKubeconfig(file string, edit func(*api.Config) bool) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	unlock, err := lockKubeconfig(file)
	if err != nil {
		return err
	}
	defer unlock()
	config, err := clientcmd.LoadFromFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		config, err = api.NewConfig(), nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	if !edit(config) {
		return nil
	}
	return writeKubeconfig(file, config)
}

func writeKubeconfig(file string, config *api.Config) error {
	text, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	return writeFile(file, text)
}

// lockKubeconfig creates the lock file of clientcmd. The lock holds while the file exists.
func lockKubeconfig(file string) (unlock func(), err error) {
	name := file + ".lock"
	for range 100 {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL, 0)
		if err == nil {
			return func() { _ = os.Remove(name) }, f.Close()
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, fmt.Errorf("%s stays locked: if no other program is writing it, remove %s", file, name)
}
