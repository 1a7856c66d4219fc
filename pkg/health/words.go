package health

import (
	"strings"
	"unicode"
)

const (
	// maxWords is how many characters of an app's own words a sentence has at most.
	maxWords = 200
	// maxReason is how many characters of a cause a reason has at most.
	maxReason = 400
)

// line turns a text into one line that a terminal can show, and cuts it.
func line(text string, most int) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// lastWords finds the most telling line at the end of a log: Go's panic, or the last line that is not part of a stack.
func lastWords(log string) string {
	said := ""
	for text := range strings.Lines(log) {
		words := strings.TrimSpace(text)
		if strings.HasPrefix(words, "panic: ") || strings.HasPrefix(words, "fatal error: ") {
			said = words
			break
		}
		if words != "" && text[0] != ' ' && text[0] != '\t' {
			said = words
		}
	}
	return line(said, maxWords)
}

// innermost removes the layers of the container runtime that wrapped a message.
func innermost(message string) string {
	message, _, _ = strings.Cut(message, "\n")
	for _, layer := range []string{"unable to start container process: ", "invalid reference format: ", "failed to resolve image: ", "failed to do request: ", "error during container init: "} {
		if _, cause, ok := strings.Cut(message, layer); ok {
			message = cause
		}
	}
	return message
}

// lastPart is the text after the last colon of a message.
func lastPart(message string) string {
	return strings.TrimSpace(message[strings.LastIndex(message, ": ")+1:])
}

// has reports whether a text contains one of the signs.
func has(text string, signs ...string) bool {
	for _, sign := range signs {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}
