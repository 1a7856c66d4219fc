package view

import (
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// gap is the space between two columns.
const gap = 3

// table writes rows under a header, each column as wide as its widest cell. On a terminal a line never wraps: its end
// is cut off.
func (v *View) table(w io.Writer, header []string, rows [][]string) {
	widths := make([]int, len(header))
	all := append([][]string{header}, rows...)
	for _, row := range all {
		for i, cell := range row {
			row[i] = visible(strings.NewReplacer("\n", " ", "\t", " ").Replace(cell))
			widths[i] = max(widths[i], lipgloss.Width(row[i]))
		}
	}
	for n, row := range all {
		var line strings.Builder
		for i, cell := range row {
			if n == 0 {
				line.WriteString(dim.Render(cell))
			} else {
				line.WriteString(cell)
			}
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-lipgloss.Width(cell)+gap))
			}
		}
		fmt.Fprintln(w, v.fit(strings.TrimRight(line.String(), " ")))
	}
}

// fit cuts a line off at the edge of the terminal.
func (v *View) fit(line string) string {
	if v.width <= 0 {
		return line
	}
	return ansi.Truncate(visible(line), v.width, "…")
}

// facts writes names and values in two columns. Empty values are left out.
func (v *View) facts(w io.Writer, facts ...[2]string) {
	widest := 0
	for _, f := range facts {
		if f[1] != "" {
			widest = max(widest, lipgloss.Width(f[0]))
		}
	}
	for _, f := range facts {
		if f[1] != "" {
			value := strings.ReplaceAll(f[1], "\n", "\n"+strings.Repeat(" ", widest+gap))
			fmt.Fprintf(w, "%s%s%s\n", dim.Render(f[0]), strings.Repeat(" ", widest-lipgloss.Width(f[0])+gap), value)
		}
	}
}
