package keys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"lull/internal/control/fault"
	"lull/internal/control/handout"
	"lull/internal/control/sigv4"
)

// The files that FirstStart writes, below the directory that it gets.
const (
	filesDirectory  = "aws"
	credentialsFile = "credentials"
	configFile      = "config"
)

// keptUpToDate marks a file that lull may replace by another of its own. Whoever takes the line out keeps the rest.
const keptUpToDate = "# lull keeps this file up to date. Without this line it leaves the file alone.\n"

// firstDescription is of the key that FirstStart makes.
const firstDescription = "made by the first start"

//nolint:gochecknoglobals // compiled once
var regionChars = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

// First is what FirstStart has found and done.
type First struct {
	ID      string   // of the administrator that the first start made; "" if it has been revoked
	Created bool     // just now
	Written []string // paths of the files that were missing or out of date
	Aside   []string // paths to which files of an earlier store were moved
}

// FirstStart makes an administrator if the store has none, and writes files with which AWS's tools find him and lull:
// aws/credentials and aws/config below a directory.
//
// It is called at each start. As long as that administrator's key is in force, files that are missing are written again: a crash
// between the commit and the files must not lock everybody out. Files that are there stay as they are, except a config that
// still has the line which lets lull keep it up to date. Files that lie there before the very first start are those of another
// store, whose keys mean nothing to this one; they are moved aside.
func (k *Keys) FirstStart(ctx context.Context, dir, endpoint, region string) (First, error) {
	config, err := configText(endpoint, region)
	if err != nil {
		return First{}, err
	}
	w := files{dir: handout.Dir(filepath.Join(dir, filesDirectory))}
	first, found := k.administrator(true)
	_, others := k.administrator(false)
	switch {
	case !found && others: // the first was revoked
		return w.first, w.refresh(configFile, config)
	case !found:
		if err = w.moveAside(k.o.Now().UTC().Format("20060102T150405Z")); err != nil {
			return w.first, err
		}
		var key Key
		if key, _, err = k.create(ctx, document{Role: sigv4.Administrator, Description: firstDescription, FirstStart: true}); err != nil {
			return w.first, err
		}
		w.first.Created = true
		if first, found = k.Lookup(key.ID); !found {
			return w.first, fmt.Errorf("access key %s was revoked as soon as it was made", key.ID)
		}
	}
	w.first.ID = first.ID
	if err = w.add(credentialsFile, credentialsText(first)); err != nil {
		return w.first, err
	}
	if err = w.add(configFile, config); err != nil {
		return w.first, err
	}
	return w.first, w.refresh(configFile, config)
}

// administrator returns the oldest administrator that the first start made, or that it did not make.
func (k *Keys) administrator(firstStart bool) (sigv4.Key, bool) {
	for _, key := range k.List() {
		if key.FirstStart == firstStart && key.Role == sigv4.Administrator {
			return k.Lookup(key.ID)
		}
	}
	return sigv4.Key{}, false
}

// credentialsText is the file that AWS_SHARED_CREDENTIALS_FILE names.
func credentialsText(key sigv4.Key) string {
	return "# The administrator of the first start. Once it is revoked, lull does not write this file again.\n" +
		"[default]\naws_access_key_id = " + key.ID + "\naws_secret_access_key = " + key.Secret + "\n"
}

// configText is the file that AWS_CONFIG_FILE names. The endpoint is that of every service: what lull does not serve shall be
// refused by lull and not be asked of AWS with a key that AWS does not know.
func configText(endpoint, region string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.ContainsFunc(endpoint, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fault.Field("endpoint", "%q: must be a URL such as http://127.0.0.1:8440", fault.Shortened(endpoint))
	}
	if !regionChars.MatchString(region) {
		return "", fault.Field("region", "%q: must be 1 to 64 lower-case letters, digits or hyphens, such as us-east-1", fault.Shortened(region))
	}
	return keptUpToDate + "[default]\nregion = " + region + "\noutput = json\nendpoint_url = " + endpoint + "\n", nil
}

// files writes into a directory and notes what it did.
type files struct {
	dir   handout.Dir
	first First
}

// add writes a file unless there is one.
func (w *files) add(name, text string) error {
	_, err := os.Lstat(w.dir.Path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return w.replace(name, text)
	}
	return err
}

// refresh writes a file again if it is there, has other text and may be replaced.
func (w *files) refresh(name, text string) error {
	have, err := os.ReadFile(w.dir.Path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case string(have) == text || !strings.Contains("\n"+string(have), "\n"+keptUpToDate):
		return nil
	}
	return w.replace(name, text)
}

// replace writes a file and notes it.
func (w *files) replace(name, text string) error {
	if err := w.dir.Replace(name, text); err != nil {
		return err
	}
	w.first.Written = append(w.first.Written, w.dir.Path(name))
	return nil
}

// moveAside renames the files that are there.
func (w *files) moveAside(when string) error {
	for _, name := range []string{credentialsFile, configFile} {
		aside, err := w.dir.MoveAside(name, when)
		if aside != "" {
			w.first.Aside = append(w.first.Aside, aside)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
