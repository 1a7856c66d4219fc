package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

// typed returns an error in the words that the user typed: a problem of the resource that the command names has the flag or the
// argument instead of the path of the field.
//
//	app/api spec.autoscale.max: must be min (4) to 10000, is 1
//	--autoscale 4-1: max must be min (4) to 10000, is 1
func typed(cmd *cobra.Command, err error) error {
	var problems pod.Problems
	if cmd == nil || cmd.Parent() == nil || errors.As(err, new(*fault.Error)) || !errors.As(err, &problems) {
		return err
	}
	kind, unknown := parseKind(cmd.Parent().Name())
	if unknown != nil {
		return err
	}
	ref := pod.Ref{Kind: kind, Name: cmd.Flags().Arg(0)}
	all := slices.Clone(problems)
	for i, p := range all {
		if path, ok := strings.CutPrefix(p.Path, ref.String()+" "); ok && p.File == "" && p.Line == 0 {
			if word, part := typedWord(cmd, kind, path); word != "" {
				all[i].At, all[i].Message = word, part+p.Message
			}
		}
	}
	return reworded{strings.Replace(err.Error(), problems.Error(), all.Error(), 1), all, err}
}

// typedWord returns the flag and the value, or the argument, that set a field, or "" if none did. part is the part of the value
// that the path is about, before a message, or "".
func typedWord(cmd *cobra.Command, kind pod.Kind, path string) (word, part string) {
	if path == "metadata.name" {
		return "NAME", ""
	}
	field, rest := strings.TrimPrefix(path, "spec."), ""
	if i := strings.IndexAny(field, ".["); i >= 0 {
		field, rest = field[:i], field[i:]
	}
	item := strings.TrimPrefix(strings.TrimPrefix(rest, ".headers"), ".")
	if strings.HasPrefix(rest, "[") {
		item, _, _ = strings.Cut(rest[1:], "]")
	}
	var only string // a flag with one value may be the one even if it does not name the item
	for _, name := range fieldFlags(kind, field, rest) {
		flag := cmd.Flags().Lookup(name)
		if flag == nil || !flag.Changed {
			continue
		}
		if field == "autoscale" && item != "" { // several numbers are one value
			part = item + " "
		}
		value, exact := typedValue(flag, item)
		if name == "env" || strings.HasSuffix(name, "-header") { // the value may be confidential
			value, _, _ = strings.Cut(value, "=")
		}
		word := "--" + name + " " + value
		if exact {
			return word, part
		}
		only = word
	}
	if only != "" && field != "env" {
		return only, part
	}
	for _, arg := range cmd.Flags().Args()[1:] {
		if name, _, _ := strings.Cut(arg, "="); name == item || kind == pod.KindApp && field == "instances" {
			return arg, ""
		}
	}
	return "", ""
}

// typedValue returns the values of a flag, or that of them which is about an item of a list or map. It is exact unless none is.
func typedValue(flag *pflag.Flag, item string) (value string, exact bool) {
	list, ok := flag.Value.(pflag.SliceValue)
	if !ok {
		return flag.Value.String(), true
	}
	for _, value := range list.GetSlice() {
		if name, _, _ := strings.Cut(value, "="); strings.TrimSuffix(name, "-") == item {
			return value, true
		}
	}
	return strings.Join(list.GetSlice(), " "), item == ""
}

// fieldFlags returns the names of the flags that can set a field of a resource. rest is the path below the field.
func fieldFlags(kind pod.Kind, field, rest string) []string {
	switch field {
	case "env":
		return []string{"env", "env-secret", "env-app", "env-config", "env-template", "env-instance"}
	case "envFrom":
		return []string{"env-from"}
	case "files", "disks", "scratch":
		return []string{"mount"}
	case "health", "liveness":
		for _, part := range []string{"command", "header", "port", "timeout", "every"} {
			if strings.HasPrefix(rest, "."+part) {
				return []string{field + "-" + part}
			}
		}
		return []string{field, field + "-command"}
	case "processes":
		if strings.HasSuffix(rest, ".image") {
			return []string{"process-image"}
		}
		return []string{"process"}
	case "args":
		return []string{"arg"}
	case "rules":
		return []string{"to", "path"}
	case "instances":
		return []string{"instances"}
	}
	flag, _ := fieldFlag(kind, field)
	return []string{strings.TrimPrefix(strings.TrimSpace(flag), "--")}
}
