package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/instance"
	"github.com/pscdev/psc/internal/names"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// A shell completes while a person types. A process of its own asks the cluster for names, so that it can end after the shell has
// gone on: over a slow line the shell gets the names of the last answer, and the next Tab the new ones.
const (
	knownWait = 150 * time.Millisecond // how long a shell waits when names are known
	firstWait = 300 * time.Millisecond // how long a shell waits when none are
	askWait   = 10 * time.Second       // how long the process may ask
)

// namesCommand is the hidden command that asks for names.
const namesCommand = "__names"

// names lists the names of a source: those that the cluster has, or the last known ones if it does not answer soon. After an error
// it returns the last known ones too.
func (s *session) names(source string) []string {
	list, args, err := s.namesOf(source)
	if err != nil {
		return nil
	}
	known, found := list.Read()
	wait := firstWait
	if found {
		wait = knownWait
	}
	if answer, ok := askNames(list, args, s.Now(), wait); ok {
		return answer
	}
	if !found {
		known, _ = list.Read()
	}
	return known
}

// namesOf returns the list of a source, and the arguments for the process that asks for it.
func (s *session) namesOf(source string) (names.List, []string, error) {
	cluster, err := s.connect()
	if err != nil {
		return names.List{}, nil, err
	}
	chosen := s.settings.Pod(cluster.Context)
	args := []string{namesCommand, source, "--context", cluster.Context, "--kubeconfig", s.kubeconfig, "--pod", chosen}
	if source == "pods" || source == "classes" || source == "namespaces" {
		chosen = ""
	}
	return names.Open(source, cluster.Server, cluster.Context, chosen), args, nil
}

// askNames starts a process that asks for names, unless there is one, and waits for its answer for a while.
func askNames(list names.List, args []string, now time.Time, wait time.Duration) (answer []string, ok bool) {
	if !list.Claim(now, askWait) {
		time.Sleep(wait)
		return nil, false
	}
	program, err := os.Executable()
	if err != nil {
		return nil, false
	}
	cmd := exec.Command(program, args...) //nolint:noctx // psc itself, which must not end with the shell
	detach(cmd)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		list.Release()
		return nil, false
	}
	done := make(chan []byte, 1)
	go func() {
		data, _ := io.ReadAll(out)
		if cmd.Wait() != nil {
			data = nil
		}
		done <- data
	}()
	select {
	case data := <-done:
		return strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' }), data != nil
	case <-time.After(wait):
		return nil, false
	}
}

// keepNames adds the resources of a new revision to the names of its pod, if these are known: a shell completes what was just made,
// also over a slow line.
func keepNames(w *workspace.Workspace, spec pod.Spec) {
	list := names.Open("resources", w.Server, w.Context, w.Pod)
	if known, found := list.Read(); found {
		all := append(known, specNames(spec)...)
		slices.Sort(all)
		_ = list.Write(slices.Compact(all)) // the names are optional
	}
}

// newNames returns the hidden command that asks for the names of a source, keeps them and prints them.
func newNames(s *session) *cobra.Command {
	return &cobra.Command{
		Use:    namesCommand + " SOURCE",
		Hidden: true,
		Args:   exactly("SOURCE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, _, err := s.namesOf(args[0])
			if err != nil {
				return err
			}
			defer list.Release()
			defer time.AfterFunc(askWait, func() {
				list.Release()
				endAll()
			}).Stop()
			source, of, _ := strings.Cut(args[0], " ")
			ask := s.sources(of)[source]
			if ask == nil {
				return fmt.Errorf("unknown source %q", args[0])
			}
			found, err := ask(cmd.Context())
			if err != nil {
				return err
			}
			kept := make([]string, len(found))
			for i, name := range found {
				kept[i], _, _ = strings.Cut(name, "\t")
			}
			_, _ = io.WriteString(s.Out, strings.Join(append(found, ""), "\n")) // the shell may have gone on
			_ = list.Write(kept)                                                // without a cache the next Tab asks again
			return nil
		},
	}
}

// A source lists names. What follows a tab is a description, and is not kept.
type source func(context.Context) ([]string, error)

// sources returns the lists of names in a cluster, or in a pod. of is what some of them belong to: the repository of tags.
func (s *session) sources(of string) map[string]source {
	return map[string]source{
		"images":     s.repositories,
		"tags":       func(ctx context.Context) ([]string, error) { return s.tags(ctx, of) },
		"members":    s.memberNames,
		"namespaces": s.ofCluster((*workspace.Cluster).Namespaces),
		"classes":    s.ofCluster((*workspace.Cluster).StorageClasses),
		"pods": s.ofCluster(func(c *workspace.Cluster, ctx context.Context) ([]string, error) {
			pods, err := c.Pods(ctx)
			return namesIn(pods, func(p report.Pod) []string { return []string{p.Name} }), err
		}),
		"registries": s.ofPod(func(w *workspace.Workspace, ctx context.Context) ([]string, error) {
			logins, err := w.Registry().Logins(ctx)
			return namesIn(logins, func(l report.Login) []string { return []string{l.Server} }), err
		}),
		"instances":  s.ofInstances(func(i instance.Instance) []string { return []string{i.Name} }),
		"containers": s.ofInstances(instance.Instance.Containers),
		"ports": s.ofInstances(func(i instance.Instance) []string {
			return namesIn(i.Ports(), func(port string) []string { return []string{i.App() + "/" + port} })
		}),
		"runs": s.ofPod(func(w *workspace.Workspace, ctx context.Context) ([]string, error) {
			runs, err := w.Instances().AllRuns(ctx)
			return namesIn(runs, func(r instance.Run) []string { return []string{r.Report().Name} }), err
		}),
		"resources": s.ofPod(func(w *workspace.Workspace, ctx context.Context) ([]string, error) {
			spec, err := w.Spec(ctx)
			return specNames(spec), err
		}),
		"revisions": s.ofPod(func(w *workspace.Workspace, ctx context.Context) ([]string, error) {
			h, err := w.History(ctx)
			return namesIn(h.All, func(r revision.Revision) []string {
				state := string(r.State)
				if r.Number == h.Live {
					state = "live " + state
				}
				return []string{fmt.Sprintf("%d %s\t%s", r.Number, state, r.Title())}
			}), err
		}),
	}
}

func (s *session) ofCluster(list func(*workspace.Cluster, context.Context) ([]string, error)) source {
	return func(ctx context.Context) ([]string, error) {
		c, err := s.connect()
		if err != nil {
			return nil, err
		}
		return list(c, ctx)
	}
}

func (s *session) ofPod(list func(*workspace.Workspace, context.Context) ([]string, error)) source {
	return func(ctx context.Context) ([]string, error) {
		w, err := s.open()
		if err != nil {
			return nil, err
		}
		return list(w, ctx)
	}
}

func (s *session) ofInstances(names func(instance.Instance) []string) source {
	return s.ofPod(func(w *workspace.Workspace, ctx context.Context) ([]string, error) {
		all, err := w.Instances().List(ctx, "")
		return namesIn(all, names), err
	})
}

// namesIn returns the names of items, each name once.
func namesIn[T any](items []T, names func(T) []string) []string {
	var found []string
	for _, item := range items {
		for _, name := range names(item) {
			if !slices.Contains(found, name) {
				found = append(found, name)
			}
		}
	}
	return found
}

// specNames lists the resources of a spec, the keys of secrets and the files of configs: "app/web", "secret/db", "secret/db/url".
func specNames(spec pod.Spec) []string {
	var found []string
	for ref, r := range spec {
		found = append(found, ref.String())
		switch r := r.(type) {
		case *pod.Secret:
			for key := range r.Keys {
				found = append(found, ref.String()+"/"+key)
			}
		case *pod.Config:
			for file := range r.Files {
				found = append(found, ref.String()+"/"+file)
			}
		}
	}
	slices.Sort(found)
	return found
}
