package main

import (
	"encoding/json"
	"os"
)

// definition is a type as OpenAPI v2 tells it.
type definition struct {
	Properties map[string]property `json:"properties"`
	Required   []string            `json:"required"`
	MapType    string              `json:"x-kubernetes-map-type"`
	Kinds      []struct {
		Group, Version, Kind string
	} `json:"x-kubernetes-group-version-kind"`
}

// property is a field of a definition.
type property struct {
	ListType      string   `json:"x-kubernetes-list-type"`
	ListMapKeys   []string `json:"x-kubernetes-list-map-keys"`
	MapType       string   `json:"x-kubernetes-map-type"`
	PatchStrategy string   `json:"x-kubernetes-patch-strategy"`
	PatchMergeKey string   `json:"x-kubernetes-patch-merge-key"`
}

// readDefinitions reads the definitions by their full names.
func readDefinitions(path string) (map[string]definition, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var document struct {
		Definitions map[string]definition `json:"$defs"`
	}
	return document.Definitions, json.Unmarshal(text, &document)
}
