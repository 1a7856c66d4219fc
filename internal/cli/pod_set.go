package cli

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

func newPodSet(s *session) *cobra.Command {
	var (
		values           map[string]*string
		labels           []string
		dryRun, exitCode bool
	)
	cmd := &cobra.Command{
		Use:   "set [NAME]",
		Short: "Set the quota, the Pod Security level and the labels of a pod",
		Long: "Set what everything in a pod may use together, what its instances may do, and the labels of its namespace. Only what the\n" +
			"flags name changes, at once and without a revision. The value - removes a setting, and NAME- a label.\n\n" +
			"A quota counts what instances request, and applies to new instances and disks: what runs goes on. These settings limit the\n" +
			"admins of a pod too: an admin of the cluster changes them.",
		Example: "  psc pod set --cpu 8 --memory 16Gi --instances 40 --disk 100Gi\n" +
			"  psc pod set shop --cpu - --label cost-center=42\n" +
			"  psc pod set --security restricted --dry-run\n" +
			"  psc pod set --isolation on",
		Args:              between(0, "NAME"),
		ValidArgsFunction: s.complete(s.podNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			change, err := podSettings(cmd, values, labels)
			if err != nil {
				return err
			}
			w, err := s.open(args...)
			if err != nil {
				return err
			}
			return s.setPod(cmd.Context(), w, change, dryRun, exitCode)
		},
	}
	section(cmd, "Quota", func(flags *pflag.FlagSet) {
		values = map[string]*string{
			"cpu":       flags.String("cpu", "", "`CPU` that all instances may request together, such as 8"),
			"memory":    flags.String("memory", "", "`MEMORY` that all instances may request together, such as 16Gi"),
			"instances": flags.String("instances", "", "`N` instances that there may be, those of runs too"),
			"disk":      flags.String("disk", "", "`CAPACITY` of all disks together, such as 100Gi"),
		}
	})
	section(cmd, "Namespace", func(flags *pflag.FlagSet) {
		values[workspace.SettingSecurity] = flags.String(workspace.SettingSecurity, "", "Pod Security `LEVEL`: "+strings.Join(workspace.SecurityLevels(), ", "))
		values[workspace.SettingIsolation] = flags.String(workspace.SettingIsolation, "", "`STATE` of the isolation from other pods: on or off")
		values[workspace.SettingSize] = flags.String(workspace.SettingSize, "", "`SIZE` of instances that other tools start without requests: "+strings.Join(pod.Sizes(), ", "))
		flags.StringArrayVar(&labels, workspace.SettingLabel, nil, "label of the namespace, `NAME=VALUE`; NAME- removes it")
	})
	section(cmd, "Change", func(flags *pflag.FlagSet) {
		flags.BoolVar(&dryRun, "dry-run", false, "show what would change without writing anything")
		flags.BoolVar(&exitCode, "exit-code", false, "with --dry-run: exit with 3 if there are differences")
	})
	return cmd
}

// podSettings returns the settings whose flags are given.
func podSettings(cmd *cobra.Command, values map[string]*string, labels []string) (workspace.Settings, error) {
	change := workspace.Settings{Values: map[string]*string{}, Labels: map[string]*string{}}
	for name, value := range values {
		if !cmd.Flags().Changed(name) {
			continue
		}
		if change.Values[name] = value; *value == "-" {
			change.Values[name] = nil
		}
	}
	named, err := namedValues(workspace.SettingLabel, labels)
	if err != nil {
		return change, err
	}
	for key, value := range named {
		change.Labels[key] = nil
		if text, set := value.(string); set {
			change.Labels[key] = &text
		}
	}
	if len(change.Values)+len(change.Labels) == 0 {
		return change, fault.New(fault.Usage, "no setting to change: give at least one flag").WithHint("%s --help", cmd.CommandPath())
	}
	return change, nil
}

// setPod asks before it sets a Pod Security level that would refuse what runs.
func (s *session) setPod(ctx context.Context, w *workspace.Workspace, change workspace.Settings, dryRun, exitCode bool) error {
	c, err := w.ChangeSettings(ctx, change)
	if err != nil {
		return err
	}
	for _, name := range report.QuotaNames() {
		if q := c.Pod.Quota[name]; change.Values[name] != nil && q.Over() {
			s.view.Warn("%s: new ones are refused until less is used, and what runs goes on", view.QuotaWords(name, q))
		}
	}
	level := cmp.Or(c.Pod.Security, "of the cluster")
	if len(c.Refused) > 0 {
		s.view.Warn("the level %s would refuse instances that run now, when they are started again:\n%s", level, strings.Join(c.Refused, "\n"))
	}
	if dryRun || len(c.Pod.Changes) == 0 {
		if err := s.view.Settings(c.Pod); err != nil {
			return err
		}
		return differences(len(c.Pod.Changes), exitCode)
	}
	if len(c.Refused) > 0 && !s.yes {
		if !s.interactive() {
			return fault.New(fault.Usage, "nothing was changed: the level %s would refuse instances that run now", level).WithHint("add --yes to set it")
		}
		if !s.ask("The next deploys of them fail until they meet the level. Set it?") {
			return fault.New(fault.Failed, "nothing was changed")
		}
	}
	if err := c.Write(ctx); err != nil {
		return err
	}
	return s.view.Settings(c.Pod)
}

// settingWords names the flags of settings that are not accepted.
func settingWords(all workspace.SettingErrors) error {
	out := &fault.Error{Code: fault.Usage}
	var texts []string
	for _, e := range all {
		texts = append(texts, "--"+e.Error())
		out.Details = append(out.Details, fault.Detail{Path: e.Setting, Message: e.Problem})
	}
	out.Err = errors.New(strings.Join(texts, "\n"))
	return out
}
