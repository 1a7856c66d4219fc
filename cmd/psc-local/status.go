package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// report is `status -o json`.
type report struct {
	Name     string `json:"name"`
	Nodes    string `json:"nodes"`
	Server   string `json:"server"`
	Registry string `json:"registry"`
	Gateway  struct {
		HTTP  string `json:"http"`
		HTTPS string `json:"https"`
		CA    string `json:"ca"`
	} `json:"gateway"`
	Kubeconfig string    `json:"kubeconfig"` // the administrator's
	Supervisor int       `json:"supervisor"` // its process
	Components []process `json:"components"`
}

func newStatus(open func() (cluster, error)) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show the cluster's addresses and the state of its components",
		Example: "  psc-local status\n  psc-local status -o json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := open()
			if err != nil {
				return err
			}
			r, err := reportOn(c)
			if err != nil {
				return err
			}
			switch output {
			case "json":
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(r)
			case "":
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				printReport(w, r)
				return w.Flush()
			default:
				return usageError{fmt.Errorf("--output %q: use json", output)}
			}
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "json")
	return cmd
}

func reportOn(c cluster) (report, error) {
	p, err := c.plan()
	if err != nil {
		return report{}, err
	}
	if !c.running() {
		return report{}, fmt.Errorf("cluster %s was killed, and is %w", c.name, errDown)
	}
	r := report{
		Name: c.name, Nodes: p.Nodes, Server: p.server(), Registry: fmt.Sprintf("localhost:%d", p.Registry),
		Kubeconfig: c.path(adminFile), Supervisor: supervisorPID(c), Components: processes(c),
	}
	r.Gateway.HTTP, r.Gateway.HTTPS, r.Gateway.CA = loopback(p.HTTP), loopback(p.HTTPS), c.path("gateway", "ca.crt")
	return r, nil
}

// processes returns the components as the supervisor recorded them, with their memory as the kernel reports it.
func processes(c cluster) []process {
	var all []process
	if err := readJSON(c.path(statusFile), &all); err != nil {
		return nil
	}
	for i, p := range all {
		if p.PID > 0 {
			all[i].Memory = memoryOf(p.PID)
		}
	}
	return all
}

func printReport(w *tabwriter.Writer, r report) {
	fmt.Fprintf(w, "Cluster %s, %s nodes\n", r.Name, r.Nodes)
	fmt.Fprintf(w, "  API server\t%s\n  registry\t%s\n  routes\thttp://%s  https://%s\n\n", r.Server, r.Registry, r.Gateway.HTTP, r.Gateway.HTTPS)
	fmt.Fprintln(w, "COMPONENT\tSTATE\tVERSION\tMEMORY\tRESTARTS\t")
	var sum int64
	for _, p := range r.Components {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d MiB\t%d\t%s\n", p.Name, p.State, p.Version, p.Memory>>20, p.Restarts, p.Reason)
		sum += p.Memory
	}
	fmt.Fprintf(w, "\t\t\t%d MiB\t\t\n", sum>>20)
}
