package view

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

const (
	// gap is the space between two columns.
	gap = 3
	// A column whose text is too long wraps it inside the column, if that takes few lines and the column is not too narrow.
	minColumn, maxWrapped = 30, 3
)

// table writes rows under a header, each column as wide as its widest cell. It leaves out columns without a value. Where a
// terminal is too narrow, nothing is cut off: the last column wraps, and those without room follow below the row.
func (v *View) table(w io.Writer, header []string, rows [][]string) {
	newGrid(header, rows).write(w, v.width, true)
}

// write writes the rows, and the header unless another table above has it.
func (g grid) write(w io.Writer, width int, withHeader bool) {
	inRow := g.fit(width)
	for n, row := range g.rows {
		if n == 0 && !withHeader {
			continue
		}
		line, column := "", 0
		for i, cell := range row[:inRow] {
			if i == inRow-1 {
				line += Wrap(cell, column, column, width)
				break
			}
			line += pad(cell, g.widths[i]+gap)
			column += g.widths[i] + gap
		}
		line = strings.TrimRight(line, " ")
		if n == 0 {
			fmt.Fprintln(w, dim.Render(line))
			continue
		}
		fmt.Fprintln(w, line)
		for i, cell := range row[inRow:] {
			if cell != "" {
				fmt.Fprintln(w, "  "+Wrap(dim.Render(strings.ToLower(g.rows[0][inRow+i])+":")+" "+cell, 2, 4, width))
			}
		}
	}
}

// grid has the header and the rows of a table, and the widths of its columns.
type grid struct {
	rows   [][]string
	widths []int
}

func newGrid(header []string, rows [][]string) grid {
	all := append([][]string{header}, rows...)
	g := grid{rows: make([][]string, len(all))}
	for i := range header {
		if i > 0 && !slices.ContainsFunc(rows, func(row []string) bool { return row[i] != "" }) {
			continue
		}
		widest := 0
		for n, row := range all {
			cell := visible(strings.NewReplacer("\n", " ", "\t", " ").Replace(row[i]))
			g.rows[n], widest = append(g.rows[n], cell), max(widest, ansi.StringWidth(cell))
		}
		g.widths = append(g.widths, widest)
	}
	return g
}

// fit returns how many columns a terminal has room for. The last one of them may have to wrap.
func (g grid) fit(width int) int {
	room := width
	for i, widest := range g.widths {
		if width <= 0 || widest <= room {
			room -= widest + gap
			continue
		}
		if i > 0 && (room < minColumn || widest > maxWrapped*room || g.longestWord(i) > room) {
			return i
		}
		return i + 1
	}
	return len(g.widths)
}

func (g grid) longestWord(column int) int {
	longest := 0
	for _, row := range g.rows {
		for _, word := range strings.Fields(row[column]) {
			longest = max(longest, ansi.StringWidth(word))
		}
	}
	return longest
}

// leastWidth is the width that a wrapped text has at least.
const leastWidth = 20

// Wrap fills lines up to a width with the words of a text that begins in a column, and indents the lines after the first one.
// With a width of 0 it returns the text. A word stays whole, because it may be an address to copy.
func Wrap(text string, column, indent, width int) string {
	if width <= 0 || column+ansi.StringWidth(text) <= width && !strings.Contains(text, "\n") {
		return text
	}
	var out strings.Builder
	for i, word := range strings.Fields(text) {
		size := ansi.StringWidth(word)
		switch {
		case i == 0:
		case column+1+size > max(width, indent+leastWidth):
			out.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			out.WriteString(" ")
			column++
		}
		out.WriteString(word)
		column += size
	}
	return out.String()
}

// facts writes names and values in two columns. Empty values are left out.
func (v *View) facts(w io.Writer, facts ...[2]string) {
	facts = slices.DeleteFunc(slices.Clone(facts), func(f [2]string) bool { return f[1] == "" })
	column := 0
	for _, f := range facts {
		column = max(column, ansi.StringWidth(f[0])+gap)
	}
	for _, f := range facts {
		lines := strings.Split(f[1], "\n")
		for i, line := range lines {
			lines[i] = Wrap(visible(line), column, column, v.width)
		}
		fmt.Fprintln(w, pad(dim.Render(f[0]), column)+strings.Join(lines, "\n"+strings.Repeat(" ", column)))
	}
}
