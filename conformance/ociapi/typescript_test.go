package ociapi

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// typescriptMax bounds the run of Oracle's TypeScript SDK, which takes a second or two to start.
const typescriptMax = time.Minute

// TestTypeScript_SIG_01_SIG_12 leads Oracle's TypeScript SDK through a life cycle, with the configuration of the first start. It signs
// other headers than the one for Go. The script run installs it where npm can be reached.
func TestTypeScript_SIG_01_SIG_12(t *testing.T) {
	t.Parallel()
	l := serve(t)
	modules := os.Getenv("OCI_TYPESCRIPT")
	if modules == "" {
		t.Skip("OCI_TYPESCRIPT does not name a directory with Oracle's TypeScript SDK: npm cannot be reached, or there is no node")
	}
	backend, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })}
	go func() { _ = server.Serve(backend) }()
	t.Cleanup(func() { server.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), typescriptMax)
	defer cancel()
	_, port, _ := net.SplitHostPort(backend.Addr().String())
	// The script lies beside the modules, where node looks for them.
	out, err := exec.CommandContext(ctx, "node", filepath.Join(modules, "life.js"), filepath.Join(l.Path, "lull-data", "oci", "config"), "http://"+l.api, port).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"CreateLoadBalancer\n", "the listener answers\n", "UpdateListener: 412 NoEtagMatch\n", "GetLoadBalancer: 404 NotAuthorizedOrNotFound\n"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("got %s, want %q in it", out, want)
		}
	}
}
