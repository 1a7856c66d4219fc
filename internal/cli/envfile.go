package cli

import (
	"regexp"
	"strings"
	"sync"

	"github.com/pscdev/psc/internal/fault"
)

// readEnvFile reads lines KEY=VALUE.
func (s *session) readEnvFile(values map[string][]byte, path string) error {
	if path == "" {
		return nil
	}
	text, err := s.read(path, maxValues)
	if err != nil {
		return err
	}
	return parseEnvFile(values, path, string(text))
}

// envKey matches the keys of a Secret.
var envKey = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[-._a-zA-Z0-9]+$`) })

// parseEnvFile reads lines as docker compose and dotenv do where they agree:
//
//	KEY=VALUE           blanks around the key and the value are not part of them, and "export" may precede the key
//	KEY=a#b # comment   a comment begins at a # that follows a blank
//	KEY='a\n'           single quotes keep everything
//	KEY="a\n"           in double quotes, \n and \r are line breaks
//
// It refuses lines that they read differently, because nobody sees a wrong value of a secret: other backslashes in double
// quotes, text after a closing quote, keys that are defined twice. It does not expand variables: a dollar is a dollar.
// Its errors name lines by their numbers alone, because the lines hold values.
func parseEnvFile(values map[string][]byte, path, text string) error {
	lines := map[string]int{} // by key
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, err := parseEnvLine(line)
		if err != nil {
			return fault.New(fault.Usage, "--env-file %s: line %d %w", path, number, err)
		}
		if first := lines[key]; first > 0 {
			return fault.New(fault.Usage, "--env-file %s: lines %d and %d set the same key", path, first, number)
		}
		lines[key], values[key] = number, []byte(value)
	}
	if len(lines) == 0 { // the program that should have written them may have failed
		return fault.New(fault.Usage, "--env-file %s has no lines KEY=VALUE", path)
	}
	return nil
}

func parseEnvLine(line string) (key, value string, err error) {
	key, value, ok := strings.Cut(line, "=")
	if !ok {
		return "", "", severalLines("is not KEY=VALUE")
	}
	key = strings.TrimSpace(key)
	if rest, exported := strings.CutPrefix(key, "export"); exported && rest != "" && strings.TrimSpace(rest) != rest {
		key = strings.TrimSpace(rest)
	}
	if !envKey().MatchString(key) {
		return "", "", fault.New(fault.Usage, "has a key with other characters than letters, digits, -, _ and .")
	}
	if strings.ContainsAny(value, "\r\x00") {
		return "", "", severalLines("has a control character")
	}
	value, err = envValue(value)
	return key, value, err
}

func severalLines(wrong string) error {
	return fault.New(fault.Usage, "%s", wrong).WithHint("read a value with several lines from its own file: --file KEY=FILE")
}

func unquotable(wrong string) error {
	return fault.New(fault.Usage, "%s", wrong).WithHint("single quotes keep a value as it is: KEY='VALUE'")
}

// envValue returns a value without its quotes, its comment, and the blanks around it.
func envValue(text string) (string, error) {
	trimmed := strings.TrimSpace(text)
	if trimmed == "" || trimmed[0] != '\'' && trimmed[0] != '"' {
		return strings.TrimSpace(beforeComment(text)), nil
	}
	value, rest, closed := strings.Cut(trimmed[1:], "'")
	if trimmed[0] == '"' {
		var err error
		if value, rest, closed, err = doubleQuoted(trimmed[1:]); err != nil {
			return "", err
		}
	}
	switch {
	case !closed:
		return "", severalLines("has an unclosed quote")
	case strings.TrimSpace(beforeComment(rest)) != "":
		return "", unquotable("has text after the closing quote")
	}
	return value, nil
}

// beforeComment returns a text up to a # that follows a blank.
func beforeComment(text string) string {
	for i := 1; i < len(text); i++ {
		if text[i] == '#' && (text[i-1] == ' ' || text[i-1] == '\t') {
			return text[:i]
		}
	}
	return text
}

// doubleQuoted reads up to the closing quote. Of the escapes, only \n and \r mean the same to all readers.
func doubleQuoted(text string) (value, rest string, closed bool, err error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return b.String(), text[i+1:], true, nil
		case text[i] != '\\':
			b.WriteByte(text[i])
		case strings.HasPrefix(text[i+1:], "n"):
			b.WriteByte('\n')
			i++
		case strings.HasPrefix(text[i+1:], "r"):
			b.WriteByte('\r')
			i++
		default:
			return "", "", false, unquotable(`has a backslash in double quotes that is not \n or \r`)
		}
	}
	return "", "", false, nil
}
