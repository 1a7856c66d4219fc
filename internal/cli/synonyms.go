package cli

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

// synonym has words of heroku, oc, kubectl, fly or cf, and what to type instead. NAME and N stand for the arguments that follow.
type synonym struct{ words, hint string }

// synonyms returns the words of other tools that are no commands of psc. The hint is a command of psc, or what works without one.
func synonyms() []synonym {
	return []synonym{
		{"log tail", "psc logs NAME"},
		{"ssh rsh sh shell bash attach console", "psc exec NAME"},
		{"restart restage ps:restart", "psc app restart NAME"},
		{"forward proxy tunnel", "psc port-forward NAME"},
		{"copy scp rsync", "psc cp SOURCE TARGET, one of them APP:PATH"},
		{"stats metrics", "psc top"},
		{"build", "docker build -t IMAGE . && docker push IMAGE, then: psc app set NAME --image IMAGE"},
		{"members access users team", "psc member"},
		{"quota quotas limits limitrange", "psc pod set, or psc pod show"},
		{"event", "psc events"},
		{"browse", "psc open"},
		{"convert kompose", "psc import -f FILE"},
		{"ps info describe watch", "psc status"},
		{"list ls apps", "psc app list"},
		{"create new add up push launch new-app apps:create", "psc app create NAME --image IMAGE"},
		{"set update set-env env config:set config:add set:env", "psc app set NAME --env KEY=VALUE"},
		{"set:image", "psc app set NAME --image IMAGE"},
		{"show", "psc app show NAME"},
		{"delete rm remove destroy apps:destroy", "psc app delete NAME"},
		{"scale ps:scale", "psc app scale NAME N"},
		{"autoscale", "psc app set NAME --autoscale MIN-MAX"},
		{"stop", "psc app stop NAME"},
		{"start", "psc app start NAME"},
		{"expose ingress domains domains:add map-route create-route", "psc route create NAME --to NAME"},
		{"routes", "psc route list"},
		{"jobs cronjob cronjobs cron schedule scheduler task tasks", "psc job list"},
		{"migrate migration", "psc job create NAME --app APP --before deploy -- COMMAND"},
		{"configs configmap configmaps", "psc config list"},
		{"secrets", "psc secret list"},
		{"disks volume volumes pvc storage", "psc disk list"},
		{"registries", "psc registry list"},
		{"init create-space create-namespace", "psc new-pod NAME"},
		{"pods", "psc pod list, or for the instances of apps: psc get pods"},
		{"projects spaces namespaces", "psc pod list"},
		{"use project space namespace ns target", "psc pod use NAME"},
		{"context contexts ctx use-context", "psc login --context NAME"},
		{"auth signin auth:login", "psc login"},
		{"signout auth:logout", "psc logout"},
		{"me user auth:whoami", "psc whoami"},
		{"releases history versions revisions rollout:history", "psc revision list"},
		{"undo revert restore releases:rollback rollout:undo", "psc rollback"},
		{"rollout:restart", "psc app restart NAME"},
		{"rollout rollout:status", "psc status"},
		{"wait", "psc revision wait"},
		{"load", "psc apply -f FILE"},
		{"dump backup", "psc export"},
		{"patch replace annotate label", "psc edit"},
		{"plan preview", "psc diff"},
		{"release ship", "psc deploy"},
		{"promote", "psc --pod FROM export | psc --pod TO apply -f - --prune"},
		{"api-resources kinds", "psc explain"},

		{"app logs", "psc logs NAME"},
		{"app exec ssh shell", "psc exec NAME"},
		{"app edit", "psc edit app/NAME"},
		{"route edit", "psc edit route/NAME"},
		{"config edit", "psc edit config/NAME"},
		{"secret edit", "psc secret set NAME KEY"},
		{"disk edit", "psc disk set NAME --size CAPACITY"},
		{"app status", "psc status"},
		{"app env", "psc app set NAME --env KEY=VALUE"},
		{"app rollback", "psc rollback"},
		{"app deploy", "psc deploy"},
		{"config use-context", "psc login --context NAME"},
		{"config get-contexts current-context", "psc whoami"},
		{"pod create new add", "psc new-pod NAME"},
		{"pod switch", "psc pod use NAME"},
		{"revision deploy", "psc deploy NAME"},
		{"revision rollback undo restore", "psc rollback NAME"},
		{"revision delete rm remove", "psc revision discard NAME, or for old ones: psc revision prune --keep N"},
		{"revision log history", "psc revision list"},
		{"registry add create set", "psc registry login NAME"},
		{"registry delete rm remove", "psc registry logout NAME"},
		{"secret show get", "psc secret list"},
	}
}

// verbs returns other words for the verbs of psc's commands.
func verbs() []synonym {
	return []synonym{
		{"rm remove del destroy", "delete"},
		{"ls", "list"},
		{"get info describe view", "show"},
		{"update change", "set"},
		{"add new", "create"},
		{"create add new", "set"}, // for what has no create
	}
}

// flagSynonyms returns names of flags of other tools that psc accepts, with its own. -n and --namespace are flags in root.go,
// because -n has no long name here.
func flagSynonyms() map[string]string {
	return map[string]string{"replicas": "instances", "domain": "host", "hostname": "host", "entrypoint": "command", "most": "limit"}
}

// flagHints returns flags of other tools that psc does not have, with what to type instead.
func flagHints() []synonym {
	return []synonym{
		{"env-file", "psc secret set NAME --env-file FILE, then --env-from secret/NAME"},
		{"A all-namespaces", "psc pod list, and --pod POD for one of them"},
		{"w watch", "psc status"},
	}
}

// find returns the hint for a word of a table.
func find(table []synonym, word string) (string, bool) {
	i := slices.IndexFunc(table, func(s synonym) bool { return slices.Contains(strings.Fields(s.words), word) })
	if i < 0 {
		return "", false
	}
	return table[i].hint, true
}

// normalizeFlag returns psc's name of a flag.
func normalizeFlag(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	if own, ok := flagSynonyms()[name]; ok {
		name = own
	}
	return pflag.NormalizedName(name)
}

// insteadOf returns what to type instead of a command that does not exist below cmd, or "" if nothing is similar.
func insteadOf(cmd *cobra.Command, args []string) string {
	table, path := synonyms(), strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "psc"), " ")
	if path != "" {
		var own []synonym
		for _, s := range table {
			if words, of := strings.CutPrefix(s.words, path+" "); of {
				own = append(own, synonym{words, s.hint})
			}
		}
		table = own
	}
	if len(args) > 1 {
		if hint, ok := find(table, args[0]+":"+args[1]); ok { // kubectl rollout undo
			return filled(hint, args[2:])
		}
		if noun := child(cmd, strings.TrimSuffix(args[1], "s")); noun != nil && noun.HasSubCommands() { // kubectl delete app web
			if verb := verbOf(noun, args[0]); verb != nil {
				return strings.Join(append([]string{verb.CommandPath()}, args[2:]...), " ")
			}
		}
	}
	if hint, ok := find(table, args[0]); ok {
		return filled(hint, args[1:])
	}
	if verb := verbOf(cmd, args[0]); verb != nil && cmd.HasParent() {
		return "did you mean " + verb.CommandPath() + "?"
	}
	if near := nearest(cmd, args[0]); near != nil {
		return "did you mean " + near.CommandPath() + "?"
	}
	return ""
}

// child returns the command with a name or an alias below cmd, or nil.
func child(cmd *cobra.Command, name string) *cobra.Command {
	for _, c := range cmd.Commands() {
		if c.Name() == name || c.HasAlias(name) {
			return c
		}
	}
	return nil
}

// verbOf returns the command below a noun for a verb or another word for it, or nil.
func verbOf(noun *cobra.Command, word string) *cobra.Command {
	if c := child(noun, word); c != nil {
		return c
	}
	for _, v := range verbs() {
		if c := child(noun, v.hint); c != nil && slices.Contains(strings.Fields(v.words), word) {
			return c
		}
	}
	return nil
}

// nearest returns the command whose name is closest to a mistyped word, or begins with it. A wrong one would be worse than none.
func nearest(cmd *cobra.Command, word string) *cobra.Command {
	var names, begin []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
			if len(word) > 1 && strings.HasPrefix(c.Name(), word) {
				begin = append(begin, c.Name())
			}
		}
	}
	if len(begin) == 1 {
		return child(cmd, begin[0])
	}
	return child(cmd, pod.Nearest(word, names))
}

// plain is an argument that can be repeated in a hint.
var plain = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9][-a-z0-9.]*$`) })

// filled returns a hint with the arguments in place of NAME and N.
func filled(hint string, args []string) string {
	if len(args) > 0 {
		name, number, _ := strings.Cut(args[0], "=") // heroku ps:scale web=2
		name = name[strings.Index(name, "/")+1:]     // kubectl logs deploy/web
		if plain().MatchString(name) {
			hint = strings.ReplaceAll(hint, "NAME", name)
		}
		if number == "" && len(args) > 1 {
			number = args[1]
		}
		if plain().MatchString(number) && strings.HasSuffix(hint, " N") {
			hint = strings.TrimSuffix(hint, "N") + number
		}
	}
	return hint
}

// unknownFlag returns what to type instead of a flag that a command does not have, or "" if nothing is similar.
func unknownFlag(cmd *cobra.Command, e *pflag.NotExistError) string {
	if hint, ok := find(flagHints(), e.GetSpecifiedName()); ok {
		return hint
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if near := pod.Nearest(e.GetSpecifiedName(), names); near != "" && e.GetSpecifiedShortnames() == "" {
		return "did you mean --" + near + "?"
	}
	return ""
}

// noSuchCommand accepts no arguments. Its error names what to type instead, if something fits.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	e := fault.New(fault.Usage, "unknown command %q for %q", args[0], cmd.CommandPath())
	if instead := insteadOf(cmd, args); instead != "" {
		return e.WithHint("%s", instead)
	}
	return e.WithHint("%s --help", cmd.CommandPath())
}
