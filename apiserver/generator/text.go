package main

import (
	"fmt"
	"strings"
)

// text writes the table. The format is read by apiserver/src/schema/load.rs, which describes it.
func (rows table) text(release string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# The built-in kinds of Kubernetes %s: facts of their shape.\n", release)
	out.WriteString("# Made by scripts/schema.sh (apiserver/generator). Do not edit; the loader describes the format.\n")
	previous := ""
	for _, row := range rows {
		name, short := split(row.name)
		if name != previous {
			fmt.Fprintf(&out, "\npackage %s\n", name)
			previous = name
		}
		out.WriteString("type " + short)
		if row.atomic {
			out.WriteString(" atomic")
		}
		out.WriteString("\n")
		for _, kind := range row.kinds {
			out.WriteString("kind " + kind + "\n")
		}
		for _, field := range row.fields {
			words := strings.Join(field.words, " ")
			// References within a package are short.
			words = shorten(words, name+".")
			out.WriteString(" " + field.name + " " + words + "\n")
		}
	}
	return out.String()
}

// shorten takes the package off references to types of the same package, not of one below it.
func shorten(words, prefix string) string {
	parts := strings.Split(words, prefix)
	var out strings.Builder
	out.WriteString(parts[0])
	for _, part := range parts[1:] {
		reference := strings.FieldsFunc(part+" ", func(c rune) bool { return strings.ContainsRune(" ]}", c) })[0]
		if strings.Contains(reference, ".") {
			out.WriteString(prefix)
		}
		out.WriteString(part)
	}
	return out.String()
}
