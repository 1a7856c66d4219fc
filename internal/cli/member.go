package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

func newMember(s *session) *cobra.Command {
	return noun("member", "Manage members: who may do what in the pod", newMemberAdd(s), newMemberList(s), newMemberRemove(s))
}

// minExpires is the shortest time for which the API server issues a token.
const minExpires = 10 * time.Minute

func newMemberAdd(s *session) *cobra.Command {
	var (
		role           string
		group, account bool
		expires        time.Duration
	)
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Give a user, a group or a program a role in the pod",
		Long: "Give a user or a group a role in the pod, instead of the one before: view to look, edit to change and deploy, or admin to\n" +
			"give roles too. Nobody can give more rights than they have.\n\n" +
			"With --service-account, create an account for a program, such as a CI job, and print a kubeconfig that signs in as it. Its\n" +
			"token expires: the same command prints a new one.",
		Example: "  psc member add bob@example.com\n" +
			"  psc member add testers --group --role view\n" +
			"  psc member add ci --service-account --expires 720h > ci.kubeconfig",
		Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			member := report.Member{Name: args[0], Kind: report.MemberUser, Role: role}
			switch {
			case group:
				member.Kind = report.MemberGroup
			case account:
				member.Kind = report.MemberAccount
			}
			switch problem := pod.NameProblem(args[0]); {
			case args[0] == "" || strings.TrimSpace(args[0]) != args[0]:
				return fault.New(fault.Usage, "NAME %q is not the name of a user or a group", args[0])
			case account && problem != "":
				return fault.New(fault.Usage, "NAME %q is not the name of a service account: %s", args[0], problem)
			case !slices.Contains(workspace.Roles(), role):
				return fault.New(fault.Usage, "--role %q is not a role: must be one of %s", role, strings.Join(workspace.Roles(), ", "))
			case !account && cmd.Flags().Changed("expires"):
				return fault.New(fault.Usage, "--expires is about the token of a --service-account")
			case account && expires < minExpires:
				return fault.New(fault.Usage, "--expires %s is too short: the least is %s", expires, minExpires)
			}
			return s.addMember(cmd, member, expires)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&role, "role", workspace.RoleEdit, "`ROLE` to give: "+strings.Join(workspace.Roles(), ", "))
	flags.BoolVar(&group, "group", false, "NAME is a group")
	flags.BoolVar(&account, "service-account", false, "create an account for a program, and print its kubeconfig")
	flags.DurationVar(&expires, "expires", 30*24*time.Hour, "`TIME` until the token of a service account expires")
	cmd.MarkFlagsMutuallyExclusive("group", "service-account")
	return cmd
}

func (s *session) addMember(cmd *cobra.Command, member report.Member, expires time.Duration) error {
	w, err := s.open()
	if err != nil {
		return err
	}
	if err := w.Exists(cmd.Context()); err != nil {
		return err
	}
	if member.Role != workspace.RoleAdmin {
		all, err := w.Members().List(cmd.Context())
		if err != nil {
			return err
		}
		if err := s.keepAdmin(w, all, member); err != nil {
			return err
		}
	}
	if member.Kind == report.MemberAccount {
		return s.addAccount(cmd, w, member, expires)
	}
	lacks, err := w.Members().Grant(cmd.Context(), member)
	if err != nil {
		return err
	}
	s.lacks(member, lacks)
	return s.view.Line(member, []string{member.Ref()}, "%s has the role %s in pod %s on %s", member.Name, member.Role, w.Pod, w.Context)
}

func (s *session) addAccount(cmd *cobra.Command, w *workspace.Workspace, member report.Member, expires time.Duration) error {
	account, err := w.Members().Account(cmd.Context(), member.Name, member.Role, expires)
	if err != nil {
		return err
	}
	s.lacks(member, account.Lacks)
	if err := s.view.Text(account.Document, []string{member.Ref()}, account.Kubeconfig); err != nil {
		return err
	}
	s.view.Say("Service account %s has the role %s in pod %s on %s. Its token expires at %s", member.Name, member.Role, w.Pod, w.Context, account.Expires.Local().Format(time.DateTime))
	s.view.Next("KUBECONFIG=FILE PSC_POD=%s psc status", w.Pod)
	return nil
}

// lacks says which rights psc needs beyond a role, and could not be given.
func (s *session) lacks(member report.Member, rights []string) {
	if rights != nil {
		s.view.Warn("%s does not get %s: you do not have these rights either, so an admin of the cluster has to give them", member.Name, strings.Join(rights, ", "))
	}
}

// keepAdmin asks before the last admin of a pod loses the role. member is as it would be.
func (s *session) keepAdmin(w *workspace.Workspace, all []report.Member, member report.Member) error {
	same := func(m report.Member) bool { return m.Name == member.Name && m.Kind == member.Kind }
	was, others := false, false
	for _, m := range all {
		if m.Role == workspace.RoleAdmin {
			was, others = was || same(m), others || !same(m)
		}
	}
	if !was || others {
		return nil
	}
	return s.confirm("Taking the role admin from "+member.Name+", the last admin of pod "+w.Pod+" on "+w.Context+",", member.Name)
}

func newMemberList(s *session) *cobra.Command {
	return lister(s, &cobra.Command{
		Short:   "List who has which role in the pod",
		Long:    "List the users, groups and service accounts with a role in the pod. Rights in the whole cluster are not part of the list.",
		Example: "  psc member list\n  psc member list -o json",
	}, "has no members", "psc member add NAME",
		func(w *workspace.Workspace, ctx context.Context) ([]report.Member, error) {
			return w.Members().List(ctx)
		}, view.Members)
}

func newMemberRemove(s *session) *cobra.Command {
	var group, account bool
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Take all roles in the pod from a user, a group or a program",
		Long: "Take all roles in the pod from a member. A service account that psc created is deleted, and its tokens are no longer\n" +
			"valid. A user who is in a group with a role keeps that of the group.",
		Example:           "  psc member remove bob@example.com",
		Args:              exactly("NAME"),
		ValidArgsFunction: s.complete(func([]string) []string { return s.names("members") }),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := s.open()
			if err != nil {
				return err
			}
			if err := w.Exists(cmd.Context()); err != nil {
				return err
			}
			all, err := w.Members().List(cmd.Context())
			if err != nil {
				return err
			}
			member, err := chooseMember(all, w.Pod, args[0], group, account)
			if err != nil {
				return err
			}
			if err := s.keepAdmin(w, all, member); err != nil {
				return err
			}
			if err := w.Members().Revoke(cmd.Context(), member); err != nil {
				return err
			}
			return s.view.Line(member, []string{member.Ref()}, "%s has no role in pod %s on %s any more", member.Name, w.Pod, w.Context)
		},
	}
	cmd.Flags().BoolVar(&group, "group", false, "NAME is a group")
	cmd.Flags().BoolVar(&account, "service-account", false, "NAME is a service account")
	cmd.MarkFlagsMutuallyExclusive("group", "service-account")
	return cmd
}

// memberNames lists the names of the members.
func (s *session) memberNames(ctx context.Context) ([]string, error) {
	w, err := s.open()
	if err != nil {
		return nil, err
	}
	members, err := w.Members().List(ctx)
	var found []string
	for _, m := range members {
		found = append(found, m.Name)
	}
	return slices.Compact(found), err
}

// chooseMember returns the member with a name. The flags choose among members of different kinds with one name.
func chooseMember(all []report.Member, podName, name string, group, account bool) (report.Member, error) {
	var names []string
	var found []report.Member
	for _, m := range all {
		names = append(names, m.Name)
		if m.Name == name && (!group || m.Kind == report.MemberGroup) && (!account || m.Kind == report.MemberAccount) &&
			!slices.ContainsFunc(found, func(f report.Member) bool { return f.Kind == m.Kind }) {
			found = append(found, m)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return report.Member{}, fault.New(fault.Usage, "%s is the name of several members of pod %s", name, podName).WithHint("--group or --service-account says which")
	}
	e := fault.New(fault.Usage, "%w", &workspace.MemberError{Pod: podName, Name: name, Err: workspace.ErrNotMember})
	if at := slices.Index(names, name); at >= 0 {
		return report.Member{}, e.WithHint("psc member remove %s", strings.Join(append([]string{quoted(name)}, kindFlags(all[at].Kind)...), " "))
	}
	if near := pod.Nearest(name, names); near != "" {
		return report.Member{}, e.WithHint("did you mean %s?", near)
	}
	return report.Member{}, e.WithHint("psc member list")
}

// kindFlags are the flags that choose members of a kind.
func kindFlags(kind report.MemberKind) []string {
	switch kind {
	case report.MemberGroup:
		return []string{"--group"}
	case report.MemberAccount:
		return []string{"--service-account"}
	case report.MemberUser:
	}
	return nil
}

// memberWords adds what to do about a change of a member.
func memberWords(err error, e *workspace.MemberError) error {
	if errors.Is(e, workspace.ErrGrant) {
		return fault.New(fault.Denied, "%w", err).WithHint("ask an admin of the pod or of the cluster to give the role, or choose another one with --role")
	}
	return fault.New(fault.Usage, "%w", err).WithHint("choose another name")
}
