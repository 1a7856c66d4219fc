package cli

import (
	"errors"
	"io/fs"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/instance"
	"github.com/pscdev/psc/pkg/report"
)

func newCp(s *session) *cobra.Command {
	var c instance.Copy
	cmd := &cobra.Command{
		Use:   "cp SOURCE TARGET",
		Short: "Copy files from or to an instance",
		Long: "Copy a file or a folder between this machine and a ready instance of an app. One of SOURCE and TARGET is APP:PATH, or INSTANCE:PATH.\n\n" +
			"Names are as for cp -r: a folder that exists gets the source inside, otherwise the copy gets the name. The copy gets its name when it is complete, " +
			"and its checksums are those of the source.\n\n" +
			"A copy to an instance needs sh, cat, mv and rm in the image, and a folder also tar and mkdir. A copy from an instance needs sh and cat, or tar for a folder.",
		Example: "  psc cp web:/etc/hostname .\n" +
			"  psc cp web:/tmp/reports reports\n" +
			"  psc cp migrate.sh web:/tmp/\n" +
			"  psc cp site web:/tmp/site",
		Args:              exactly("SOURCE", "TARGET"),
		ValidArgsFunction: s.completeCopy,
		RunE: func(cmd *cobra.Command, args []string) error {
			from, to := parsePlace(args[0], runtime.GOOS), parsePlace(args[1], runtime.GOOS)
			if err := checkPlaces(from, to); err != nil {
				return err
			}
			w, err := s.open()
			if err != nil {
				return err
			}
			var end func()
			c.Count, end = s.view.Copying()
			c.Chosen = func(i instance.Instance) { s.say("Instance %s", i.Name) }
			var done report.Copied
			if from.name != "" {
				c.Name, c.Remote, c.Local = from.name, from.path, to.path
				done, err = w.Instances().Download(cmd.Context(), c)
			} else {
				c.Name, c.Remote, c.Local = to.name, to.path, from.path
				done, err = w.Instances().Upload(cmd.Context(), c)
			}
			end()
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return fault.Wrap(fault.Usage, err)
			case err != nil:
				return err
			}
			return s.view.Copied(done)
		},
	}
	cmd.Flags().StringVarP(&c.Container, "container", "c", "", "`CONTAINER` of the instance: a process of the app, or a sidecar (default: the app)")
	return cmd
}

// place is a path on this machine, or in an instance if it has the name of an app or an instance.
type place struct{ name, path string }

// parsePlace reads APP:PATH or a path of this machine, which has a slash before its first colon, no colon, or a drive of Windows.
func parsePlace(arg, system string) place {
	name, path, remote := strings.Cut(arg, ":")
	drive := len(name) == 1 && (strings.HasPrefix(path, `\`) || system == "windows")
	if !remote || name == "" || drive || strings.ContainsAny(name, `/\`) {
		return place{path: arg}
	}
	return place{name, path}
}

// checkPlaces reports two places of which not exactly one is in an instance, and paths that are missing.
func checkPlaces(from, to place) error {
	switch {
	case from.name != "" && to.name != "":
		return fault.New(fault.Usage, "SOURCE and TARGET are both in an instance").
			WithHint("copy it to this machine first: psc cp %s copy, then: psc cp copy %s", quoted(from.name+":"+from.path), quoted(to.name+":"+to.path))
	case from.name == "" && to.name == "":
		return fault.New(fault.Usage, "neither SOURCE nor TARGET is in an instance: write APP:PATH for one of them").
			WithHint("psc cp web:%s %s", quoted(strings.TrimPrefix(from.path, ":")), quoted(to.path))
	case from.path == "":
		return fault.New(fault.Usage, "SOURCE has no path").WithHint("psc cp APP:PATH TARGET")
	case to.path == "":
		return fault.New(fault.Usage, "TARGET has no path").WithHint("psc cp SOURCE APP:PATH")
	}
	return nil
}

// quoted returns a word for a shell.
func quoted(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@%+,", r)
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// completeCopy completes files, and the names of apps and instances with a colon.
func (s *session) completeCopy(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 1 {
		return nil, inOrder
	}
	if strings.ContainsAny(typed, `/\:.`) || !s.ready(cmd) {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var found []string
	for _, name := range beginning(typed, s.instanceNames(args)) {
		found = append(found, name+":")
	}
	return found, cobra.ShellCompDirectiveNoSpace
}
