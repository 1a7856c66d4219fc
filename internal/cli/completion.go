package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/docs/schema"
	"github.com/pscdev/psc/internal/login"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
)

// A namer lists the names that fit next, given the arguments so far. A name may have a description after a tab.
type namer func(args []string) []string

// inOrder are the directives for names that shells show in psc's order, and not files.
const inOrder = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder

// noFiles keeps shells from offering files as arguments of commands that complete none.
func noFiles(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, c := range cmd.Commands() {
		noFiles(c)
	}
}

// complete completes each argument with its own names, and nothing after the last one.
func (s *session) complete(each ...namer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(each) || !s.ready(cmd) {
			return nil, inOrder
		}
		return beginning(typed, each[len(args)](args)), inOrder
	}
}

// beginning returns the names that begin with what was typed: not every shell selects them.
func beginning(typed string, found []string) []string {
	return slices.DeleteFunc(found, func(name string) bool { return !strings.HasPrefix(name, typed) })
}

// completeAll completes any number of arguments with the same names, each of them once.
func (s *session) completeAll(one namer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if !s.ready(cmd) {
			return nil, inOrder
		}
		return slices.DeleteFunc(beginning(typed, one(args)), func(found string) bool {
			name, _, _ := strings.Cut(found, "\t")
			return slices.Contains(args, name)
		}), inOrder
	}
}

// unquote removes the quotes around the names of values, which shells would show.
func unquote(cmd *cobra.Command) {
	plain := func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") }
	cmd.Flags().VisitAll(plain)
	cmd.PersistentFlags().VisitAll(plain)
	for _, c := range cmd.Commands() {
		unquote(c)
	}
}

// ready reports whether the settings can be read. A shell must not show an error in the middle of a line.
func (s *session) ready(cmd *cobra.Command) bool {
	return s.settings != nil || s.configure(cmd) == nil
}

// completeFlags sets what completes the values of all flags, by the names of the values in their usages.
func (s *session) completeFlags(cmd *cobra.Command) {
	values := s.values()
	set := func(f *pflag.Flag) {
		value, _ := pflag.UnquoteUsage(f)
		complete := values[value]
		if complete == nil {
			complete = cobra.NoFileCompletions
		}
		if err := cmd.RegisterFlagCompletionFunc(f.Name, complete); err != nil {
			panic(fmt.Sprintf("cli: completion of --%s: %v", f.Name, err))
		}
	}
	cmd.PersistentFlags().VisitAll(set)
	cmd.LocalNonPersistentFlags().VisitAll(set)
	for _, c := range cmd.Commands() {
		s.completeFlags(c)
	}
}

// values returns what completes values. Those that only the user knows are among them, so that none is forgotten.
func (s *session) values() map[string]cobra.CompletionFunc {
	// after completes the part of a value after the last of some characters.
	after := func(marks string, needed bool, names namer) cobra.CompletionFunc {
		return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			at := strings.LastIndexAny(typed, marks) + 1
			if at == 0 && needed || !s.ready(cmd) {
				return nil, inOrder
			}
			found := names(args)
			for i, name := range found {
				found[i] = typed[:at] + name
			}
			return beginning(typed, found), inOrder
		}
	}
	fixed := func(names ...string) cobra.CompletionFunc { return cobra.FixedCompletions(names, inOrder) }
	plain := func(names namer) cobra.CompletionFunc { return after("", false, names) }
	files := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveDefault
	}
	values := map[string]cobra.CompletionFunc{
		"FILE": files, "KEY=FILE": files,
		"IMAGE": s.completeImage(""), "NAME=IMAGE": s.completeImage("="),
		"POD":              plain(s.podNames),
		"CONTEXT":          plain(s.contextNames),
		"FORMAT":           formats,
		"REVISION":         plain(s.revisionNames),
		"SIZE":             fixed(pod.Sizes()...),
		"ROLE":             fixed(workspace.Roles()...),
		"LEVEL":            fixed(workspace.SecurityLevels()...),
		"STATE":            fixed(workspace.Isolations()...),
		"NAMESPACE":        plain(func([]string) []string { return s.names("namespaces") }),
		"STRATEGY":         fixed("rolling", "recreate"),
		"CHECK":            fixed("tcp", "grpc", "off"),
		"CAPABILITY":       fixed(pod.Capabilities()...),
		"CONTAINER":        plain(func([]string) []string { return s.names("containers") }),
		"CLASS":            plain(func([]string) []string { return s.names("classes") }),
		"STEP":             fixed(pod.BeforeDeploy),
		"WAY":              fixed(pod.Concurrencies()...),
		"SCHEDULE":         fixed("@hourly", "@daily", "@weekly", "@monthly"),
		"APP":              after(":,", false, s.resourceNames(pod.KindApp)),
		"NAME=APP":         after("=", true, s.resourceNames(pod.KindApp)),
		"NAME=SECRET/KEY":  after("=", true, s.partNames(pod.KindSecret)),
		"PATH=SOURCE":      after("=", true, s.refNames(pod.KindConfig, pod.KindSecret, pod.KindDisk)),
		"NAME=CONFIG/FILE": after("=", true, s.partNames(pod.KindConfig)),
		"NAME=WHAT":        after("=", true, func([]string) []string { return []string{"name", "address", "node"} }),
		"SOURCE":           plain(s.refNames(pod.KindSecret, pod.KindConfig)),
		"TLS": plain(func(args []string) []string {
			return append([]string{"auto", "off"}, s.refNames(pod.KindSecret)(args)...)
		}),
	}
	for _, free := range []string{
		"ADDRESS", "CAPACITY", "CPU", "DOMAIN", "EXPRESSION", "FINGERPRINT", "HOST", "ID", "MEMORY", "MIN-MAX", "N", "NAME", "NAME=COMMAND", "NAME=TEMPLATE", "NAME=VALUE", "NAMESPACE/NAME", "PATH", "PORT", "SELECTOR", "TEXT", "TIME", "UID", "URL", "USER", "WORD", "ZONE",
	} {
		values[free] = cobra.NoFileCompletions
	}
	return values
}

// formats completes the values of -o.
func formats(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	all := view.Formats()
	if cmd.Annotations[wideOutput] != "" {
		all = append([]string{"wide"}, all...)
	}
	return beginning(typed, all), inOrder
}

func (s *session) contextNames([]string) []string {
	names, _ := login.Contexts(s.kubeconfig)
	return names
}

func (s *session) podNames([]string) []string { return s.names("pods") }

// resourceNames returns a function that lists the resources of a kind in the newest revision.
func (s *session) resourceNames(kind pod.Kind) namer {
	return func([]string) []string {
		var found []string
		for _, name := range s.names("resources") {
			if word, rest, _ := strings.Cut(name, "/"); word == kind.Word() && !strings.Contains(rest, "/") {
				found = append(found, rest)
			}
		}
		return found
	}
}

// refNames returns a function that lists the resources of some kinds, by default all, in the newest revision: "app/web".
func (s *session) refNames(kinds ...pod.Kind) namer {
	return func([]string) []string {
		return slices.DeleteFunc(s.names("resources"), func(name string) bool {
			word, rest, _ := strings.Cut(name, "/")
			wanted := len(kinds) == 0 || slices.ContainsFunc(kinds, func(k pod.Kind) bool { return k.Word() == word })
			return !wanted || strings.Contains(rest, "/")
		})
	}
}

// partNames returns a function that lists the keys of all secrets, "db/url", or the files of all configs.
func (s *session) partNames(kind pod.Kind) namer {
	return func([]string) []string {
		var found []string
		for _, name := range s.names("resources") {
			if rest, of := strings.CutPrefix(name, kind.Word()+"/"); of && strings.Contains(rest, "/") {
				found = append(found, rest)
			}
		}
		return found
	}
}

// keysOf lists the keys of the secret that the first argument names.
func (s *session) keysOf(args []string) []string {
	var keys []string
	for _, name := range s.partNames(pod.KindSecret)(nil) {
		if key, of := strings.CutPrefix(name, args[0]+"/"); of {
			keys = append(keys, key)
		}
	}
	return keys
}

// editNamesOf lists the resources of the kind that the first argument names.
func (s *session) editNamesOf(args []string) []string {
	kind, err := parseKind(args[0])
	if err != nil {
		return nil
	}
	return s.resourceNames(kind)(args)
}

// secretOrKeys lists the secrets, and then the keys of the first argument.
func (s *session) secretOrKeys(args []string) []string {
	if len(args) == 0 {
		return s.resourceNames(pod.KindSecret)(args)
	}
	return s.keysOf(args)
}

// completeConfig completes the name of a config, and then files.
func (s *session) completeConfig(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return s.complete(s.resourceNames(pod.KindConfig))(cmd, args, typed)
}

// revisionNames lists the revisions, newest first, with their states.
func (s *session) revisionNames([]string) []string { return s.revisionsIn() }

// readyNames lists the revisions that can be restored.
func (s *session) readyNames([]string) []string { return s.revisionsIn("ready") }

// deployNames lists the revisions that were not discarded.
func (s *session) deployNames([]string) []string {
	return s.revisionsIn("draft", "waiting", "pending", "ready", "failed", "live")
}

// draftNames lists the drafts.
func (s *session) draftNames([]string) []string { return s.revisionsIn("draft") }

// revisionsIn lists the revisions in some states, by default all of them.
func (s *session) revisionsIn(states ...string) []string {
	var found []string
	for _, line := range s.names("revisions") {
		name, title, _ := strings.Cut(line, "\t")
		words := strings.Fields(name) // 7 ready, or 7 live ready
		if len(words) > 1 && (len(states) == 0 || slices.Contains(states, words[1])) {
			found = append(found, words[0]+"\t"+strings.TrimSpace(strings.Join(words[1:], " ")+" "+title))
		}
	}
	return found
}

// fieldNames lists the fields that can follow a path such as app.health.
func fieldNames(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, inOrder
	}
	at := strings.LastIndex(typed, ".")
	if at < 0 {
		return beginning(typed, kindWords()), inOrder | cobra.ShellCompDirectiveNoSpace
	}
	path := strings.Split(typed[:at], ".")
	kind, err := parseKind(path[0])
	if err != nil {
		return nil, inOrder
	}
	whole, err := schema.Of(kind)
	if err != nil {
		return nil, inOrder
	}
	_, field, err := findField(path[0], whole.Field("spec"), path[1:])
	if err != nil {
		return nil, inOrder
	}
	var found []string
	for _, f := range field.Inner().Properties {
		found = append(found, typed[:at+1]+f.Name)
	}
	return beginning(typed, found), inOrder | cobra.ShellCompDirectiveNoSpace
}
