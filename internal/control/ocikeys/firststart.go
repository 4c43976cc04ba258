package ocikeys

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"lull/internal/control/fault"
	"lull/internal/control/handout"
	"lull/internal/control/ocisig"
)

// The files that FirstStart writes, below the directory that it gets.
const (
	filesDirectory = "oci"
	configFile     = "config"
	keyFile        = "key.pem"
	nextKeyFile    = "key.pem.next" // until the store knows the key
)

// keptUpToDate marks a file that lull may replace by another of its own. Whoever takes the line out keeps the rest.
const keptUpToDate = "# lull keeps this file up to date. Without this line it leaves the file alone.\n"

// firstDescription is of the key that FirstStart makes.
const firstDescription = "made by the first start"

//nolint:gochecknoglobals // compiled once
var regionForm = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

// First is what FirstStart has found and done.
type First struct {
	Fingerprint string   // of the administrator that the first start made; "" if it has been revoked
	Created     bool     // just now
	Written     []string // paths of the files that were missing or out of date
	Aside       []string // paths to which files of an earlier store were moved
	KeyMissing  bool     // key.pem is not that administrator's; only whoever took it away has it
}

// FirstStart makes an administrator if the store has none, and writes files with which Oracle's tools act as him: oci/config and
// oci/key.pem below a directory.
//
// It is called at each start. The private key is nowhere but in its file, so the file comes first: it is on the disk under another
// name before the store knows the key, and gets its name afterwards, at the next start if this one ends between. Whenever lull or
// the machine ends, there is either no administrator, and the next start makes one, or his key is there.
//
// As long as the key is in force a config that is missing is written again, and one that still has the line which lets lull keep it
// up to date is. A private key that somebody has taken away is not made anew: it may be where it is safer. Files that lie there
// before the very first start are those of another store, whose keys mean nothing to this one; they are moved aside.
func (k *Keys) FirstStart(ctx context.Context, dir, endpoint, region string) (First, error) {
	w, err := newFiles(dir, endpoint, region)
	if err != nil {
		return First{}, err
	}
	first, found := k.administrator(true)
	if !found {
		if _, others := k.administrator(false); others { // the first was revoked
			return w.first, w.dir.Remove(nextKeyFile)
		}
		if first, err = k.createFirst(ctx, w); err != nil {
			return w.first, err
		}
	}
	w.first.Fingerprint = first.Fingerprint
	if err = w.nameKey(first.Fingerprint, k.o.Now().UTC().Format("20060102T150405Z")); err != nil {
		return w.first, err
	}
	return w.first, w.keepConfig(first)
}

// administrator returns the oldest administrator that the first start made, or that it did not make.
func (k *Keys) administrator(firstStart bool) (Key, bool) {
	for _, key := range k.List() {
		if key.FirstStart == firstStart && key.Role == ocisig.Administrator {
			return key, true
		}
	}
	return Key{}, false
}

// createFirst makes the administrator, his key on the disk first.
func (k *Keys) createFirst(ctx context.Context, w *files) (Key, error) {
	public, err := k.nextKey(w)
	if err != nil {
		return Key{}, err
	}
	key, err := k.add(ctx, Owner{Role: ocisig.Administrator, Description: firstDescription}, public, true)
	w.first.Created = err == nil
	return key, err
}

// nextKey returns the public half of a key that is on the disk. One that a start has left there is used, because it may have ended before it was
// told whether the store has taken that key: if it has, to write another one over it would lock everybody out.
func (k *Keys) nextKey(w *files) (publicKey, error) {
	if public, found := w.publicIn(nextKeyFile); found {
		return public, w.dir.Sync()
	}
	private, public, err := k.generate()
	if err != nil {
		return publicKey{}, err
	}
	return public, w.dir.Replace(nextKeyFile, private.Reveal())
}

// files writes into a directory and notes what it did.
type files struct {
	dir              handout.Dir
	endpoint, region string
	first            First
}

// newFiles checks what becomes part of the config.
func newFiles(dir, endpoint, region string) (*files, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.ContainsFunc(endpoint, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fault.Field("endpoint", "%q: must be a URL such as http://127.0.0.1:8440", fault.Shortened(endpoint))
	}
	if !regionForm.MatchString(region) {
		return nil, fault.Field("region", "%q: must be 1 to 64 lower-case letters, digits or hyphens, such as us-ashburn-1", fault.Shortened(region))
	}
	dir, err = filepath.Abs(filepath.Join(dir, filesDirectory)) // Oracle's tools take key_file from where they are
	if err == nil && strings.ContainsFunc(dir, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, fault.Field("directory", "%q: must have no control characters", fault.Shortened(dir))
	}
	return &files{dir: handout.Dir(dir), endpoint: strings.TrimSuffix(endpoint, "/"), region: region}, err
}

// nameKey gives the administrator's private key its name, if it has not got it yet. What has the name before is another store's, and
// so is the config beside it; that goes first, so that the key's name tells that all is done.
func (w *files) nameKey(fingerprint, when string) error {
	if !w.holds(nextKeyFile, fingerprint) {
		w.first.KeyMissing = !w.holds(keyFile, fingerprint)
		return w.dir.Remove(nextKeyFile) // of a start that ended before the store knew it
	}
	for _, name := range []string{configFile, keyFile} {
		aside, err := w.dir.MoveAside(name, when)
		if aside != "" {
			w.first.Aside = append(w.first.Aside, aside)
		}
		if err != nil {
			return err
		}
	}
	path := w.dir.Path(keyFile)
	if err := os.Rename(w.dir.Path(nextKeyFile), path); err != nil {
		return err
	}
	w.first.Written = append(w.first.Written, path)
	return w.dir.Sync()
}

// publicIn returns the public half of the private key in a file, and whether there is one that lull could have written.
func (w *files) publicIn(name string) (publicKey, bool) {
	text, err := os.ReadFile(w.dir.Path(name))
	if err != nil {
		return publicKey{}, false
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return publicKey{}, false
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return publicKey{}, false
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return publicKey{}, false
	}
	public, err := encodePublicKey(&private.PublicKey)
	if err == nil {
		_, err = decodePublicKey(public.der)
	}
	return public, err == nil
}

// holds reports whether a file has the private key with a fingerprint.
func (w *files) holds(name, fingerprint string) bool {
	public, found := w.publicIn(name)
	return found && public.fingerprint == fingerprint
}

// keepConfig writes the config if it is missing, or out of date and lull's own.
func (w *files) keepConfig(key Key) error {
	text := w.configText(key)
	have, err := os.ReadFile(w.dir.Path(configFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case string(have) == text || !strings.Contains("\n"+string(have), "\n"+keptUpToDate):
		return nil
	}
	if err := w.dir.Replace(configFile, text); err != nil {
		return err
	}
	w.first.Written = append(w.first.Written, w.dir.Path(configFile))
	return nil
}

// configText is the file that OCI_CLI_CONFIG_FILE names. It has no place for an endpoint, so that comments say where that goes.
func (w *files) configText(key Key) string {
	return keptUpToDate +
		"# It says who asks, and cannot say whom. Oracle's tools have to be told where lull is:\n" +
		"#   oci --endpoint " + w.endpoint + "/20170115 lb …    (or OCI_CLI_ENDPOINT)\n" +
		"#   Terraform: CLIENT_HOST_OVERRIDES, with oci_load_balancer.LoadBalancerClient set to " + w.endpoint + "\n" +
		"#   SDKs: the client's host or service endpoint, " + w.endpoint + "\n" +
		"[DEFAULT]\n" +
		"user=" + key.User + "\n" +
		"fingerprint=" + key.Fingerprint + "\n" +
		"tenancy=" + key.Tenancy + "\n" +
		"region=" + w.region + "\n" +
		"key_file=" + w.dir.Path(keyFile) + "\n"
}
