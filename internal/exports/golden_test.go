package exports_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"chaperone/internal/exports"
)

var update = flag.Bool("update", false, "write the golden files anew")

// lay puts the files of an export where they can be read: one file, a folder,
// or, where the comment begins with "zip", an archive.
func lay(t testing.TB, a *txtar.Archive) string {
	t.Helper()
	dir := t.TempDir()
	var files []txtar.File
	for _, f := range a.Files {
		if name, ok := strings.CutPrefix(f.Name, "in/"); ok {
			files = append(files, txtar.File{Name: name, Data: f.Data})
		}
	}
	if strings.HasPrefix(string(a.Comment), "zip") {
		name := filepath.Join(dir, "WhatsApp Chat - Flood North.zip")
		if err := os.WriteFile(name, packed(t, files), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, f := range files {
		name := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
		if len(files) == 1 {
			return name
		}
	}
	return dir
}

func packed(t testing.TB, files []txtar.File) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.Create(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// stored makes an archive without compression.
func stored(files []txtar.File) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Store})
		if err == nil {
			_, err = w.Write(f.Data)
		}
		if err != nil {
			panic(err) // a buffer takes everything
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// told writes down everything that a reader says, one line each.
func told(name string, as exports.Format) string {
	var b strings.Builder
	dir := filepath.Dir(name) + string(filepath.Separator)
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		dir = name + string(filepath.Separator)
	}
	short := func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, dir, ""), name, "the folder") }
	for m, err := range exports.ReadFile(name, as, nil) {
		switch {
		case errors.As(err, new(*exports.Gap)):
			fmt.Fprintf(&b, "gap %s\n", short(err.Error()))
		case errors.As(err, new(*exports.Broken)):
			fmt.Fprintf(&b, "broken %s\n", short(err.Error()))
		case err != nil:
			fmt.Fprintf(&b, "error %s\n", err)
		default:
			fmt.Fprintf(&b, "%s %s %s|%s|%q", m.At.Format("2006-01-02 15:04:05.999"), m.Kind, m.Chat, m.Sender, m.Text)
			if m.ReplyTo != "" {
				fmt.Fprintf(&b, " answers %s", m.ReplyTo)
			}
			if m.Edited {
				b.WriteString(" edited")
			}
			if m.Private {
				b.WriteString(" private")
			}
			if len(m.Files) > 0 {
				fmt.Fprintf(&b, " files %q", m.Files)
			}
			if len(m.Who) > 0 {
				fmt.Fprintf(&b, " who %q", m.Who)
			}
			fmt.Fprintf(&b, " id %s at %s\n", short(m.ID), short(m.Place()))
		}
	}
	return b.String()
}

func archives(t testing.TB) map[string]*txtar.Archive {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	out := map[string]*txtar.Archive{}
	for _, f := range files {
		a, err := txtar.ParseFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[f] = a
	}
	return out
}

// Every layout that is known, hand-made, with what a reader makes of it.
func TestGolden(t *testing.T) {
	for file, a := range archives(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			got := told(lay(t, a), exports.Auto)
			var want string
			rest := a.Files[:0:0]
			for _, f := range a.Files {
				if f.Name == "want" {
					want = string(f.Data)
					continue
				}
				rest = append(rest, f)
			}
			if *update {
				a.Files = append(rest, txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(a), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// --input overrules what is told from the content: with its own name each
// layout reads the same, and with any other nothing crashes and nothing that
// cannot be read so goes by without a word.
func TestInputOverrules(t *testing.T) {
	for file, a := range archives(t) {
		layout := strings.TrimSuffix(filepath.Base(file), ".txtar")
		if layout == "text" {
			continue // a folder of several kinds
		}
		t.Run(layout, func(t *testing.T) {
			name := lay(t, a)
			own := exports.Format(strings.Split(layout, "-")[0])
			if own == "mail" {
				own = exports.Format(strings.Split(layout, "-")[1])
			}
			for _, as := range exports.Formats {
				said := told(name, as)
				switch {
				case as == own && as == exports.WhatsApp:
					continue // other files of its folder are left closed then, and said to be
				case as == own:
					if diff := cmp.Diff(told(name, exports.Auto), said); diff != "" {
						t.Errorf("as %s (-by content +overruled):\n%s", as, diff)
					}
				case said == "":
					t.Errorf("as %s: not a word", as)
				}
			}
		})
	}
}
