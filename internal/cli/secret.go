package cli

import (
	"bytes"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
)

func newSecret(s *session) *cobra.Command {
	return noun("secret", "Manage secrets: values that psc never shows", newSecretSet(s), newSecretList(s), newDelete(s, pod.KindSecret))
}

// maxValues is the size in bytes that the values of one change may have together: they are stored in one Kubernetes Secret.
const maxValues = 1000 << 10

func newSecretSet(s *session) *cobra.Command {
	var (
		o       options
		files   []string
		envFile string
	)
	cmd := &cobra.Command{
		Use:   "set NAME [KEY...]",
		Short: "Set keys of a secret, creating it if needed",
		Long: "Set the values of keys. psc asks for them on a terminal, or reads them from stdin or files, but never from arguments,\n" +
			"which other users can read. KEY- removes a key. The next deploy restarts every app that uses the secret.\n\n" +
			"--env-file reads what docker compose and dotenv agree on: blanks around keys and values, and a comment after a blank\n" +
			"and a #, are not part of a value. 'Single quotes' keep everything, and in \"double quotes\" \\n and \\r are line breaks.\n" +
			"A $ stays as it is. Lines that these tools read differently are refused.",
		Example: "  psc secret set db url password\n" +
			"  pass show shop/db | psc secret set db password\n" +
			"  psc secret set shop-tls --file tls.crt=shop.pem --file tls.key=shop.key\n" +
			"  psc secret set web --env-file .env --deploy\n" +
			"  psc app set web --env-secret DATABASE_URL=db/url",
		Args:              atLeast("NAME"),
		ValidArgsFunction: s.completeAll(s.secretOrKeys),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, remove, err := secretKeys(args[1:])
			if err != nil {
				return err
			}
			if len(args) == 1 && len(files) == 0 && envFile == "" {
				return fault.New(fault.Usage, "KEY is missing").WithHint("%s", cmd.UseLine())
			}
			values, err := s.readValues(envFile, files, keys, remove)
			if err != nil {
				return err
			}
			return s.do(cmd.Context(), &o, func(w *workspace.Workspace) (workspace.Outcome, error) {
				return w.SetValues(cmd.Context(), args[0], values, remove, o.Options)
			})
		},
	}
	section(cmd, sectionFiles, func(flags *pflag.FlagSet) {
		flags.StringArrayVar(&files, "file", nil, "file with the value of a key: `KEY=FILE`")
		flags.StringVar(&envFile, "env-file", "", "`FILE` with lines KEY=VALUE, or - for stdin; variables in it are not expanded")
	})
	o.addChange(cmd)
	return cmd
}

func newSecretList(s *session) *cobra.Command {
	return lister(s, &cobra.Command{
		Short:   "List the secrets and their keys, including those of drafts",
		Example: "  psc secret list",
	}, "has no secrets", "psc secret set NAME KEY", (*workspace.Workspace).Secrets, view.Secrets)
}

// secretKeys returns the keys whose values psc has to ask for, and the keys to remove (KEY-). The error for a value in an
// argument does not repeat the value.
func secretKeys(args []string) (keys, remove []string, err error) {
	for _, arg := range args {
		key, _, valued := strings.Cut(arg, "=")
		if valued {
			return nil, nil, fault.New(fault.Usage, "do not pass the value of %s as an argument: other users can read it", key).
				WithHint("psc secret set NAME %s asks for the value, or reads it from stdin", key)
		}
		if removed, ok := strings.CutSuffix(arg, "-"); ok {
			remove = append(remove, removed)
			continue
		}
		keys = append(keys, key)
	}
	return keys, remove, nil
}

// readValues reads values from files, and asks for those of keys. Each key must be named once, also among those to remove.
func (s *session) readValues(envFile string, files, keys, remove []string) (map[string][]byte, error) {
	values := map[string][]byte{}
	if err := s.readEnvFile(values, envFile); err != nil {
		return nil, err
	}
	if err := s.readKeyFiles(values, files); err != nil {
		return nil, err
	}
	for _, key := range slices.Concat(keys, remove) {
		if _, twice := values[key]; twice {
			return nil, givenTwice(key)
		}
	}
	if err := s.askValues(values, keys); err != nil {
		return nil, err
	}
	size := 0
	for _, value := range values {
		size += len(value)
	}
	if size > maxValues {
		return nil, fault.New(fault.Usage, "the values have %d bytes: at most %d can be set at once", size, maxValues)
	}
	return values, nil
}

func givenTwice(key string) error {
	return fault.New(fault.Usage, "key %q is given twice", key)
}

// askValues asks for the value of each key on a terminal, or reads the value of a single key from stdin.
func (s *session) askValues(values map[string][]byte, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	f, ok := s.In.(*os.File)
	if !ok || !isTerminal(f) {
		if len(keys) > 1 {
			return fault.New(fault.Usage, "stdin can provide the value of one key, not of %s", strings.Join(keys, " and ")).
				WithHint("--env-file - reads lines KEY=VALUE from stdin")
		}
		value, err := s.read("-", maxValues)
		if err == nil && len(value) == 0 { // the program that should have written it has probably failed
			return fault.New(fault.Usage, "stdin is empty: no value for %s", keys[0]).WithHint("--file %s=/dev/null sets an empty value", keys[0])
		}
		values[keys[0]] = bytes.TrimSuffix(bytes.TrimSuffix(value, []byte("\n")), []byte("\r"))
		return err
	}
	for _, key := range keys {
		value, err := s.askHidden("value of "+key, "")
		if err != nil {
			return err
		}
		values[key] = value
	}
	return nil
}

func (s *session) readKeyFiles(values map[string][]byte, files []string) error {
	for _, text := range files {
		key, path, ok := strings.Cut(text, "=")
		if !ok {
			return fault.New(fault.Usage, "--file %q is not KEY=FILE", text)
		}
		if _, twice := values[key]; twice {
			return givenTwice(key)
		}
		value, err := s.read(path, maxValues)
		if err != nil {
			return err
		}
		values[key] = value
	}
	return nil
}
