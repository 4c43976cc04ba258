package sys

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"

	"lull/internal/lulltest/testca"
)

// TestTrimTLS: what a connection keeps is given back, and it works as before. It also tells that a new Go has other fields.
func TestTrimTLS(t *testing.T) {
	t.Parallel()
	if !buffers.known {
		t.Fatal("crypto/tls has no such buffers any more: look at what its connections keep now")
	}
	authority := testca.NewFor(t)
	issued := authority.IssueFor(t, testca.Request{Names: []string{"a.example"}})
	near, far := net.Pipe()
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	client := tls.Client(near, &tls.Config{RootCAs: authority.Pool(), ServerName: "a.example", DynamicRecordSizingDisabled: true})
	server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{issued.TLS}})
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<10) // a whole record
	go func() {
		for range 3 {
			_, _ = client.Write(sent)
		}
	}()
	got := make([]byte, len(sent))
	read := func(n int) {
		t.Helper()
		if _, err := io.ReadFull(server, got[:n]); err != nil || !bytes.Equal(got[:n], sent[:n]) {
			t.Fatalf("read of %d bytes: %v, or other bytes than were sent", n, err)
		}
	}
	read(len(sent) / 2)
	if freed := TrimTLS(server, 0); freed != 0 {
		t.Errorf("in the middle of a record: %d bytes were freed, want none", freed)
	}
	copy(got, sent[len(sent)/2:])
	if _, err := io.ReadFull(server, got[:len(sent)/2]); err != nil {
		t.Fatalf("read the rest: %v", err)
	}
	if freed := TrimTLS(server, 1<<20); freed != 0 {
		t.Errorf("with room to keep: %d bytes were freed, want none", freed)
	}
	if freed := TrimTLS(server, 4<<10); freed < len(sent) {
		t.Errorf("after a whole record: %d bytes were freed, want at least %d", freed, len(sent))
	}
	for range 2 {
		read(len(sent))
	}
}
