package exports_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"chaperone/internal/exports"
)

// Every reader is given everything: none may crash, loop, say more than was
// read, or give a message or a fault that says not where it is. "make fuzz
// PKG=./internal/exports FUZZTIME=10000000x" runs each ten million times.
func fuzz(f *testing.F, as exports.Format) {
	for _, seed := range seeds(f, as) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) { holds(t, "x", data, as) })
}

// holds reads and holds what every reader promises.
func holds(t *testing.T, name string, data []byte, as exports.Format) {
	n, length := 0, 0
	for m, err := range exports.Read(name, bytes.NewReader(data), as) {
		if n++; n > 2*len(data)+8 {
			t.Fatal("more is said than was read")
		}
		switch {
		case err == nil:
			if m.Place() == "" || m.Kind == "" {
				t.Fatal("a message without a place or a kind")
			}
			if length += len(m.Text); length > 8*len(data)+100 {
				t.Fatal("the messages are longer than what was read")
			}
		case !errors.As(err, new(*exports.Broken)) && !errors.As(err, new(*exports.Gap)):
			t.Fatalf("an error of another kind: %v", err)
		case strings.HasPrefix(err.Error(), ": "):
			t.Fatalf("a fault without a place: %v", err)
		}
	}
}

// seeds gives some 200 beginnings: what the golden files of a format hold,
// whole and cut, and single lines of all the others. They are short, since an
// execution takes as long as its input.
func seeds(f *testing.F, as exports.Format) [][]byte {
	out := [][]byte{[]byte("\x00\xff[[[{\"messages\":[null,1,{}]}"), nil}
	all := archives(f)
	var names []string
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	var own, other [][]byte
	for _, name := range names {
		for _, file := range all[name].Files {
			if file.Name == "want" {
				continue
			}
			if as == exports.Auto || strings.HasPrefix(filepath.Base(name), string(as)) {
				own = append(own, file.Data)
			} else {
				other = append(other, bytes.SplitAfterN(file.Data, []byte("\n"), 2)[0])
			}
		}
	}
	out = append(out, own...)
	for part := 1; len(own) > 0 && len(out) < 140 && part < 60; part++ {
		for _, data := range own {
			out = append(out, data[:len(data)*part/60])
		}
	}
	for _, data := range other {
		if len(out) >= 200 {
			break
		}
		out = append(out, data)
	}
	return out
}

func FuzzAuto(f *testing.F)       { fuzz(f, exports.Auto) }
func FuzzJSONL(f *testing.F)      { fuzz(f, exports.JSONL) }
func FuzzText(f *testing.F)       { fuzz(f, exports.Text) }
func FuzzWhatsApp(f *testing.F)   { fuzz(f, exports.WhatsApp) }
func FuzzSlack(f *testing.F)      { fuzz(f, exports.Slack) }
func FuzzDiscord(f *testing.F)    { fuzz(f, exports.Discord) }
func FuzzTeams(f *testing.F)      { fuzz(f, exports.Teams) }
func FuzzSignal(f *testing.F)     { fuzz(f, exports.Signal) }
func FuzzTelegram(f *testing.F)   { fuzz(f, exports.Telegram) }
func FuzzMattermost(f *testing.F) { fuzz(f, exports.Mattermost) }
func FuzzMatrix(f *testing.F)     { fuzz(f, exports.Matrix) }
func FuzzMbox(f *testing.F)       { fuzz(f, exports.Mbox) }
func FuzzEML(f *testing.F)        { fuzz(f, exports.EML) }
func FuzzHTML(f *testing.F)       { fuzz(f, exports.HTML) }

// FuzzDataPackage gives the readers of a data package everything: half of the
// input is a table, half a list, stored without compression.
func FuzzDataPackage(f *testing.F) {
	f.Add([]byte("ID,Timestamp,Contents,Attachments\n1,2026-11-24 02:14:00,\"two\npumps\",\n2\n"))
	f.Add([]byte("ID,Timestamp,Contents\n1,2,3\n\n\n[{\"ID\":1,\"Contents\":\"a\"}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, list, _ := bytes.Cut(data, []byte("\n\n\n"))
		z := stored([]txtar.File{
			{Name: "messages/c1/messages.csv", Data: table}, {Name: "messages/c2/channel.json", Data: list},
			{Name: "messages/c2/messages.json", Data: list}, {Name: "messages/index.json", Data: []byte(`{"1":"a"}`)},
		})
		for m, err := range exports.Read("x.zip", bytes.NewReader(z), exports.Auto) {
			if err == nil && m.Place() == "" {
				t.Fatal("a message without a place")
			}
		}
	})
}

// FuzzArchive gives the archive reader everything.
func FuzzArchive(f *testing.F) {
	f.Add(packed(f, []txtar.File{{Name: "_chat.txt", Data: []byte(small)}}))
	f.Add(packed(f, []txtar.File{{Name: "channels.json", Data: []byte("[]")}, {Name: "a/1.json", Data: []byte("[]")}}))
	f.Add(stored([]txtar.File{{Name: "_chat.txt", Data: []byte(small)}, {Name: "a.jpg", Data: []byte("x")}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		for m, err := range exports.Read("x.zip", bytes.NewReader(append([]byte("PK\x03\x04"), data...)), exports.Auto) {
			if err == nil && m.Place() == "" {
				t.Fatal("a message without a place")
			}
		}
	})
}
