package cli

import (
	"cmp"
	"errors"
	"path/filepath"
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
		of, path, _ := strings.Cut(p.Path, " ")
		if p.File != "" || p.Line != 0 {
			continue
		}
		switch of {
		case ref.String():
			if word, part := typedWord(cmd, kind, path); word != "" {
				all[i].At, all[i].Message = word, part+p.Message
			}
		case pod.Ref{Kind: pod.KindRoute, Name: ref.Name}.String(): // psc app create --route creates it
			if route := cmd.Flags().Lookup("route"); route != nil && route.Changed {
				all[i].At = "--route"
				if route.Value.String() != defaultHost {
					all[i].At += " " + route.Value.String()
				}
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
		value, exact := typedValue(cmd, flag, item)
		if name == "env" || strings.HasSuffix(name, "-header") { // the value may be confidential
			value, _, _ = strings.Cut(value, "=")
		}
		word := strings.TrimSpace("--" + name + " " + value)
		if exact {
			return word, part
		}
		only = word
	}
	if only != "" && field != "env" && field != "keys" {
		return only, part
	}
	return typedArg(cmd.Flags().Args()[1:], kind, field, item), ""
}

// typedArg returns the argument that sets a field or an item of it, or "".
func typedArg(args []string, kind pod.Kind, field, item string) string {
	for _, arg := range args {
		if name, _, _ := strings.Cut(arg, "="); name == item || kind == pod.KindApp && field == "instances" {
			return arg
		}
		if kind != pod.KindConfig {
			continue
		}
		if filepath.Base(arg) == item {
			return arg
		}
		if file := filepath.Join(arg, item); exists(file) { // arg is a folder
			return file
		}
	}
	return ""
}

// typedValue returns the values of a flag, or that of them which is about an item of a list or map. It is exact unless none is.
func typedValue(cmd *cobra.Command, flag *pflag.Flag, item string) (value string, exact bool) {
	list, ok := flag.Value.(pflag.SliceValue)
	if !ok {
		return flag.Value.String(), flag.Name != "path" || flag.Value.String() == item
	}
	for _, value := range list.GetSlice() {
		name, _, _ := strings.Cut(value, "=")
		if flag.Name == "to" { // of a route: PATH:APP, or APP with --path or /
			if name, _, _ = strings.Cut(value, ":"); !strings.HasPrefix(value, "/") {
				name = cmp.Or(cmd.Flags().Lookup("path").Value.String(), "/")
			}
		}
		if name == item || strings.TrimSuffix(name, "-") == item {
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
		return []string{field, field + "-command", field + "-header", field + "-port", field + "-timeout", field + "-every"}
	case "processes":
		if strings.HasSuffix(rest, ".image") {
			return []string{"process-image"}
		}
		return []string{"process"}
	case "args":
		return []string{"arg"}
	case "rules":
		if strings.Contains(rest, "].to") {
			return []string{"to"}
		}
		return []string{"path", "to"}
	case "keys":
		return []string{"file"}
	case "instances":
		return []string{"instances"}
	}
	flag, _ := fieldFlag(kind, field)
	return []string{strings.TrimPrefix(strings.TrimSpace(flag), "--")}
}
