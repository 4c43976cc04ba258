package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// Everything that browsers get is in the binary, as it was written: there is no build step.
//
//go:embed ui
var files embed.FS

// assetsBelow is where styles and scripts are, below Root. Their names carry a hash, so browsers may keep them.
const assetsBelow = "assets/"

// The pages are directories below ui with a page.tmpl, which defines "content" and, if it moves, "live"; a page.css beside it is
// added to the one style sheet. These are the directories whose templates every page can use.
//
//nolint:gochecknoglobals // a constant in all but type
var shared = []string{"layout", "parts"}

// assets are the paths of what every page loads.
type assets struct{ Style, Icon, HTMX, Live, Copy string }

// fileKinds are the media types of files, by what their names end in.
//
//nolint:gochecknoglobals // a constant in all but type
var fileKinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// asset is a file that browsers load.
type asset struct {
	kind string
	text []byte
}

// ui is the parsed pages and the files beside them.
type ui struct {
	// Fixed after loadUI.
	pages  map[string]*template.Template
	files  map[string]asset // by name below assetsBelow
	assets assets
}

// loadUI parses everything, so that a fault in it cannot wait for its first reader.
func loadUI() (*ui, error) {
	u := &ui{pages: map[string]*template.Template{}, files: map[string]asset{}}
	base := template.New("").Funcs(functions()).Option("missingkey=error")
	var style bytes.Buffer
	for _, name := range shared {
		if _, err := base.ParseFS(files, "ui/"+name+"/page.tmpl"); err != nil {
			return nil, fmt.Errorf("console page %s: %w", name, err)
		}
		addStyle(&style, name)
	}
	dirs, err := fs.ReadDir(files, "ui")
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		name := dir.Name()
		if _, err = fs.Stat(files, "ui/"+name+"/page.tmpl"); err != nil || name == shared[0] || name == shared[1] {
			continue
		}
		page, err := base.Clone()
		if err == nil {
			_, err = page.ParseFS(files, "ui/"+name+"/page.tmpl")
		}
		if err != nil {
			return nil, fmt.Errorf("console page %s: %w", name, err)
		}
		u.pages[name] = page
		addStyle(&style, name)
	}
	u.assets.Style = u.add("console", ".css", fileKinds[".css"], style.Bytes())
	for to, name := range map[*string]string{&u.assets.HTMX: "htmx/htmx.min.js", &u.assets.Live: "layout/live.js", &u.assets.Copy: "layout/copy.js", &u.assets.Icon: "layout/icon.svg"} {
		text, err := files.ReadFile("ui/" + name)
		if err != nil {
			return nil, err
		}
		suffix := path.Ext(name)
		*to = u.add(strings.TrimSuffix(path.Base(name), suffix), suffix, fileKinds[suffix], text)
	}
	return u, nil
}

// addStyle adds the style of a page that has one.
func addStyle(to *bytes.Buffer, page string) {
	if text, err := files.ReadFile("ui/" + page + "/page.css"); err == nil {
		to.Write(text)
	}
}

// add keeps a file and returns its path.
func (u *ui) add(name, suffix, kind string, text []byte) string {
	sum := sha256.Sum256(text)
	name += "-" + hex.EncodeToString(sum[:8]) + suffix
	u.files[name] = asset{kind, text}
	return Root + assetsBelow + name
}

// render writes a page in its layout.
func (u *ui) render(to *bytes.Buffer, f frame) error {
	page := u.pages[f.Page]
	if page == nil {
		return fmt.Errorf("the console has no page %q", f.Page)
	}
	return page.ExecuteTemplate(to, "layout", f)
}

// renderPart writes one of the templates that every page can use.
func (u *ui) renderPart(to *bytes.Buffer, name string, data any) error {
	return u.pages["failure"].ExecuteTemplate(to, name, data)
}

// renderLive writes the part of a page that moves.
func (u *ui) renderLive(to *bytes.Buffer, page string, data any) error {
	return u.pages[page].ExecuteTemplate(to, "live", data)
}

// asset answers with a file. It is the same for everybody and holds nothing of anybody, so strangers get it, too: the login page
// looks like one.
func (v *visit) asset() error {
	found, ok := v.c.ui.files[strings.TrimPrefix(v.r.URL.Path, Root+assetsBelow)]
	if !ok {
		return v.unknown()
	}
	v.w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	v.send(http.StatusOK, found.kind, found.text)
	return nil
}
