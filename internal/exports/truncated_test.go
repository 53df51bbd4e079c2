package exports_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"chaperone/internal/exports"
)

// An export may end anywhere. Then every message that stands whole before the
// end is read, as in the whole export, and the cut is reported wherever the
// layout can tell. What "whole" means differs:
//
//	JSON       an element of the list of messages has been closed: the cut
//	           export reads like one that ends there with all brackets closed
//	lines      the line has ended (a line that goes on has its beginning)
//	the rest   something of the message after it has been read
//
// A cut in the middle of JSON, of an archive or of a page that was opened is
// always reported. Plain text, WhatsApp and one e-mail end without a sign, so
// their last message may be short of words, and nobody can say so.

// lists tells by which brackets one comes to the messages of a JSON export.
var lists = map[string]string{
	"discord-exporter/channel.json": "{[", "discord-group/group.json": "{[", "matrix/export.json": "{[", "signal-rows/messages.json": "{[",
	"slack-api/C01.json": "{[", "slack-dump/C01.json": "{[", "teams-channel/channel.json": "[", "teams-graph/messages.json": "{[",
	"teams-download/messages.json": "{[{[", "telegram/result.json": "{[", "telegram-all/result.json": "{{[{[",
	"slack-export/2026-11-24.json": "[", "slack-export/2026-11-25.json": "[", "slack-edits/2026-11-24.json": "[", "slack-day/2026-11-24.json": "[",
	"discord-direct/messages.json": "[", "discord-package/messages.json": "[",
}

// ended gives what stands before a cut as if the export had ended there: up to
// the last message that was closed, and the brackets that are open closed.
func ended(data []byte, n int, list string) []byte {
	var stack, closers []byte
	quoted, escaped, end := false, false, -1
	for i, c := range data[:n] {
		switch {
		case escaped:
			escaped = false
		case quoted:
			quoted, escaped = c != '"', c == '\\'
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			if stack = append(stack, c); string(stack) == list {
				end = i + 1
			}
		case c == '}' || c == ']':
			stack = stack[:len(stack)-1]
			if string(stack) == list {
				end = i + 1
			}
		default:
			continue
		}
		if end == i+1 {
			closers = closers[:0]
			for j := len(stack) - 1; j >= 0; j-- {
				closers = append(closers, stack[j]+2) // the closing bracket stands two behind in ASCII
			}
		}
	}
	if end < 0 {
		return nil
	}
	return append(bytes.Clone(data[:end]), closers...)
}

// heard reads and tells what was said.
func heard(t *testing.T, data []byte, as exports.Format) (ms []exports.Message, broken bool) {
	t.Helper()
	for m, err := range exports.Read("x", bytes.NewReader(data), as) {
		switch {
		case err == nil:
			ms = append(ms, m)
		case errors.As(err, new(*exports.Broken)):
			broken = true
		case !errors.As(err, new(*exports.Gap)):
			t.Fatalf("an error of another kind: %v", err)
		}
	}
	return ms, broken
}

func TestEveryLayoutTruncatedAtEveryByte(t *testing.T) {
	seen := map[string]bool{}
	for file, a := range archives(t) {
		layout := strings.TrimSuffix(filepath.Base(file), ".txtar")
		as := exports.Format(strings.Split(layout, "-")[0])
		if as == "mail" {
			as = exports.Format(strings.Split(layout, "-")[1])
		}
		for _, f := range a.Files {
			if f.Name == "want" || len(f.Data) == 0 {
				continue
			}
			name := layout + "/" + filepath.Base(f.Name)
			list, isJSON := lists[name]
			seen[name] = seen[name] || isJSON
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				data := bytes.TrimSpace(f.Data)
				for n := range len(data) {
					for range exports.Read("x", bytes.NewReader(data[:n]), exports.Auto) { // whatever it is taken for
					}
				}
				switch {
				case isJSON:
					cutJSON(t, data, as, list)
				case as == exports.HTML || layout == "teams-html" || layout == "teams-html-table" || as == exports.EML || as == exports.Mbox:
					cutRest(t, data, as)
				case as == exports.WhatsApp || as == exports.Mattermost || layout == "signal-export" || layout == "text":
					if layout == "text" {
						as = exports.Auto
					}
					cutLines(t, data, as)
				}
			})
		}
	}
	for name := range lists {
		if !seen[name] {
			t.Errorf("%s is not there any more", name)
		}
	}
}

func cutJSON(t *testing.T, data []byte, as exports.Format, list string) {
	for n := 2; n < len(data); n++ {
		got, broken := heard(t, data[:n], as)
		if !broken {
			t.Fatalf("cut at %d of %d: not a word", n, len(data))
		}
		var want []exports.Message
		if whole := ended(data, n, list); whole != nil {
			want, _ = heard(t, whole, as)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("cut at %d: (-as if it ended there +got)\n%s", n, diff)
		}
	}
}

func cutLines(t *testing.T, data []byte, as exports.Format) {
	for n := range len(data) {
		want, _ := heard(t, data[:bytes.LastIndexByte(data[:n], '\n')+1], as)
		got, broken := heard(t, data[:n], as)
		if len(got) < len(want) {
			t.Fatalf("cut at %d: %d messages, want at least %d", n, len(got), len(want))
		}
		for i, m := range want {
			last := i == len(want)-1
			if got[i].Text != m.Text && !(last && strings.HasPrefix(got[i].Text, m.Text)) || got[i].Sender != m.Sender && !last {
				t.Fatalf("cut at %d: message %d is %q, want %q", n, i, got[i].Text, m.Text)
			}
		}
		torn := bytes.TrimSpace(data[bytes.LastIndexByte(data[:n], '\n')+1 : n])
		if as != exports.WhatsApp && len(torn) > 1 && torn[0] == '{' && torn[len(torn)-1] != '}' && len(got) == len(want) && !broken {
			t.Fatalf("cut at %d: the torn line %q was passed over without a word", n, torn)
		}
	}
}

var word = regexp.MustCompile(`[\pL\d]{3,}`)

// cutRest holds that a message is there once something of the next was read.
func cutRest(t *testing.T, data []byte, as exports.Format) {
	whole, _ := heard(t, data, as)
	at := make([]int, len(whole)) // where the message's last word ends
	from := 0
	for i, m := range whole {
		words := word.FindAllString(m.Text, -1)
		if len(words) == 0 {
			at[i] = len(data)
			continue
		}
		for _, w := range words {
			if j := bytes.Index(data[from:], []byte(w)); j >= 0 {
				from += j + len(w)
			}
		}
		at[i] = from
	}
	opened := bytes.Contains(data[:min(len(data), 200)], []byte("<html"))
	for n := range len(data) {
		got, broken := heard(t, data[:n], as)
		for i := range whole {
			if i+1 < len(whole) && n > at[i+1] && (i >= len(got) || got[i].Text != whole[i].Text || got[i].Sender != whole[i].Sender || !got[i].At.Equal(whole[i].At)) {
				t.Fatalf("cut at %d: message %d was lost or changed", n, i)
			}
		}
		if cut := bytes.Contains(data[:n], []byte("<html")); opened && cut && bytes.Contains(data[:n], []byte("<html>")) && !broken && !bytes.Contains(data[:n], []byte("</html>")) {
			t.Fatalf("cut at %d: not a word", n)
		}
	}
}

// An archive that is cut anywhere is refused whole: its list stands at its end.
func TestArchiveTruncatedAtEveryByte(t *testing.T) {
	whole := packed(t, []txtar.File{{Name: "_chat.txt", Data: []byte(small)}, {Name: "a.jpg", Data: []byte("x")}})
	for n := 4; n < len(whole); n++ {
		if ms, broken := heard(t, whole[:n], exports.Auto); len(ms) > 0 || !broken {
			t.Fatalf("cut at %d of %d: %d messages, reported: %v", n, len(whole), len(ms), broken)
		}
	}
}

// A file of an archive that is torn or altered is reported, and the others are
// read.
func TestADamagedFileInAnArchive(t *testing.T) {
	z := stored([]txtar.File{{Name: "a.txt", Data: []byte(small)}, {Name: "b.txt", Data: []byte(small)}})
	at := bytes.Index(z, []byte("Priya"))
	for _, change := range []int{at, at + 1, at + 4} {
		altered := bytes.Clone(z)
		altered[change]++
		if ms, broken := heard(t, altered, exports.Auto); len(ms) < 3 || !broken {
			t.Errorf("altered at %d: %d messages, reported: %v", change, len(ms), broken)
		}
	}
}

// A table of a data package that is cut keeps its whole rows.
func TestTableTruncatedAtEveryByte(t *testing.T) {
	table := "ID,Timestamp,Contents,Attachments\n1,2026-11-24 02:14:00,one,\n2,2026-11-24 02:15:00,\"two\nand two\",\n3,2026-11-24 02:16:00,three,\n"
	for n := range len(table) {
		z := stored([]txtar.File{{Name: "messages/index.json", Data: []byte(`{}`)}, {Name: "messages/c1/messages.csv", Data: []byte(table[:n])}})
		got, _ := heard(t, z, exports.Auto)
		for i, text := range []string{"one", "two\nand two", "three"} {
			if end := strings.Index(table, fmt.Sprintf("\n%d,", i+2)); end >= 0 && n > end && (i >= len(got) || got[i].Text != text) {
				t.Fatalf("cut at %d: %q was lost", n, text)
			}
		}
	}
}
