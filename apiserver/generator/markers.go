package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// markers are the facts that stand in doc comments alone.
type markers struct {
	// Values by the OpenAPI name of a type that is marked as an enumeration.
	enums map[string][]string
	// JSON text by the OpenAPI name of a structure, a dot, and the Go name of its field.
	defaults map[string]string
}

// readMarkers reads the comments of every package that has one of the types.
func readMarkers(types map[string]reflect.Type) (*markers, error) {
	packages := map[string]bool{}
	for _, t := range types {
		if strings.Contains(t.PkgPath(), "/") {
			packages[t.PkgPath()] = true
		}
	}
	arguments := []string{"list", "-f", "{{.ImportPath}} {{.Dir}}"}
	for path := range packages {
		arguments = append(arguments, path)
	}
	listed, err := exec.Command("go", arguments...).Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	found := &markers{enums: map[string][]string{}, defaults: map[string]string{}}
	for _, line := range strings.Split(strings.TrimSpace(string(listed)), "\n") {
		path, directory, _ := strings.Cut(line, " ")
		if err := found.readPackage(openapiPackage(path), directory); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (m *markers) readPackage(name, directory string) error {
	sources, err := filepath.Glob(filepath.Join(directory, "*.go"))
	if err != nil {
		return err
	}
	constants := &constants{byName: map[string]string{}, byType: map[string][]string{}}
	var files []*ast.File
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		files = append(files, file)
		constants.read(file)
	}
	for _, file := range files {
		for _, declaration := range file.Decls {
			if general, is := declaration.(*ast.GenDecl); is && general.Tok == token.TYPE {
				if err := m.readTypes(name, general, constants); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (m *markers) readTypes(name string, general *ast.GenDecl, constants *constants) error {
	for _, spec := range general.Specs {
		spec := spec.(*ast.TypeSpec)
		full := name + "." + spec.Name.Name
		if _, is := marker("enum", general.Doc, spec.Doc); is {
			values := constants.byType[spec.Name.Name]
			sort.Strings(values)
			m.enums[full] = values
		}
		structure, is := spec.Type.(*ast.StructType)
		if !is {
			continue
		}
		for _, field := range structure.Fields.List {
			text, is := marker("default=", field.Doc)
			if !is {
				continue
			}
			if constant, is := strings.CutPrefix(text, "ref("); is {
				value, known := constants.byName[strings.TrimSuffix(constant, ")")]
				if !known {
					return fmt.Errorf("%s: the default %s is no constant of its package", full, text)
				}
				text = strconv.Quote(value)
			}
			for _, goName := range field.Names {
				m.defaults[full+"."+goName.Name] = text
			}
		}
	}
	return nil
}

// marker is what follows `+name` on a line of its own in one of the comments.
func marker(name string, comments ...*ast.CommentGroup) (string, bool) {
	for _, comment := range comments {
		if comment == nil {
			continue
		}
		for _, line := range comment.List {
			text := strings.TrimSpace(strings.TrimPrefix(line.Text, "//"))
			if rest, is := strings.CutPrefix(text, "+"+name); is && (rest == "" || strings.HasSuffix(name, "=")) {
				return strings.TrimSpace(rest), true
			}
		}
	}
	return "", false
}

// constants are the text constants of a package.
type constants struct {
	byName map[string]string
	byType map[string][]string
}

func (c *constants) read(file *ast.File) {
	for _, declaration := range file.Decls {
		general, is := declaration.(*ast.GenDecl)
		if !is || general.Tok != token.CONST {
			continue
		}
		for _, spec := range general.Specs {
			spec := spec.(*ast.ValueSpec)
			for i, name := range spec.Names {
				if i < len(spec.Values) {
					c.add(name.Name, spec.Type, spec.Values[i])
				}
			}
		}
	}
}

func (c *constants) add(name string, declared, value ast.Expr) {
	if call, is := value.(*ast.CallExpr); is && len(call.Args) == 1 {
		declared, value = call.Fun, call.Args[0]
	}
	literal, is := value.(*ast.BasicLit)
	if !is || literal.Kind != token.STRING {
		return
	}
	text, err := strconv.Unquote(literal.Value)
	if err != nil {
		return
	}
	c.byName[name] = text
	if declared, is := declared.(*ast.Ident); is {
		c.byType[declared.Name] = append(c.byType[declared.Name], text)
	}
}
