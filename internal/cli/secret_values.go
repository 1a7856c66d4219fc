package cli

import (
	"bytes"
	"os"
	"strings"

	"github.com/pscdev/psc/internal/fault"
)

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
		value, err := a.read("-", maxValues)
		if err == nil && len(value) == 0 { // whatever should have written it has failed
			return fault.New(fault.Usage, "stdin holds no value for %s", keys[0]).WithHint("--file %s=/dev/null sets an empty one", keys[0])
		}
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

func (a *app) readKeyFiles(values map[string][]byte, files []string) error {
	for _, text := range files {
		key, path, ok := strings.Cut(text, "=")
		if !ok {
			return fault.New(fault.Usage, "--file %q is not KEY=FILE", text)
		}
		value, err := a.read(path, maxValues)
		if err != nil {
			return err
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
	text, err := a.read(path, maxValues)
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
