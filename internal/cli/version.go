package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"lull/internal/control/admin"
)

// What the linker may set: -ldflags '-X lull/internal/cli.version=… -X lull/internal/cli.commit=…'.
//
//nolint:gochecknoglobals // the linker sets nothing else
var (
	version = "dev"
	commit  = ""
)

// versionInfo is what `lull version` tells.
type versionInfo struct {
	Version  string          `json:"version"`
	Commit   string          `json:"commit"` // "unknown" when the build recorded none
	Go       string          `json:"go"`
	Platform string          `json:"platform"`
	Kernel   string          `json:"kernel"`          // release; empty if that cannot be read
	Features []kernelFeature `json:"kernel_features"` // null without a release
}

// kernelFeature is something of the kernel that lull makes use of.
type kernelFeature struct {
	Name      string `json:"name"`
	Since     string `json:"since"` // the first Linux release that has it
	Available bool   `json:"available"`
}

func newVersion(e *env) *cobra.Command {
	var asJSON bool
	var socket string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print version, commit, Go version and the kernel features in use",
		Long: "Prints version, commit, Go version and the kernel features in use: of this program, or with --socket those of a\n" +
			"lull that runs, which may have been started from another one.",
		Args: between(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			if socket != "" {
				q := question{socket: socket, asJSON: asJSON}
				return q.ask(func(client *admin.Client) error { return runningVersion(e, client, asJSON) })
			}
			info := currentVersion()
			if asJSON {
				return writeJSON(e.stdout, info)
			}
			return info.writeText(e.stdout)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().StringVar(&socket, "socket", "", "control socket of a running lull to ask; without it nobody is asked")
	return cmd
}

// runningVersion prints the version of the lull that is asked.
func runningVersion(e *env, client *admin.Client, asJSON bool) error {
	v, err := client.Version(context.Background())
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(e.stdout, v)
	}
	var p page
	p.head(0, "lull %s", v.Version)
	p.line(2, "commit", v.Commit, "")
	p.line(2, "go", v.Go, "")
	p.line(2, "kernel features in use", orElse(strings.Join(v.Features, ", "), "unknown"), "")
	p.line(2, "process", strconv.Itoa(v.PID), "")
	p.line(2, "started", v.Started.UTC().Format("2006-01-02 15:04:05 UTC"), "")
	_, err = e.stdout.Write(p.Bytes())
	return err
}

// currentVersion describes this binary and the kernel under it.
func currentVersion() versionInfo {
	release := kernelRelease()
	return versionInfo{
		Version:  version,
		Commit:   buildCommit(),
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Kernel:   release,
		Features: kernelFeatures(release),
	}
}

// buildCommit returns the commit that the linker was told, or that the go command noted in the binary.
func buildCommit() string {
	if commit != "" {
		return commit
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, changed := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ", changed since"
		}
	}
	return revision + changed
}

// kernelRelease returns the running kernel's release, such as "6.18.44-arm64", or "" where /proc is not to be had. It
// is what uname(2) says, without a system call outside dataplane/sys.
func kernelRelease() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(release))
}

// kernelFeatures tells from a release which of the features lull uses are there. Trying each would take descriptors; a
// kernel whose builder left one of them out goes unnoticed here. Without a release there is nothing to tell.
func kernelFeatures(release string) []kernelFeature {
	if release == "" {
		return nil
	}
	features := []kernelFeature{
		{Name: "splice", Since: "2.6.17"},
		{Name: "epoll", Since: "2.6.27"},
		{Name: "eventfd", Since: "2.6.27"},
		{Name: "accept4", Since: "2.6.28"},
		{Name: "SO_REUSEPORT", Since: "3.9.0"},
		{Name: "epoll_pwait2", Since: "5.11.0"}, // without it waits are whole milliseconds
	}
	have := parseRelease(release)
	for i := range features {
		since := parseRelease(features[i].Since)
		features[i].Available = !less(have, since)
	}
	return features
}

// parseRelease reads the numbers that a release begins with; what is missing is 0.
func parseRelease(release string) (parts [3]int) {
	i := 0
	for _, c := range release {
		switch {
		case c >= '0' && c <= '9' && parts[i] < 1e6: // more digits are no release
			parts[i] = parts[i]*10 + int(c-'0')
		case c == '.' && i < len(parts)-1:
			i++
		default:
			return parts
		}
	}
	return parts
}

func less(a, b [3]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

func (v versionInfo) writeText(w io.Writer) error {
	var have, lack []string
	for _, f := range v.Features {
		if f.Available {
			have = append(have, f.Name)
		} else {
			lack = append(lack, f.Name+" (since "+f.Since+")")
		}
	}
	var p page
	p.head(0, "lull %s", v.Version)
	p.line(2, "commit", v.Commit, "")
	p.line(2, "go", v.Go+" "+v.Platform, "")
	p.line(2, "kernel", orElse(v.Kernel, "unknown"), "")
	p.line(2, "kernel features in use", orElse(strings.Join(have, ", "), "unknown"), "")
	if len(lack) > 0 {
		p.line(2, "kernel lacks", strings.Join(lack, ", "), "")
	}
	_, err := w.Write(p.Bytes())
	return err
}

func writeJSON(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the version: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}
