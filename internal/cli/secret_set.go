package cli

import (
	"bytes"
	"context"
	"maps"

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
			if err := a.readEnvFile(values, envFile); err != nil {
				return err
			}
			if err := a.readKeyFiles(values, files); err != nil {
				return err
			}
			if err := a.askValues(values, keys); err != nil {
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
