package main

import (
	"fmt"
	"reflect"
	"strings"
)

// special are the types whose JSON is not what their Go fields say.
var special = map[string]string{
	"io.k8s.apimachinery.pkg.apis.meta.v1.Time":       "time",
	"io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime":  "microtime",
	"io.k8s.apimachinery.pkg.apis.meta.v1.Duration":   "duration",
	"io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1":   "fields",
	"io.k8s.apimachinery.pkg.api.resource.Quantity":   "quantity",
	"io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
	"io.k8s.apimachinery.pkg.runtime.RawExtension":    "any",
	crdPackage + "JSON":                               "any",
	crdPackage + "JSONSchemaPropsOrArray":             "any",
	crdPackage + "JSONSchemaPropsOrBool":              "any",
	crdPackage + "JSONSchemaPropsOrStringArray":       "any",
}

const crdPackage = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."

func isRaw(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && special[openapiName(t)] == "any"
}

// node writes what a Go type holds. References stay full names.
func node(t reflect.Type, enums map[string][]string) (string, error) {
	switch t.Kind() {
	case reflect.Pointer:
		return node(t.Elem(), enums)
	case reflect.Struct:
		if word, is := special[openapiName(t)]; is {
			return word, nil
		}
		return openapiName(t), nil
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes", nil
		}
		element, err := node(t.Elem(), enums)
		return "[" + element + "]", err
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return "", fmt.Errorf("%s: keys that are not text", t)
		}
		value, err := node(t.Elem(), enums)
		return "{" + value + "}", err
	case reflect.String:
		if values := enums[openapiName(t)]; len(values) > 0 {
			// Words are told apart by spaces, so a value writes its own as %20.
			return "string(" + strings.ReplaceAll(strings.Join(values, "|"), " ", "%20") + ")", nil
		}
		return "string", nil
	case reflect.Bool:
		return "bool", nil
	case reflect.Int32:
		return "int32", nil
	case reflect.Int64:
		return "int64", nil
	case reflect.Float64:
		return "float", nil
	}
	return "", fmt.Errorf("%s: a type the table has no word for", t)
}
