package main

import (
	"fmt"
	"reflect"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// goTypes finds every structure that a registered kind reaches, by its OpenAPI name.
func goTypes() (map[string]reflect.Type, error) {
	known := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		scheme.AddToScheme, apiextensions.AddToScheme, apiregistration.AddToScheme,
	} {
		if err := add(known); err != nil {
			return nil, err
		}
	}
	found := map[string]reflect.Type{}
	for _, kind := range known.AllKnownTypes() {
		reach(kind, found)
	}
	// Definitions that are answers or bodies without being registered kinds.
	for _, other := range []any{
		meta.APIGroup{}, meta.APIGroupList{}, meta.APIResourceList{}, meta.APIVersions{},
		meta.Patch{}, meta.Status{}, version.Info{},
	} {
		reach(reflect.TypeOf(other), found)
	}
	return found, nil
}

// reach adds a type and those of its fields.
func reach(t reflect.Type, found map[string]reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		reach(t.Elem(), found)
	case reflect.Struct:
		name := openapiName(t)
		if _, done := found[name]; done {
			return
		}
		found[name] = t
		for i := range t.NumField() {
			if field := t.Field(i); field.IsExported() {
				reach(field.Type, found)
			}
		}
	}
}

// openapiName is the name of a Go type in OpenAPI: k8s.io/api/core/v1.Pod is io.k8s.api.core.v1.Pod.
func openapiName(t reflect.Type) string {
	return openapiPackage(t.PkgPath()) + "." + t.Name()
}

func openapiPackage(path string) string {
	host, rest, _ := strings.Cut(path, "/")
	labels := strings.Split(host, ".")
	for i, j := 0, len(labels)-1; i < j; i, j = i+1, j-1 {
		labels[i], labels[j] = labels[j], labels[i]
	}
	if rest == "" {
		return strings.Join(labels, ".")
	}
	return strings.Join(labels, ".") + "." + strings.ReplaceAll(rest, "/", ".")
}

// goField is a field as Go tells it. Fields of inlined structures come as siblings.
type goField struct {
	json     string
	tags     []string
	goType   reflect.Type
	pointer  bool
	always   bool
	strategy string
	mergeKey string
	// Where its doc comment is found.
	owner  reflect.Type
	goName string
}

// goFields lists the fields of a structure. `above` are the protobuf tags on the way to it; `onWire` is
// false for structures that protobuf does not have (TypeMeta).
func goFields(t reflect.Type, above []string, onWire bool) ([]goField, error) {
	var found []goField
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" || !field.IsExported() {
			continue
		}
		tag := protobufTag(field)
		path := append(append([]string{}, above...), tag)
		isOnWire := onWire && tag != ""
		if name == "" {
			if !field.Anonymous || field.Type.Kind() != reflect.Struct {
				return nil, fmt.Errorf("%s.%s has no JSON name", t, field.Name)
			}
			inner, err := goFields(field.Type, path, isOnWire)
			if err != nil {
				return nil, err
			}
			found = append(found, inner...)
			continue
		}
		if !isOnWire {
			path = nil
		}
		found = append(found, goField{
			json:     name,
			tags:     path,
			goType:   field.Type,
			pointer:  field.Type.Kind() == reflect.Pointer && !isRaw(field.Type.Elem()),
			always:   isAlwaysPrinted(field.Type, options),
			strategy: field.Tag.Get("patchStrategy"),
			mergeKey: field.Tag.Get("patchMergeKey"),
			owner:    t,
			goName:   field.Name,
		})
	}
	return found, nil
}

// protobufTag is the number in a tag like `protobuf:"bytes,1,opt,name=metadata"`.
func protobufTag(field reflect.StructField) string {
	parts := strings.Split(field.Tag.Get("protobuf"), ",")
	if len(parts) < 2 {
		return ""
	}
	return parts[1]
}

// isAlwaysPrinted tells whether encoding/json prints a field that is empty. It never takes a structure
// for empty; omitzero asks the value itself.
func isAlwaysPrinted(t reflect.Type, options string) bool {
	words := map[string]bool{}
	for _, word := range strings.Split(options, ",") {
		words[word] = true
	}
	return !words["omitzero"] && (!words["omitempty"] || t.Kind() == reflect.Struct)
}
