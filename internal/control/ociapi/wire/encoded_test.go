package wire

import (
	"bytes"
	"net/http/httptest"
	"strconv"
	"testing"
)

// TestEncodedMembers: a list of members that were encoded one by one is the same to the byte as one that was encoded at once.
func TestEncodedMembers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		operation string
		lists     []any
		members   func(list any) []any
	}{
		{"ListLoadBalancers", []any{
			[]LoadBalancer{}, []LoadBalancer{{ID: "a", TimeCreated: sampleTime}}, []LoadBalancer{{ID: "a"}, {ID: "b", Listeners: map[string]Listener{"l": {}}}},
		}, anyOf[LoadBalancer]},
		{"ListHostnames", []any{[]Hostname{}, []Hostname{{"a", "b"}}, []Hostname{{"a", "b"}, {"c", "d"}}}, anyOf[Hostname]},
	} {
		op := operationCalled(t, c.operation)
		for _, list := range c.lists {
			whole, err := Encode(op, "id", list)
			if err != nil {
				t.Fatal(err)
			}
			members := []Encoded{}
			for _, m := range c.members(list) {
				e, err := EncodeMember(op, m)
				if err != nil {
					t.Fatal(err)
				}
				members = append(members, e)
			}
			parts, err := Encode(op, "id", members)
			if err != nil || !bytes.Equal(written(t, parts), written(t, whole)) {
				t.Errorf("%s: got %v\n%s\nwant\n%s", c.operation, err, written(t, parts), whole.Body)
			}
		}
	}
	if _, err := EncodeMember(operationCalled(t, "GetHostname"), Hostname{}); err == nil {
		t.Error("a member of what is no list: got no error")
	}
	if _, err := EncodeMember(operationCalled(t, "ListHostnames"), Backend{}); err == nil {
		t.Error("a member of another list: got no error")
	}
	if _, err := Encode(operationCalled(t, "GetHostname"), "id", []Encoded{}); err == nil {
		t.Error("members for what is no list: got no error")
	}
}

// written returns the body that a client gets, whose length it was told before.
func written(t *testing.T, r Response) []byte {
	t.Helper()
	recorder := httptest.NewRecorder()
	if err := r.Write(recorder); err != nil {
		t.Fatal(err)
	}
	if told := recorder.Header().Get("Content-Length"); told != strconv.Itoa(recorder.Body.Len()) {
		t.Errorf("got %d bytes, told %s", recorder.Body.Len(), told)
	}
	return recorder.Body.Bytes()
}

func anyOf[T any](list any) (members []any) {
	for _, m := range list.([]T) {
		members = append(members, m)
	}
	return members
}

func operationCalled(t *testing.T, name string) *Operation {
	t.Helper()
	for _, o := range operations {
		if o.Name == name {
			return o
		}
	}
	t.Fatalf("there is no operation %s", name)
	return nil
}
