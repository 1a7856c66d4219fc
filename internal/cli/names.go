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

	"github.com/pscdev/psc/internal/names"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
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
	if source == "pods" || source == "classes" {
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

// sources returns the lists of names in a cluster, or in a pod. of is what some of them belong to: the repository of tags. What
// follows a tab is a description, and is not kept.
func (s *session) sources(of string) map[string]func(context.Context) ([]string, error) {
	return map[string]func(context.Context) ([]string, error){
		"pods": func(ctx context.Context) ([]string, error) {
			cluster, err := s.connect()
			if err != nil {
				return nil, err
			}
			pods, err := cluster.Pods(ctx)
			found := make([]string, len(pods))
			for i, p := range pods {
				found[i] = p.Name
			}
			return found, err
		},
		"classes": func(ctx context.Context) ([]string, error) {
			cluster, err := s.connect()
			if err != nil {
				return nil, err
			}
			return cluster.StorageClasses(ctx)
		},
		"images":  s.repositories,
		"tags":    func(ctx context.Context) ([]string, error) { return s.tags(ctx, of) },
		"members": s.memberNames,
		"registries": func(ctx context.Context) ([]string, error) {
			w, err := s.open()
			if err != nil {
				return nil, err
			}
			logins, err := w.Registry().Logins(ctx)
			found := make([]string, len(logins))
			for i, l := range logins {
				found[i] = l.Server
			}
			return found, err
		},
		"instances": func(ctx context.Context) ([]string, error) {
			w, err := s.open()
			if err != nil {
				return nil, err
			}
			instances, err := w.Instances().List(ctx, "")
			var found []string
			for _, i := range instances {
				found = append(found, i.Name)
			}
			return found, err
		},
		"ports": func(ctx context.Context) ([]string, error) {
			w, err := s.open()
			if err != nil {
				return nil, err
			}
			instances, err := w.Instances().List(ctx, "")
			var found []string
			for _, i := range instances {
				for _, port := range i.Ports() {
					found = append(found, i.App()+"/"+port)
				}
			}
			slices.Sort(found)
			return slices.Compact(found), err
		},
		"containers": func(ctx context.Context) ([]string, error) {
			w, err := s.open()
			if err != nil {
				return nil, err
			}
			instances, err := w.Instances().List(ctx, "")
			var found []string
			for _, i := range instances {
				found = append(found, i.Containers()...)
			}
			slices.Sort(found)
			return slices.Compact(found), err
		},
		"runs": func(ctx context.Context) ([]string, error) {
			w, err := s.open()
			if err != nil {
				return nil, err
			}
			runs, err := w.Instances().AllRuns(ctx)
			found := make([]string, len(runs))
			for i, r := range runs {
				found[i] = r.Report().Name
			}
			return found, err
		},
		"resources": func(ctx context.Context) ([]string, error) {
			w, err := s.open()
			if err != nil {
				return nil, err
			}
			spec, err := w.Spec(ctx)
			return specNames(spec), err
		},
		"revisions": func(ctx context.Context) ([]string, error) {
			w, err := s.open()
			if err != nil {
				return nil, err
			}
			h, err := w.History(ctx)
			var found []string
			for _, r := range h.All {
				state := string(r.State)
				if r.Number == h.Live {
					state = "live " + state
				}
				found = append(found, fmt.Sprintf("%d %s\t%s", r.Number, state, r.Title()))
			}
			return found, err
		},
	}
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
