package pod

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a spec.
type Problem struct {
	// File and Line are the place in a file; empty and 0 if there is none, or if it is not known.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Path is the path of the field: "app/web spec.env.API".
	Path string `json:"path"`
	// At is the place of the field as the user named it, such as a flag. If it is set, texts have it instead of the path.
	At string `json:"-"`
	// Message says what is wrong.
	Message string `json:"message"`
	// Next is a step that solves it; the zero Next where none is known.
	Next Next `json:"next,omitzero"`
	// Refers is the resource that the field refers to, if that is missing or lacks what the field needs.
	Refers Ref `json:"-"`
}

// Problems are all problems of a spec or a file. It is an error if it is not empty.
type Problems []Problem

// Error lists all problems, one per line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// String returns the problem with its place: "app.yaml:7: app/web spec.imge: unknown field".
func (p Problem) String() string {
	text := p.Message
	if at := cmp.Or(p.At, p.Path); at != "" {
		text = at + ": " + text
	}
	switch {
	case p.File != "" && p.Line > 0:
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, text)
	case p.File != "":
		return p.File + ": " + text
	case p.Line > 0:
		return fmt.Sprintf("line %d: %s", p.Line, text)
	}
	return text
}

// Validate checks a spec as far as that is possible without a cluster. It returns nil, or Problems sorted by path.
func Validate(s Spec) error {
	all := s.clashes()
	for _, ref := range s.Refs() {
		for _, p := range s[ref].problems(ref.Name, s) {
			p.Path = ref.String() + " " + p.Path
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b Problem) int { return cmp.Compare(a.Path, b.Path) })
	return all
}

type problems []Problem

func (p *problems) add(path, format string, args ...any) {
	*p = append(*p, Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

// missing adds a problem of a reference to a resource that is not in the spec. key is the key or the file of it, or "".
func (p *problems) missing(path string, kind Kind, name, key string, s Spec) {
	p.missingIn(path, Ref{kind, name}, fmt.Sprintf("no %s named %q", kind.Word(), name), name, s.Names(kind), create(kind, name, key))
}

// create returns the step that creates a resource, or a key of a secret or a file of a config.
func create(kind Kind, name, key string) Next {
	next := Next{Do: DoCreate, Kind: kind, Name: name}
	switch kind {
	case KindSecret, KindConfig: // set creates them
		next.Do = DoSet
		if key != "" {
			next.Set = map[string]string{key: ""}
		}
	case KindApp:
		next.Set = map[string]string{"image": ""}
	case KindDisk:
		next.Set = map[string]string{"size": ""}
	case KindRoute, KindJob:
	}
	return next
}

// missingIn adds a problem of a reference, with the nearest of some names, or else the first of the steps.
func (p *problems) missingIn(path string, refers Ref, message, name string, names []string, steps ...Next) {
	if near := Nearest(name, names); near != "" {
		message += fmt.Sprintf(", did you mean %q?", near)
		steps = nil
	}
	var next Next
	if len(steps) > 0 {
		next = steps[0]
	}
	*p = append(*p, Problem{Path: path, Message: message, Refers: refers, Next: next})
}

func keys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// Nearest returns the candidate that is closest to a mistyped word, or "" if none is close.
func Nearest(word string, candidates []string) string {
	best, bestDistance := "", max(1, (len(word)+1)/3)+1 // up to a third of the word may be wrong
	for _, c := range candidates {
		d := distance(strings.ToLower(word), strings.ToLower(c))
		if d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance returns the Levenshtein distance. A swap of two neighbours counts once.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
