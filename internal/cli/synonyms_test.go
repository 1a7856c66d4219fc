package cli

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The words of other tools lead to what does the same in psc. A word that is similar to nothing gets no suggestion.
func TestInstead(t *testing.T) {
	for command, want := range map[string]string{
		"log web":                       "psc logs web",
		"log -f deploy/web":             "psc logs NAME",
		"ssh web":                       "psc exec web",
		"forward deploy/web 8080":       "psc port-forward web",
		"restart web":                   "psc app restart web",
		"rollout restart deploy/web":    "psc app restart web",
		"stop web":                      "psc app stop web",
		"rollout undo":                  "psc rollback",
		"rollout status deploy/web":     "psc status",
		"browse":                        "psc open",
		"ps":                            "psc status",
		"stats":                         "psc top",
		"up":                            "psc app create NAME --image IMAGE",
		"init":                          "psc new-pod NAME",
		"wait":                          "psc revision wait",
		"set env deploy/web A=b":        "psc app set web --env KEY=VALUE",
		"load":                          "psc apply -f FILE",
		"rm web":                        "psc app delete web",
		"releases":                      "psc revision list",
		"history":                       "psc revision list",
		"undo":                          "psc rollback",
		"scale web 3":                   "psc app scale web 3",
		"scale deploy/web --replicas=3": "psc app scale web N",
		"ps:scale web=3":                "psc app scale web 3",
		"config:set A=b":                "psc app set NAME --env KEY=VALUE",
		"create app x":                  "psc app create x",
		"delete apps x":                 "psc app delete x",
		"delete secret db":              "psc secret delete db",
		"describe route web":            "psc route show web",
		"app rm":                        "did you mean psc app delete?",
		"app ls":                        "did you mean psc app list?",
		"secret create db":              "did you mean psc secret set?",
		"revision rollback 3":           "psc rollback 3",
		"statsu":                        "did you mean psc status?",
		"stat":                          "did you mean psc status?",
		"deplyo":                        "did you mean psc deploy?",
		"app scael":                     "did you mean psc app scale?",
		"pod lsit":                      "did you mean psc pod list?",
		// Nothing of these is in psc, so no suggestion is better than a wrong one.
		"task":              "psc job list",
		"nonsense":          "psc --help",
		"re":                "psc --help", // registry or revision
		"x":                 "psc --help",
		"app fly":           "psc app --help",
		"run web --detatch": "did you mean --detach?",
		"run --env A=b":     "psc app list",
		"'; rm x":           "psc --help",
		// Flags.
		"app set web --instance 2":      "did you mean --instances?",
		"app set web --images x":        "did you mean --image?",
		"app set web --env-file .env":   "psc secret set NAME --env-file FILE, then --env-from secret/NAME",
		"app list -A":                   "psc pod list, and --pod POD for one of them",
		"status --nonsense":             "psc status --help",
		"app set web --replicas=2 -x":   "psc app set --help",
		"revision list --most":          "psc revision list --help",
		"revision wait --timeout":       "psc revision wait --help",
		"app set web --dry-rnu --image": "did you mean --dry-run?",
	} {
		var stderr bytes.Buffer
		code := Main(context.Background(), Env{Out: &bytes.Buffer{}, Err: &stderr, Now: time.Now}, strings.Fields(command))
		_, hint, _ := strings.Cut(strings.TrimSpace(stderr.String()), "psc: hint: ")
		if hint != want || code != 2 {
			t.Errorf("psc %s: exit code %d, hint %q, want %q", command, code, hint, want)
		}
	}
}

// Each hint has commands and flags that psc has, and each word is of no use otherwise.
func TestSynonyms(t *testing.T) {
	root := Command(Env{})
	for _, s := range append(synonyms(), flagHints()...) {
		checkCommands(t, root, s.words, s.hint)
	}
	for _, s := range synonyms() {
		words := strings.Fields(s.words)
		parent := root
		if noun := child(root, words[0]); noun != nil && noun.HasSubCommands() {
			parent, words = noun, words[1:]
		}
		for _, word := range words {
			if child(parent, word) != nil {
				t.Errorf("%s %s is a command: remove it from the synonyms", parent.CommandPath(), word)
			}
		}
	}
}

// The pages for people name commands and flags that psc has.
func TestPages(t *testing.T) {
	root := Command(Env{})
	for _, page := range []string{"coming-from.md", "day-2.md", "glossary.md", "sizes.md", "team.md"} {
		data, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range code.FindAllStringSubmatch(string(data), -1) {
			checkCommands(t, root, page, match[1])
		}
	}
}

var (
	named   = regexp.MustCompile(`\bpsc ((?:--pod [A-Z]+ )?[a-z-]+[^,;|:` + "`" + `\n]*)`)
	flagged = regexp.MustCompile(`(?:^| )--([a-z-]+)`)
	code    = regexp.MustCompile("(?m)(?:^|`)(psc [^`\n]*)")
	verb    = regexp.MustCompile(`^[a-z]+$`)
)

// checkCommands reports each command of a text that psc does not have, with its flags.
func checkCommands(t *testing.T, root *cobra.Command, place, text string) {
	t.Helper()
	for _, match := range named.FindAllStringSubmatch(text, -1) {
		words := strings.Fields(match[1])
		if words[0] == "--pod" {
			words = words[2:]
		}
		cmd, _, err := root.Find(words)
		if err != nil || cmd == root || cmd.HasSubCommands() && len(words) > 1 && verb.MatchString(words[1]) && cmd.ValidateArgs(words[1:]) != nil {
			t.Errorf("%s: psc has no command %q", place, match[1])
			continue
		}
		for _, flag := range flagged.FindAllStringSubmatch(match[1], -1) {
			if cmd.Flags().Lookup(flag[1]) == nil && cmd.InheritedFlags().Lookup(flag[1]) == nil {
				t.Errorf("%s: %s has no flag --%s", place, cmd.CommandPath(), flag[1])
			}
		}
	}
}

// A synonym of a flag leads to a flag, and hides none.
func TestFlagSynonyms(t *testing.T) {
	defined := map[string]bool{}
	each(Command(Env{}), func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { defined[f.Name] = true })
	})
	for synonym, own := range flagSynonyms() {
		if !defined[own] || defined[synonym] {
			t.Errorf("--%s for --%s: the first must not be a flag, the second must", synonym, own)
		}
	}
}
