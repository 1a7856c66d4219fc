package cli

import (
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/pkg/pod"
)

// Every kind has a command with its word, with verbs to list and delete its resources and with one that sets their fields.
// Each verb that takes the name of an existing resource completes it.
func TestEveryKindHasCommands(t *testing.T) {
	root := Command(Env{})
	for _, kind := range pod.Kinds() {
		noun, _, err := root.Find([]string{kind.Word()})
		if err != nil || noun == root {
			t.Errorf("psc has no command %s: add it in root.go", kind.Word())
			continue
		}
		verbs := map[string]bool{}
		for _, c := range noun.Commands() {
			verbs[c.Name()] = true
			if strings.Contains(c.Use, "NAME") && c.Name() != "create" && !completes(c) {
				t.Errorf("%s does not complete the name: set its ValidArgsFunction", c.CommandPath())
			}
		}
		for _, verb := range []string{"set", "list", "delete"} {
			if !verbs[verb] {
				t.Errorf("psc %s has no verb %s", kind.Word(), verb)
			}
		}
	}
}

// Each flag with a value says what completes it: the name of its value is in a table.
func TestEveryValueCompletes(t *testing.T) {
	s := &session{}
	values := s.values()
	each(newRoot(s), func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if value, _ := pflag.UnquoteUsage(f); value != "" && values[value] == nil {
				t.Errorf("%s --%s: add its value %s to values() in completion.go", cmd.CommandPath(), f.Name, value)
			}
		})
	})
}

// completes reports whether a command completes its arguments. Those without a function of their own complete to nothing.
func completes(c *cobra.Command) bool {
	own := reflect.ValueOf(c.ValidArgsFunction)
	return !own.IsNil() && own.Pointer() != reflect.ValueOf(cobra.NoFileCompletions).Pointer()
}
