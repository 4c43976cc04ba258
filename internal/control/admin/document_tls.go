package admin

import (
	"time"

	"lull/internal/dataplane/record"
	"lull/internal/dataplane/tlspolicy"
)

// TLS is what is known of TLS on both sides; all of it is absent on plain connections.
type TLS struct {
	Version       string   `json:"tls_version,omitempty"` // "TLSv1.3"; absent if the handshake has not succeeded
	Cipher        string   `json:"tls_cipher,omitempty"`  // by its OpenSSL name
	Resumed       bool     `json:"tls_resumed,omitempty"`
	Handshake     *Seconds `json:"tls_handshake_s,omitempty"`
	ServerName    string   `json:"tls_server_name,omitempty"` // that the client asked for
	ClientSubject string   `json:"tls_client_subject,omitempty"`

	BackendVersion    string   `json:"backend_tls_version,omitempty"`
	BackendCipher     string   `json:"backend_tls_cipher,omitempty"`
	BackendServerName string   `json:"backend_tls_server_name,omitempty"` // that lull asked for
	BackendSubject    string   `json:"backend_tls_subject,omitempty"`
	BackendResumed    bool     `json:"backend_tls_resumed,omitempty"`
	BackendHandshake  *Seconds `json:"backend_tls_handshake_s,omitempty"`

	Fault string `json:"tls_fault,omitempty"` // why a handshake failed, or which rule was broken
}

// tlsOf translates what a record knows.
func tlsOf(s *record.Secured) TLS {
	t := TLS{
		ServerName:    bounded(s.Front.ServerName, record.NameMax),
		ClientSubject: bounded(s.Front.Subject, record.TextMax),
		Fault:         bounded(s.Fault, record.TextMax),
	}
	if front := &s.Front; front.Version != 0 {
		t.Version, t.Cipher = tlspolicy.VersionName(front.Version), tlspolicy.SuiteName(front.Suite)
		t.Resumed, t.Handshake = front.Resumed, since(front.Took, time.Microsecond)
	}
	if back := &s.Back; back.Version != 0 {
		t.BackendVersion, t.BackendCipher = tlspolicy.VersionName(back.Version), tlspolicy.SuiteName(back.Suite)
		t.BackendServerName, t.BackendSubject = bounded(back.ServerName, record.NameMax), bounded(back.Subject, record.TextMax)
		t.BackendResumed, t.BackendHandshake = back.Resumed, since(back.Took, time.Microsecond)
	}
	return t
}

// bounded cuts a text that a stranger sent as the access log does, also where a record was made without that care.
func bounded(text string, most int) string { return text[:min(len(text), most)] }
