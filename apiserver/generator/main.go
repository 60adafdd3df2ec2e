// Makes the schema table of the built-in Kubernetes kinds: facts of their shape, no descriptions.
//
// Two sources that were made independently of each other by upstream's own tools are laid over each
// other, and a disagreement is an error:
//
//   - the Go types of the release, by reflection: JSON names, protobuf tags, pointers, omitempty, what is
//     inlined, strategic merge; and by their doc comments: defaults and enumerations;
//   - the release's OpenAPI v2 definitions (as the Python package kubernetes-validate ships them): what is
//     required, how server-side apply owns lists and maps, which types are kinds.
//
// Run by scripts/schema.sh. The version is pinned twice: in go.mod and in that script.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	definitions := flag.String("definitions", "", "the OpenAPI definitions, a JSON file")
	out := flag.String("out", "", "the table to write")
	release := flag.String("release", "", "the release, for the header")
	flag.Parse()
	if err := run(*definitions, *out, *release); err != nil {
		fmt.Fprintln(os.Stderr, "schema:", err)
		os.Exit(1)
	}
}

func run(definitions, out, release string) error {
	swagger, err := readDefinitions(definitions)
	if err != nil {
		return err
	}
	types, err := goTypes()
	if err != nil {
		return err
	}
	markers, err := readMarkers(types)
	if err != nil {
		return err
	}
	table, err := join(swagger, types, markers)
	if err != nil {
		return err
	}
	return os.WriteFile(out, []byte(table.text(release)), 0o644)
}
