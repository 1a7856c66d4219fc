package cli

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/pscdev/psc/pkg/pod"
)

// nextWords describes a next step: its note, and the command to paste. Values to choose are in capitals.
func nextWords(n pod.Next) string {
	command := nextCommand(n)
	if n.Note == "" || command == "" {
		return n.Note + command
	}
	return n.Note + ": " + command
}

// nextCommand returns the command of a next step, or "" if there is none.
func nextCommand(n pod.Next) string {
	kind, name := n.Kind.Word(), cmp.Or(n.Name, "NAME")
	switch n.Do {
	case pod.DoSet, pod.DoClear:
		return "psc " + kind + " set " + name + fieldArgs(n)
	case pod.DoScale:
		return "psc app scale " + name + fieldArgs(n)
	case pod.DoCreate:
		return "psc " + kind + " create " + name + fieldArgs(n)
	case pod.DoEdit:
		return "psc edit " + kind + "/" + name
	case pod.DoShow:
		return "psc " + kind + " show " + name
	case pod.DoLogs:
		return "psc run logs " + name
	case pod.DoList:
		return "psc " + kind + " list"
	case pod.DoDeploy:
		return "psc deploy"
	case pod.DoRedeploy:
		return "psc deploy --redeploy"
	case pod.DoDrift:
		return "psc diff --live"
	case pod.DoAsk, pod.DoOutside:
	}
	return ""
}

// fieldArgs returns the arguments for the fields of a next step, each after a space.
func fieldArgs(n pod.Next) string {
	args := ""
	for _, field := range slices.Sorted(maps.Keys(n.Set)) {
		flag, choice := fieldFlag(n.Kind, field)
		if n.Do == pod.DoClear {
			choice = "-"
		}
		args += strings.TrimRight(flag+" "+cmp.Or(n.Set[field], choice), " ")
	}
	switch {
	case args != "":
	case n.Kind == pod.KindSecret:
		args = " KEY"
	case n.Kind == pod.KindConfig:
		args = " FILE"
	}
	if n.Deploy {
		args += " --deploy"
	}
	return args
}

// fieldFlag returns the flag of a field, after a space, and a placeholder for a value that the user has to choose.
func fieldFlag(kind pod.Kind, field string) (flag, choice string) {
	if kind == pod.KindSecret || kind == pod.KindConfig { // psc asks for the values, and reads the files
		return " " + field, ""
	}
	switch field {
	case "command":
		return " --command", "PATH"
	case "cpu", "memory", "cpuLimit":
		return flagOf(field), "AMOUNT"
	case "health.path", "liveness.path":
		return flagOf(strings.TrimSuffix(field, ".path")), "/PATH"
	case "health", "liveness":
		return flagOf(field), "CHECK"
	case "health.command", "liveness.command":
		return flagOf(field), "WORD"
	case "health.headers.Host", "liveness.headers.Host":
		return flagOf(strings.TrimSuffix(field, ".headers.Host")) + "-header", "Host=HOST"
	case "capabilities":
		return " --capability", "NAME"
	case "hosts":
		return " --host", "HOST"
	case "instances": // the command of DoScale takes it without a flag
		return "", "N"
	case "ports":
		return " --port", "PORT"
	case "scratch":
		return " --mount", "PATH=scratch/SIZE"
	case "shared":
		return " --shared", ""
	case "startGrace", "health.timeout", "liveness.timeout":
		return flagOf(field), "TIME"
	case "timeout":
		return " --time-limit", "TIME"
	case "user":
		return " --user", "UID"
	}
	return flagOf(field), strings.ToUpper(field)
}

// flagOf returns the flag that has the name of a field, after a space: " --start-grace".
func flagOf(field string) string {
	var flag strings.Builder
	for _, r := range field {
		switch {
		case r == '.':
			flag.WriteByte('-')
		case unicode.IsUpper(r):
			flag.WriteByte('-')
			flag.WriteRune(unicode.ToLower(r))
		default:
			flag.WriteRune(r)
		}
	}
	return " --" + flag.String()
}
