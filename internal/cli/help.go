package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/view"
)

// The help of a command has its flags in sections, in the order in which the command defines them: the most used ones first.
const (
	sectionImage       = "Image"
	sectionRouting     = "Routing"
	sectionEnvironment = "Environment"
	sectionFiles       = "Files"
	sectionMounts      = "Files and disks"
	sectionDisk        = "Disk"
	sectionScale       = "Scale"
	sectionHealth      = "Health"
	sectionProcesses   = "Processes"
	sectionStop        = "Start and stop"
	sectionDeploy      = "Deploy"
)

// sectionKey is the annotation of a flag with the title of its section.
const sectionKey = "psc.section"

// section adds flags to a section of a command's help. A command with more than a handful of flags has all of them in sections.
func section(cmd *cobra.Command, title string, define func(*pflag.FlagSet)) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.SortFlags, cmd.Flags().SortFlags = false, false
	define(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		f.Annotations = map[string][]string{sectionKey: {title}}
		cmd.Flags().AddFlag(f)
	})
}

// sectionOf returns the title of a flag's section, or "" if it is in none.
func sectionOf(f *pflag.Flag) string {
	if titles := f.Annotations[sectionKey]; len(titles) > 0 {
		return titles[0]
	}
	return ""
}

// helpWidth is the width of help that does not go to a terminal, and the most that is read with ease.
const helpWidth = 100

// writeHelp writes the help of a command.
func (s *session) writeHelp(cmd *cobra.Command, _ []string) {
	width := view.Width(s.Out)
	if width <= 0 || width > helpWidth {
		width = helpWidth
	}
	_, _ = io.WriteString(cmd.OutOrStdout(), helpText(cmd, width)) // view.Output keeps the error
}

// helpText returns the help of a command in lines of at most a width, except for its examples.
func helpText(cmd *cobra.Command, width int) string {
	var out strings.Builder
	long := cmd.Long
	if long == "" {
		long = cmd.Short
	}
	for i, paragraph := range strings.Split(long, "\n\n") {
		if i > 0 {
			out.WriteString("\n")
		}
		out.WriteString(view.Wrap(paragraph, 0, 0, width) + "\n")
	}
	out.WriteString("\nUsage:\n  " + cmd.UseLine() + "\n")
	if cmd.Example != "" {
		out.WriteString("\nExamples:\n" + cmd.Example + "\n")
	}
	out.WriteString(commandText(cmd, width))
	out.WriteString(flagText(cmd, width))
	if cmd.HasParent() {
		out.WriteString("\nFlags that every command takes: psc --help\n")
	}
	return out.String()
}

// commandText lists the commands below a command, in their groups.
func commandText(cmd *cobra.Command, width int) string {
	groups := cmd.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{Title: "Commands:"}}
	}
	text := ""
	for _, g := range groups {
		var rows [][2]string
		for _, c := range cmd.Commands() {
			if c.GroupID == g.ID && (c.IsAvailableCommand() || c.Name() == "help") {
				rows = append(rows, [2]string{"  " + c.Name(), c.Short})
			}
		}
		if len(rows) > 0 {
			text += "\n" + g.Title + "\n" + table(rows, cmd.Commands()[0].NamePadding()+3, width)
		}
	}
	return text
}

// FlagText returns the sections of a command's own flags, for its page.
func FlagText(cmd *cobra.Command) string { return strings.TrimPrefix(flagText(cmd, helpWidth), "\n") }

// flagText lists the flags of a command in their sections.
func flagText(cmd *cobra.Command, width int) string {
	var titles []string
	rows := map[string][][2]string{}
	column := 0
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		title := sectionOf(f)
		if rows[title] == nil {
			titles = append(titles, title)
		}
		left, usage := flagWords(f)
		column = max(column, len(left)+3)
		rows[title] = append(rows[title], [2]string{left, usage})
	})
	text := ""
	for _, title := range titles {
		heading := title
		switch {
		case title == "" && cmd.HasParent():
			heading = "Flags"
		case title == "":
			heading = "Flags of every command"
		}
		text += "\n" + heading + ":\n" + table(rows[title], column, width)
	}
	return text
}

// flagWords returns how a flag is written, and what it does.
func flagWords(f *pflag.Flag) (left, usage string) {
	left = "      --" + f.Name
	if f.Shorthand != "" {
		left = "  -" + f.Shorthand + ", --" + f.Name
	}
	value, usage := pflag.UnquoteUsage(f)
	switch {
	case value != "" && f.NoOptDefVal != "":
		left += "[=" + value + "]"
	case value != "":
		left += " " + value
	}
	switch f.DefValue {
	case "", "false", "[]", "0", "0s":
	default:
		usage += " (default " + shortTime(f.DefValue) + ")"
	}
	return left, usage
}

// shortTime returns a time without the parts that are zero: 10m for 10m0s. Other values stay as they are.
func shortTime(value string) string {
	if _, err := time.ParseDuration(value); err != nil {
		return value
	}
	if short, zero := strings.CutSuffix(value, "m0s"); zero {
		value = short + "m"
	}
	if short, zero := strings.CutSuffix(value, "h0m"); zero {
		value = short + "h"
	}
	return value
}

// table writes rows of two columns. The second one begins at a column, and is wrapped.
func table(rows [][2]string, column, width int) string {
	text := ""
	for _, row := range rows {
		text += fmt.Sprintf("%-*s%s\n", column, row[0], view.Wrap(row[1], column, column, width))
	}
	return text
}
