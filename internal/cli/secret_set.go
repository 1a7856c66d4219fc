package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

func newSecret(a *app) *cobra.Command {
	return noun("secret", "Secrets: values that nobody is shown", newSecretSet(a), newSecretList(a), newDelete(a, pod.KindSecret))
}

// maxValues is how much the values of one step may hold: they are one Kubernetes Secret.
const maxValues = 1000 << 10

func newSecretSet(a *app) *cobra.Command {
	var (
		c              changeFlags
		files          []string
		envFile        string
		values, change = map[string][]byte{}, map[string]any{}
	)
	cmd := &cobra.Command{
		Use:   "set NAME [KEY...]",
		Short: "Set keys of a secret, which is made when it is not there",
		Long: "Set the values of keys. They are asked for on a terminal and else read from stdin, or come from files, and never\n" +
			"from arguments, which others can read. KEY- takes a key out. Every app that uses the secret is started anew by the\n" +
			"next deploy.",
		Example: "  psc secret set db url password\n" +
			"  pass show shop/db | psc secret set db password\n" +
			"  psc secret set shop-tls --file tls.crt=shop.pem --file tls.key=shop.key\n" +
			"  psc secret set web --env-file .env --deploy\n" +
			"  psc app set web --env-secret DATABASE_URL=db/url",
		Args: atLeast("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := secretKeys(args[1:], change)
			if err != nil {
				return err
			}
			if len(args) == 1 && len(files) == 0 && envFile == "" {
				return fault.New(fault.Usage, "KEY is missing").WithHint("%s", cmd.UseLine())
			}
			if err := errors.Join(a.readEnvFile(values, envFile), readKeyFiles(values, files), a.askValues(values, keys)); err != nil {
				return err
			}
			size := 0
			for _, value := range values {
				size += len(value)
			}
			if size > maxValues {
				return fault.New(fault.Usage, "the values have %d bytes: at most %d can be set in one step", size, maxValues)
			}
			return a.setSecret(cmd.Context(), &c, args[0], values, change)
		},
	}
	cmd.Flags().StringArrayVar(&files, "file", nil, "file with the value of a key: `KEY=FILE`")
	cmd.Flags().StringVar(&envFile, "env-file", "", "`FILE` with lines KEY=VALUE, - for stdin; nothing in them is replaced")
	c.add(cmd)
	return cmd
}

// setSecret makes the change. Values that are as they were keep their version, so that nothing is started anew for them.
func (a *app) setSecret(ctx context.Context, c *changeFlags, name string, values map[string][]byte, keys map[string]any) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	spec, err := w.headSpec(ctx)
	if err != nil {
		return err
	}
	if old := spec.Secret(name); old != nil {
		had, err := w.store.Values(ctx, name, old)
		if err != nil && fault.Of(err).Code != fault.Denied { // who may not read them sets them all
			return err
		}
		maps.DeleteFunc(values, func(key string, value []byte) bool {
			before, ok := had[key]
			return ok && bytes.Equal(before, value)
		})
	}
	if len(values) > 0 {
		version := w.store.StageValues(name, values)
		for key := range values {
			keys[key] = version
		}
	}
	return a.upsert(ctx, c, pod.KindSecret, name, pod.Fields{"keys": keys})
}

// secretKeys are the keys whose values are to be asked for. KEY- is noted in change. A value in an argument is refused
// without being repeated.
func secretKeys(args []string, change map[string]any) ([]string, error) {
	var keys []string
	for _, arg := range args {
		key, _, valued := strings.Cut(arg, "=")
		if valued {
			return nil, fault.New(fault.Usage, "the value of %s stands in an argument, where others can read it", key).
				WithHint("psc secret set NAME %s asks for it, or reads it from stdin", key)
		}
		if removed, ok := strings.CutSuffix(arg, "-"); ok {
			change[removed] = nil
			continue
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// askValues asks for the value of each key on a terminal, or reads that of the only one from stdin.
func (a *app) askValues(values map[string][]byte, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	f, ok := a.In.(*os.File)
	if !ok || !isTerminal(f) {
		if len(keys) > 1 {
			return fault.New(fault.Usage, "stdin can hold the value of one key, not of %s", strings.Join(keys, " and ")).
				WithHint("--env-file - reads lines KEY=VALUE from stdin")
		}
		value, err := io.ReadAll(io.LimitReader(a.In, maxValues+2))
		values[keys[0]] = bytes.TrimSuffix(bytes.TrimSuffix(value, []byte("\n")), []byte("\r"))
		return err
	}
	for _, key := range keys {
		value, err := a.askHidden("value of "+key, "")
		if err != nil {
			return err
		}
		values[key] = value
	}
	return nil
}

func readKeyFiles(values map[string][]byte, files []string) error {
	for _, text := range files {
		key, path, ok := strings.Cut(text, "=")
		if !ok {
			return fault.New(fault.Usage, "--file %q is not KEY=FILE", text)
		}
		value, err := os.ReadFile(path)
		if err != nil {
			return fault.Wrap(fault.Usage, err)
		}
		values[key] = value
	}
	return nil
}

// readEnvFile reads lines KEY=VALUE.
func (a *app) readEnvFile(values map[string][]byte, path string) error {
	if path == "" {
		return nil
	}
	in := a.In
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return fault.Wrap(fault.Usage, err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxValues+1))
	if err != nil {
		return err
	}
	return parseEnvFile(values, path, string(text))
}

// parseEnvFile takes empty lines, comments, "export KEY=VALUE", and one pair of quotes off a value. Nothing in a value
// is replaced: a password with a dollar is a password. Errors tell lines by number alone, for they hold values.
func parseEnvFile(values map[string][]byte, path, text string) error {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if !ok {
			return fault.New(fault.Usage, "--env-file %s: line %d is not KEY=VALUE", path, number).
				WithHint("a value of several lines has to come from a file of its own: --file KEY=FILE")
		}
		for _, quote := range []string{`"`, "'"} {
			rest, quoted := strings.CutPrefix(value, quote)
			if !quoted {
				continue
			}
			if value, ok = strings.CutSuffix(rest, quote); !ok {
				return fault.New(fault.Usage, "--env-file %s: the quotes of line %d do not end on it", path, number).
					WithHint("a value of several lines has to come from a file of its own: --file KEY=FILE")
			}
			break
		}
		values[strings.TrimSpace(key)] = []byte(value)
	}
	return nil
}
