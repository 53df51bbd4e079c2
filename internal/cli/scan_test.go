package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// runScan gives what a scan prints and its exit code.
func runScan(t testing.TB, in string, args ...string) (out, errs string, code int) {
	t.Helper()
	c := scanCommand()
	var o, e bytes.Buffer
	c.SetIn(strings.NewReader(in))
	c.SetOut(&o)
	c.SetErr(&e)
	c.SilenceUsage, c.SilenceErrors = true, true
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	var exit exitError
	switch {
	case errors.As(err, &exit):
		code = exit.code
	case err != nil:
		code = exitConfig
		e.WriteString(err.Error())
	}
	return o.String(), e.String(), code
}

func put(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The values that stand in the chat below. No report may show one of them.
var planted = []string{"07700 900123", "Puddle-Duck77", "999 123 4560", "Weir Road"}

const floodChat = `24/11/2026, 02:13 - Messages and calls are end-to-end encrypted. Tap to learn more.
24/11/2026, 02:14 - Priya Nair added Tom Ellery
24/11/2026, 02:14 - Sam Okafor: Two pumps on the way to the hall
24/11/2026, 02:15 - Priya Nair: Mrs Edith Lowe, NHS number 999 123 4560, 4 Weir Road CW1 2AB
needs her tablets
24/11/2026, 02:16 - Tom Ellery: <Media omitted>
45/13/2026, 02:17 - Tom Ellery: the wifi password is Puddle-Duck77!
25/11/2026, 09:00 - Sam Okafor: Decision: close the rest centre at 18:00 because the water is down
25/11/2026, 09:05 - Tom Ellery left
02/12/2026, 09:06 - Sam Okafor: OFFICIAL-SENSITIVE: plan attached, call me on 07700 900123
`

func TestScanJSONLines(t *testing.T) {
	in := "{\"id\":\"a\",\"text\":\"two pumps\"}\n{\"id\":7,\"text\":\"call me on 07700 900123\"}\nnot json\n{\"id\":\"c\",\"text\":\"\"}\n"
	out, errs, code := runScan(t, in, "--input", "jsonl", "--format", "jsonl", "-")
	if code != 2 {
		t.Errorf("exit code %d, want 2: a line could not be read, and that wins", code)
	}
	if !strings.Contains(errs, "-:3:") || strings.Contains(out+errs, "\x1b") {
		t.Errorf("the broken line has no place, or there is colour without a terminal: %q", errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 || lines[0] != `{"id":"a","findings":[]}` || lines[2] != `{"id":"c","findings":[]}` {
		t.Fatalf("lines: %q", lines)
	}
	var row struct {
		ID       string
		Findings []map[string]any
	}
	if err := json.Unmarshal([]byte(lines[1]), &row); err != nil {
		t.Fatal(err)
	}
	if row.ID != "7" || len(row.Findings) != 1 {
		t.Fatalf("row: %s", lines[1])
	}
	f := row.Findings[0]
	if f["start"] != 11.0 || f["end"] != 23.0 || f["category"] != "phone" || len(f) != 7 {
		t.Errorf("finding: %v", f)
	}
}

func TestScanExitCodes(t *testing.T) {
	dir := t.TempDir()
	cases := map[string]struct {
		text string
		args []string
		want int
		errs string
	}{
		"clean":             {text: "two pumps on the way\n", want: 0},
		"findings":          {text: "call me on 07700 900123\n", want: 1},
		"empty":             {text: "", want: 0},
		"invalid UTF-8":     {text: "a \xff\xfe\x80 b 07700 900123 call\n", want: 1},
		"NUL bytes":         {text: "two\x00pumps\x00 and a good deal of ordinary text beside them\n", want: 0},
		"missing":           {args: []string{filepath.Join(dir, "nothing")}, want: 2, errs: "no such file"},
		"an unknown format": {args: []string{"--format", "xml", dir}, want: 2, errs: "use text, jsonl, csv or html"},
		"an unknown input":  {args: []string{"--input", "fax", dir}, want: 2, errs: "use one of"},
		"a huge line":       {text: strings.Repeat("x", 17<<20) + "\ncall me on 07700 900123\n", want: 2, errs: ":1: the line is longer"},
		"a picture":         {text: "\xff\xd8\xff\xe0\x00\x10JFIF", want: 2, errs: "a picture"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			args := c.args
			if args == nil {
				args = []string{put(t, dir, name+".txt", c.text)}
			}
			_, errs, code := runScan(t, "", args...)
			if code != c.want || !strings.Contains(errs, c.errs) {
				t.Errorf("exit code %d, want %d; said %.200q, want %q in it", code, c.want, errs, c.errs)
			}
		})
	}
}

func TestScanTakesFoldersAndSaysWhatItLeftClosed(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "sub/WhatsApp Chat with Flood North.txt", floodChat)
	put(t, dir, "sub/hall.jpg", "\xff\xd8")
	put(t, dir, "notes.txt", "call me on 07700 900123\n")
	out, errs, code := runScan(t, "", "--format", "jsonl", dir)
	if code != 2 || !strings.Contains(errs, "North.txt:7:") || !strings.Contains(errs, "1 picture was not looked into") {
		t.Errorf("exit code %d, said: %s", code, errs)
	}
	if n := strings.Count(out, "\n"); n != 10 {
		t.Errorf("%d lines, want one for each of 10 messages", n)
	}
}

func TestScanGivesTheSendersMessagesAsContext(t *testing.T) {
	chat := "24/11/2026, 02:14 - Sam Okafor: my mobile number is\n24/11/2026, 02:15 - Tom Ellery: ok\n24/11/2026, 02:16 - Sam Okafor: 07700\n24/11/2026, 02:17 - Sam Okafor: 900123\n"
	out, _, code := runScan(t, chat, "--format", "jsonl", "-")
	if code != 1 || !strings.Contains(out, `"phone"`) {
		t.Errorf("a number in two messages of one sender was not found (exit code %d):\n%s", code, out)
	}
}

func TestScanShowsNoValueAndNoName(t *testing.T) {
	dir := t.TempDir()
	chat := put(t, dir, "WhatsApp Chat with Flood North.txt", floodChat)
	report := filepath.Join(dir, "report.html")
	if _, errs, code := runScan(t, "", "--format", "html", "--output", report, chat); code != 2 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	for _, ending := range []string{".html", ".csv", ".jsonl"} {
		b, err := os.ReadFile(beside(report, ending))
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range append([]string{"Sam Okafor", "Priya", "Edith"}, planted...) {
			if strings.Contains(string(b), value) {
				t.Errorf("%s shows %q", ending, value)
			}
		}
	}
	page, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, not := range []string{"<script", "http://", "https://", "src=", "@import", "url(http"} {
		if strings.Contains(string(page), not) {
			t.Errorf("the page holds %q: it must stand alone", not)
		}
	}
	runScan(t, "", "--format", "html", "--names", "--output", report, chat)
	if page, err = os.ReadFile(report); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "Sam Okafor") || !strings.Contains(string(page), "This page names people") {
		t.Error("--names does not name people, or does not say so")
	}
}

func TestScanComparesWithAnEarlierReport(t *testing.T) {
	dir := t.TempDir()
	name := "WhatsApp Chat with Flood North.txt"
	first, second := filepath.Join(dir, "first.html"), filepath.Join(dir, "second.html")
	runScan(t, "", "--format", "html", "--output", first, put(t, dir, name, floodChat))
	shorter := strings.ReplaceAll(floodChat, "45/13/2026, 02:17 - Tom Ellery: the wifi password is Puddle-Duck77!\n", "") +
		"03/12/2026, 10:00 - Tom Ellery: my number is 07700 900456\n"
	_, errs, code := runScan(t, "", "--format", "html", "--output", second, "--since-report", first, put(t, dir, name, shorter))
	if code != 1 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	page, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1 finding new, 1 gone.", `<span class="tag">new</span>`, "What is gone"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if _, errs, code = runScan(t, "", "--format", "html", "--since-report", filepath.Join(dir, "none.html"), dir); code != 2 || !strings.Contains(errs, "the CSV of the earlier report is needed") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func TestScanDoesNotWriteWhereItReads(t *testing.T) {
	dir := t.TempDir()
	in := put(t, dir, "in/chat.jsonl", "{\"id\":\"a\",\"text\":\"two pumps\"}\n")
	for _, args := range [][]string{
		{"--format", "jsonl", "--output", in, in},
		{"--format", "html", "--output", beside(in, ".html"), in},
		{"--format", "csv", "--output", filepath.Join(dir, "in", "new.csv"), filepath.Dir(in)},
	} {
		if _, errs, code := runScan(t, "", args...); code != 2 || !strings.Contains(errs, "choose another") {
			t.Errorf("%v: exit code %d, said %q", args, code, errs)
		}
	}
	if b, err := os.ReadFile(in); err != nil || len(b) == 0 {
		t.Errorf("the export is gone: %v", err)
	}
}

// A chat of two carries a person's name; a group's own lines on iOS do not
// make it one.
func TestScanTellsChatsOfTwoFromGroups(t *testing.T) {
	dir := t.TempDir()
	direct := put(t, dir, "WhatsApp Chat - Mair Rowlands.txt", "[24/11/2026, 02:14:00] Mair Rowlands: call me on 07700 900123\n")
	group := put(t, dir, "WhatsApp Chat - Flood North.txt", "[24/11/2026, 02:13:00] Flood North: \u200eMessages and calls are end-to-end encrypted.\n[24/11/2026, 02:14:00] Tom: call me on 07700 900123\n")
	out, _, _ := runScan(t, "", "--format", "html", direct, group)
	if strings.Contains(out, "Mair") || !strings.Contains(out, "Direct chat 1") || !strings.Contains(out, "Flood North") {
		t.Error("the chat of two is named, or the group is not")
	}
}

func TestScanCSVCannotBeAFormula(t *testing.T) {
	out, _, _ := runScan(t, "{\"id\":\"=HYPERLINK(\\\"x\\\")\",\"text\":\"call me on 07700 900123\"}\n", "--input", "jsonl", "--format", "csv", "-")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%v: %q", err, out)
	}
	if diff := cmp.Diff("'=HYPERLINK(\"x\")", rows[1][0]); diff != "" {
		t.Errorf("the cell is alive (-want +got):\n%s", diff)
	}
}

func TestScanEscapesWhatAnExportSays(t *testing.T) {
	dir := t.TempDir()
	hostile := "24/11/2026, 02:14 - <img src=x onerror=alert(1)>: call me on 07700 900123\n24/11/2026, 02:15 - <b>\u202egnp: 07700 900456 call\n"
	chat := put(t, dir, "WhatsApp Chat with <script>alert(2)<.txt", hostile)
	out, _, _ := runScan(t, "", "--format", "html", "--names", chat)
	for _, not := range []string{"<img", "<script", "\u202e"} {
		if strings.Contains(out, not) {
			t.Errorf("the page holds %q", not)
		}
	}
}

func TestScanKeepsTheOrderOfManyMessages(t *testing.T) {
	var in, want strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&in, "{\"id\":\"%d\",\"text\":\"message %d\"}\n", i, i)
		fmt.Fprintf(&want, "{\"id\":\"%d\",\"findings\":[]}\n", i)
	}
	out, _, code := runScan(t, in.String(), "--input", "jsonl", "--format", "jsonl", "-")
	if code != 0 || out != want.String() {
		t.Errorf("exit code %d, or the order is lost", code)
	}
}
