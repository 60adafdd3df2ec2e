package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
)

// row is a type of the table.
type row struct {
	name   string
	atomic bool
	kinds  []string
	fields []fieldRow
}

// fieldRow is one field: its words, as they are written.
type fieldRow struct {
	name  string
	words []string
}

type table []row

// join lays the two sources over each other. What is served is what the definitions have: Go also knows
// versions that are gone.
func join(swagger map[string]definition, types map[string]reflect.Type, markers *markers) (table, error) {
	var rows table
	for name, definition := range swagger {
		if _, is := special[name]; is {
			continue
		}
		goType, is := types[name]
		if !is {
			return nil, fmt.Errorf("%s: no Go type has this name", name)
		}
		row := row{name: name, atomic: definition.MapType == "atomic"}
		if definition.MapType != "" && !row.atomic {
			return nil, fmt.Errorf("%s: map type %q", name, definition.MapType)
		}
		for _, kind := range definition.Kinds {
			row.kinds = append(row.kinds, strings.TrimPrefix(kind.Group+"/", "/")+kind.Version+" "+kind.Kind)
		}
		sort.Strings(row.kinds)
		fields, err := joinFields(definition, goType, markers)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		row.fields = fields
		rows = append(rows, row)
	}
	sort.Slice(rows, func(i, j int) bool { return less(rows[i].name, rows[j].name) })
	return rows, nil
}

// less sorts by package, then by name.
func less(a, b string) bool {
	aPackage, aName := split(a)
	bPackage, bName := split(b)
	return aPackage < bPackage || (aPackage == bPackage && aName < bName)
}

func split(name string) (string, string) {
	at := strings.LastIndex(name, ".")
	return name[:at], name[at+1:]
}

func joinFields(definition definition, goType reflect.Type, markers *markers) ([]fieldRow, error) {
	fields, err := goFields(goType, nil, true)
	if err != nil {
		return nil, err
	}
	if len(fields) != len(definition.Properties) {
		return nil, fmt.Errorf("%d fields in Go, %d in OpenAPI", len(fields), len(definition.Properties))
	}
	if err := checkPrinted(goType, fields); err != nil {
		return nil, err
	}
	var rows []fieldRow
	for _, field := range fields {
		property, is := definition.Properties[field.json]
		if !is {
			return nil, fmt.Errorf("%s: not in OpenAPI", field.json)
		}
		if field.strategy != property.PatchStrategy || field.mergeKey != property.PatchMergeKey {
			return nil, fmt.Errorf("%s: Go and OpenAPI disagree about strategic merge", field.json)
		}
		words, err := fieldWords(field, property, slices.Contains(definition.Required, field.json), markers)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field.json, err)
		}
		rows = append(rows, fieldRow{field.json, words})
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i].name < rows[j].name })
	return rows, nil
}

// checkPrinted asks Go itself what it prints of an empty value, as what isAlwaysPrinted says is a rule.
func checkPrinted(goType reflect.Type, fields []goField) error {
	text, err := json.Marshal(reflect.Zero(goType).Interface())
	if err != nil {
		return err
	}
	var printed map[string]json.RawMessage
	if err := json.Unmarshal(text, &printed); err != nil {
		return err
	}
	for _, field := range fields {
		if _, is := printed[field.json]; is != field.always {
			return fmt.Errorf("%s: Go prints %s", field.json, text)
		}
	}
	return nil
}

func fieldWords(field goField, property property, required bool, markers *markers) ([]string, error) {
	holds, err := node(field.goType, markers.enums)
	if err != nil {
		return nil, err
	}
	tags := strings.Join(field.tags, ".")
	if tags == "" {
		tags = "-"
	}
	words := []string{tags, holds}
	add := func(is bool, word string) {
		if is {
			words = append(words, word)
		}
	}
	add(field.pointer, "pointer")
	add(field.always, "always")
	add(required, "required")
	if property.ListType != "" && property.MapType != "" {
		return nil, fmt.Errorf("a list and a map at once")
	}
	if property.ListType == "map" {
		words = append(words, "keys:"+strings.Join(property.ListMapKeys, ","))
	} else {
		add(property.ListType != "", property.ListType)
	}
	add(property.MapType != "", property.MapType)
	add(property.PatchStrategy != "", "patch:"+property.PatchStrategy)
	add(property.PatchMergeKey != "", "merge-key:"+property.PatchMergeKey)
	value, has := markers.defaults[openapiName(field.owner)+"."+field.goName]
	if has && !json.Valid([]byte(value)) {
		return nil, fmt.Errorf("the default %s is not JSON", value)
	}
	add(has, "default:"+value)
	for _, word := range words {
		if strings.ContainsAny(word, " \t\n") {
			return nil, fmt.Errorf("%q has a space in it", word)
		}
	}
	return words, nil
}
