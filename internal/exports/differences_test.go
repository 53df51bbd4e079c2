package exports_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chaperone/internal/exports"
)

// differences are where this reader and whatsapp-chat-parser mean to read
// differently, and why. internal/manual/exports.md tells users the same.
var differences = []struct {
	why, in string
	ours    []string // "time|sender|text"
	theirs  []string
}{
	{"who is not in the phone's contacts is called by the name, without the tilde",
		"[24/11/2026, 02:14:33] ~\u202fTom: hello", []string{"2026-11-24 02:14:33|Tom|hello"}, []string{"2026-11-24 02:14:33|~\u202fTom|hello"}},
	{"the mark of an edited message is no part of what was said",
		"24/11/2026, 02:14 - Sam: at noon <This message was edited>", []string{"2026-11-24 02:14:00|Sam|at noon"}, []string{"2026-11-24 02:14:00|Sam|at noon <This message was edited>"}},
	{"on iOS the platform speaks in the group's name, and is no sender",
		"[24/11/2026, 02:14:33] x: \u200eMessages and calls are end-to-end encrypted.", []string{"2026-11-24 02:14:33||\u200eMessages and calls are end-to-end encrypted."}, []string{"2026-11-24 02:14:33|x|\u200eMessages and calls are end-to-end encrypted."}},
	{"a line that was pasted from a phone of the other make belongs to the message it was pasted into",
		"[24/11/2026, 02:14:33] Sam: see\n24/11/2026, 02:10 - Tom: on the way\n[24/11/2026, 02:15:00] Sam: ok\n[24/11/2026, 02:16:00] Sam: ok",
		[]string{"2026-11-24 02:14:33|Sam|see\n24/11/2026, 02:10 - Tom: on the way", "2026-11-24 02:15:00|Sam|ok", "2026-11-24 02:16:00|Sam|ok"},
		[]string{"2026-11-24 02:14:33|Sam|see", "2026-11-24 02:10:00|Tom|on the way", "2026-11-24 02:15:00|Sam|ok", "2026-11-24 02:16:00|Sam|ok"}},
	{"the halves of the day are known in other languages than English and Spanish",
		"31/12/20, 9:05 μ.μ. - Sam: hello", []string{"2020-12-31 21:05:00|Sam|hello"}, []string{"2020-12-31 09:05:00|μ.μ. - Sam|hello"}},
	{"the Chinese ones too",
		"[2020/12/31 下午9:05:00] Sam: hello", []string{"2020-12-31 21:05:00|Sam|hello"}, []string{"2020-12-31 09:05:00|Sam|hello"}},
	{"and dates in other digits",
		"٣١\u200f/١٢\u200f/٢٠٢٠، ٩:٠٥ م - Sam: hello", []string{"2020-12-31 21:05:00|Sam|hello"}, nil},
	{"and years of the Buddhist calendar",
		"31/12/2563 21:05 - Sam: hello", []string{"2020-12-31 21:05:00|Sam|hello"}, []string{"2563-12-31 21:05:00|Sam|hello"}},
	{"a day that does not exist is reported, and not taken for the next month",
		"31/11/2026, 02:14 - Sam: hello", []string{"0001-01-01 00:00:00|Sam|hello"}, []string{"2026-12-01 02:14:00|Sam|hello"}},
	{"what stands before the first message is reported and read",
		"call me on 07700 900123\n24/11/2026, 02:14 - Sam: hello", []string{"0001-01-01 00:00:00||call me on 07700 900123", "2026-11-24 02:14:00|Sam|hello"}, []string{"2026-11-24 02:14:00|Sam|hello"}},
	{"a colon in a subject does not make a sender of what the platform says",
		"24/11/2026, 02:14 - Priya changed the subject from \"a: b\" to \"c\"", []string{"2026-11-24 02:14:00||Priya changed the subject from \"a: b\" to \"c\""}, []string{"2026-11-24 02:14:00|Priya changed the subject from \"a|b\" to \"c\""}},
}

// Every difference that is listed is one, and ours is what the list says. The
// other reader's part is held where it is installed.
func TestDifferencesFromTheIndependentParser(t *testing.T) {
	dir := t.TempDir()
	var names []string
	for i, d := range differences {
		name := filepath.Join(dir, fmt.Sprintf("%02d", i), "x.txt")
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(d.in), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
		var got []string
		for m, err := range exports.ReadFile(name, exports.WhatsApp, nil) {
			if err == nil {
				got = append(got, m.At.Format(time.DateTime)+"|"+m.Sender+"|"+m.Text)
			}
		}
		if diff := cmp.Diff(d.ours, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", d.why, diff)
		}
	}
	for i, rows := range independently(t, names) {
		var got []string
		for _, m := range rows {
			got = append(got, m.at.Format(time.DateTime)+"|"+m.sender+"|"+m.text)
		}
		if diff := cmp.Diff(differences[i].theirs, got); diff != "" {
			t.Errorf("%s, the other reader (-want +got):\n%s", differences[i].why, diff)
		}
	}
}

// independently gives what whatsapp-chat-parser reads in each file; it skips
// the test, and says so, where that is not installed.
func independently(t *testing.T, names []string) (out [][]said) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("the comparison with whatsapp-chat-parser was skipped: node is not installed")
	}
	if _, err := os.Stat("testdata/npm/node_modules/whatsapp-chat-parser"); err != nil {
		t.Skip("the comparison with whatsapp-chat-parser was skipped: run npm install --prefix internal/exports/testdata/npm")
	}
	cmd := exec.Command(node, "testdata/npm/parse.cjs")
	cmd.Env = append(os.Environ(), "TZ=UTC")
	cmd.Stdin = strings.NewReader(strings.Join(names, "\n"))
	answer, err := cmd.Output()
	if err != nil {
		t.Fatalf("whatsapp-chat-parser: %v", err)
	}
	dec := json.NewDecoder(strings.NewReader(string(answer)))
	for range names {
		var rows [][3]any
		if err := dec.Decode(&rows); err != nil {
			t.Fatalf("whatsapp-chat-parser gave fewer answers than there are files: %v", err)
		}
		var theirs []said
		for _, row := range rows {
			sender, _ := row[1].(string)
			at, _ := row[0].(float64)
			text, _ := row[2].(string)
			theirs = append(theirs, said{time.UnixMilli(int64(at)).UTC(), sender, text})
		}
		out = append(out, theirs)
	}
	return out
}
