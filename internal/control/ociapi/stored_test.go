package ociapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestStoredDocument: what an earlier lull has stored means the same for ever. The files have every field that there is; a field that
// is added is added to them, and nothing in them is changed or taken away.
func TestStoredDocument(t *testing.T) {
	t.Parallel()
	d := &document{}
	fill(reflect.ValueOf(d).Elem(), "")
	d.Version = documentVersion
	value := golden(t, "document.json", d)
	got, err := decodeDocument(balancerPrefix+d.ID, value)
	if err != nil || !reflect.DeepEqual(got, d) {
		t.Errorf("document.json: got %v\n%+v\nwant\n%+v", err, got, d)
	}

	w := &workRequest{}
	fill(reflect.ValueOf(w).Elem(), "")
	w.Version, w.Operation = workVersion, "UpdateHostname"
	w.Task.Body = json.RawMessage(`{"hostname":"h.test"}`)
	w.Task.Seed = nil // a document, as above
	value = golden(t, "workrequest.json", w)
	if got, err := decodeWork(w.key(), value); err != nil || got.Task.request.Operation.Name != "UpdateHostname" {
		t.Errorf("workrequest.json: got %v %+v", err, got)
	} else if got.Task.request = nil; !reflect.DeepEqual(got, w) {
		t.Errorf("workrequest.json: got\n%+v\nwant\n%+v", got, w)
	}
}

// golden returns what a file has without its spaces, which v must be encoded as.
func golden(t *testing.T, name string, v any) []byte {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if got = append(got, '\n'); !bytes.Equal(got, want) {
		t.Errorf("%s is not what is stored now: got\n%s", name, got)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, want); err != nil {
		t.Fatal(err)
	}
	return compact.Bytes()
}

// fill gives every field of a value something that tells of its place.
func fill(v reflect.Value, path string) {
	switch at := v.Addr().Interface().(type) {
	case *time.Time:
		*at = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
		return
	case *netip.Addr:
		*at = netip.MustParseAddr("192.0.2.1")
		return
	case *json.RawMessage:
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(path)
	case reflect.Int, reflect.Uint64:
		v.Set(reflect.ValueOf(len(path) + 7).Convert(v.Type()))
	case reflect.Uint8:
		v.SetUint(uint64(len(path)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Interface:
		v.Set(reflect.ValueOf(json.Number("1.50")))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), path+"[0]")
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), path+fmt.Sprint(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		elem := reflect.New(v.Type().Elem()).Elem()
		fill(elem, path+".k")
		v.SetMapIndex(reflect.ValueOf("k"), elem)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !(f.Name == "Seed" && strings.HasSuffix(path, "Task")) {
				fill(v.Field(i), strings.TrimPrefix(path+"."+f.Name, "."))
			}
		}
	default:
		panic(fmt.Sprintf("%s: a %v", path, v.Type()))
	}
}
