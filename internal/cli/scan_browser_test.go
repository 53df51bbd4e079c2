package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"chaperone/internal/exports"
	"chaperone/rules"
)

// browse starts a browser and gathers what it complains about and what it
// asks of anybody.
func browse(t testing.TB) (ctx context.Context, complaints func() []string) {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Skip("SKIPPED: there is no Chromium here; .ci/run installs it")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)
	alloc, stop := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(stop)
	ctx, done := chromedp.NewContext(alloc)
	t.Cleanup(done)
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	var mu sync.Mutex
	var said []string
	err := chromedp.Listen(ctx, func(ev any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := ev.(type) {
		case *log.EventEntryAdded:
			said = append(said, e.Entry.Text)
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(e.Request.URL, "file://") {
				said = append(said, "it asks for "+e.Request.URL)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return ctx, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return said
	}
}

// weeks writes a chat of sixteen weeks with findings of every severity.
func weeks() string {
	var b strings.Builder
	at := time.Date(2026, 8, 3, 8, 0, 0, 0, time.UTC)
	for i := range 900 {
		at = at.Add(3 * time.Hour)
		text := "two pumps on the way"
		switch {
		case i%23 == 0:
			text = fmt.Sprintf("call me on 07700 9001%02d", i%100)
		case i%41 == 0:
			text = fmt.Sprintf("the wifi password is Puddle-Duck%d!", i)
		case i%57 == 0:
			text = "Decision: close the rest centre at 18:00 because the water is down"
		case i%61 == 0:
			text = "Mrs Edith Lowe is at 4 Weir Road, CW1 2AB"
		}
		fmt.Fprintf(&b, "[%s] %s: %s\n", at.Format("02/01/2006, 15:04:05"), []string{"Sam Okafor", "Priya Nair", "Tom Ellery"}[i%3], text)
	}
	b.WriteString("[30/11/2026, 10:00:00] Tom Ellery: \u200eTom Ellery left\n[30/11/2026, 10:00:00] Sam Okafor: \u200eimage omitted\n[45/13/2026, 10:00:00] Sam: ok\n")
	return b.String()
}

// TestReportInABrowser opens the report at two widths, in light and dark and
// for print, and holds its charts against the CSV beside it. With
// CHAPERONE_PICTURES=DIR it leaves a picture of each there.
func TestReportInABrowser(t *testing.T) {
	ctx, complaints := browse(t)
	dir := t.TempDir()
	report := filepath.Join(dir, "report.html")
	other := put(t, dir, "WhatsApp Chat with Rest Centre Team.txt", floodChat)
	if _, errs, code := runScan(t, "", "--format", "html", "--output", report, put(t, dir, "WhatsApp Chat - Flood North.txt", weeks()), other); code != 2 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	for _, width := range []int64{360, 390, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 1800), media("", scheme), chromedp.Navigate("file://"+report))
			if err != nil {
				t.Fatal(err)
			}
			faults, err := chromedp.Run(ctx, chromedp.Evaluate[string](soundPage))
			if err != nil || faults != "" {
				t.Errorf("at %d in %s: %s (%v)", width, scheme, faults, err)
			}
			keep(ctx, t, fmt.Sprintf("report-%s-%d", scheme, width))
		}
	}
	spoken(ctx, t)
	for _, kind := range []string{"screen", "print"} { // what is closed on a screen is printed open
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(794, 1123), media(kind, "light")); err != nil {
			t.Fatal(err)
		}
		open, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.querySelector("#by-time").checkVisibility()`))
		if err != nil || open != (kind == "print") {
			t.Errorf("on %s the table of the chart is open: %v (%v)", kind, open, err)
		}
	}
	keep(ctx, t, "report-print")
	againstCSV(ctx, t, beside(report, ".csv"))
	if c := complaints(); len(c) > 0 {
		t.Errorf("the browser complained:\n%s", strings.Join(c, "\n"))
	}
}

// soundPage is what a page must be at any width.
const soundPage = `(() => {
	const faults = [];
	if (document.documentElement.scrollWidth > innerWidth) faults.push("scrolls sideways: " + document.documentElement.scrollWidth);
	if (document.querySelectorAll("h1").length !== 1) faults.push("headings of the page: " + document.querySelectorAll("h1").length);
	if (document.scripts.length) faults.push("it has scripts");
	for (const t of document.querySelectorAll("table")) if (!t.caption && !t.getAttribute("aria-labelledby")) faults.push("a table has no name");
	for (const s of document.querySelectorAll("svg:not([aria-hidden], [aria-hidden] *)")) if (!s.getAttribute("aria-labelledby")) faults.push("a picture has no name");
	for (const e of document.querySelectorAll("th")) if (!e.scope) faults.push("a heading has no scope: " + e.textContent);
	if (innerWidth < 640) for (const e of document.querySelectorAll("summary")) if (e.getBoundingClientRect().height < 44) faults.push("too low for a thumb: " + e.textContent);
	return faults.join("; ");
})()`

// spoken holds what a screen reader is told on a phone, where tables fold:
// every table, chart and link has its name, rows and cells are still rows and
// cells; and the keyboard comes to the skip link first, then to all that opens.
func spoken(ctx context.Context, t *testing.T) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(390, 844), media("screen", "light")); err != nil {
		t.Fatal(err)
	}
	tree, err := chromedp.Run(ctx, func(ctx context.Context, tab *chromedp.Target) (accessibility.GetFullAXTreeResult, error) {
		return cdp.Call(ctx, tab, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, node := range tree.Nodes {
		if node.Ignored || node.Role == nil {
			continue
		}
		role, name := axText(node.Role), axText(node.Name)
		seen[role]++
		switch role {
		case "table", "image", "link", "heading", "main", "columnheader", "rowheader":
			if name == "" && role != "main" {
				t.Errorf("a %s has no name", role)
			}
		}
	}
	for _, role := range []string{"table", "image", "row", "cell", "columnheader", "rowheader", "link", "main", "heading", "DisclosureTriangle"} {
		if seen[role] == 0 {
			t.Errorf("a screen reader meets no %s: %v", role, seen)
		}
	}
	if seen["image"] != 2 {
		t.Errorf("a screen reader meets %d charts, want 2", seen["image"])
	}
	var stops []string
	for range 6 {
		at, err := chromedp.Run(ctx, func(ctx context.Context, tab *chromedp.Target) (string, error) {
			if err := chromedp.Do(ctx, chromedp.KeyEvent(kb.Tab)); err != nil {
				return "", err
			}
			return chromedp.Run(ctx, chromedp.Evaluate[string](`document.activeElement.textContent + "|" + getComputedStyle(document.activeElement).outlineStyle`))
		})
		if err != nil {
			t.Fatal(err)
		}
		stops = append(stops, at)
	}
	want := []string{"Skip to the page|solid", "2 not read|solid", "2 gaps, listed below|solid", "The same as a table|solid", "The days as a table|solid", "All 111 findings as CSV|solid"}
	if diff := cmp.Diff(want, stops); diff != "" {
		t.Errorf("the keyboard stops at (-want +got):\n%s", diff)
	}
}

// axText gives a name or role without its quotes.
func axText(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	return strings.Trim(string(v.Value), `"`)
}

// againstCSV holds both charts against the CSV.
func againstCSV(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	categories, byWeek, byDay, byCell := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	for _, row := range rows[1:] {
		categories[row[3]]++
		if at, err := time.Parse(time.DateTime, row[1]); err == nil {
			byWeek[begins(at, "week").Format("2 January 2006")+" "+row[7]]++
			byDay[at.Format("2 January 2006")]++
			week := begins(at, "week")
			byCell[fmt.Sprintf("%s + %d", week.Format("2 January 2006"), int(at.Sub(week).Hours())/24)]++
		}
	}
	shown, err := chromedp.Run(ctx, chromedp.Evaluate[map[string]int](`Object.fromEntries([...document.querySelectorAll("[data-category]")].map(r => [r.dataset.category, +r.cells[2].textContent.replace(",", "")]))`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(categories, shown); diff != "" {
		t.Errorf("the bars do not agree with the CSV (-csv +page):\n%s", diff)
	}
	table, err := chromedp.Run(ctx, chromedp.Evaluate[map[string]int](`Object.fromEntries([...document.querySelectorAll("#by-time tbody tr")].flatMap(r =>
		["serious", "caution", "note"].map((s, i) => [r.cells[0].textContent + " " + s, +r.cells[i+1].textContent])).filter(e => e[1]))`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(byWeek, table); diff != "" {
		t.Errorf("the table of weeks does not agree with the CSV (-csv +page):\n%s", diff)
	}
	onDays, err := chromedp.Run(ctx, chromedp.Evaluate[map[string]int](`Object.fromEntries([...document.querySelectorAll("#by-day tbody tr")].flatMap(r =>
		[0, 1, 2, 3, 4, 5, 6].map(i => [r.cells[0].textContent + " + " + i, +r.cells[i+1].textContent || 0])).filter(e => e[1]))`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(byCell, onDays); diff != "" {
		t.Errorf("the table of days does not agree with the CSV (-csv +page):\n%s", diff)
	}
	cells, err := chromedp.Run(ctx, chromedp.Evaluate[map[string]string](`Object.fromEntries([...document.querySelectorAll("svg[aria-labelledby=htt] rect")].map(r =>
		[r.querySelector("title").textContent.replace(/^\w+ /, ""), r.getAttribute("class")]))`))
	if err != nil {
		t.Fatal(err)
	}
	for day, n := range byDay {
		if class := cells[day+": "+count(n, "finding")]; !strings.HasPrefix(class, "l") || class == "l0" {
			t.Errorf("the cell of %s with %d findings is %q", day, n, class)
		}
	}
	heights, err := chromedp.Run(ctx, chromedp.Evaluate[map[string]float64](`Object.fromEntries(["serious", "caution", "note"].map(s =>
		[s, [...document.querySelectorAll("svg[role=img] > rect." + s)].reduce((sum, r) => sum + +r.getAttribute("height") + 1, 0)]))`))
	if err != nil {
		t.Fatal(err)
	}
	top, err := chromedp.Run(ctx, chromedp.Evaluate[string](`[...document.querySelectorAll("svg[role=img] > text")].find(t => t.getAttribute("y") === "14").textContent`))
	if err != nil {
		t.Fatal(err)
	}
	most, err := strconv.ParseFloat(top, 64)
	if err != nil {
		t.Fatal(err)
	}
	for severity, height := range heights {
		want := 0
		for week, n := range byWeek {
			if strings.HasSuffix(week, severity) {
				want += n
			}
		}
		if got := height / (chartBottom - chartTop) * most; got < float64(want)-1 || got > float64(want)+1 {
			t.Errorf("the columns of %s stand for %.1f findings, the CSV has %d", severity, got, want)
		}
	}
}

func media(kind, scheme string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		return cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Media: kind, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
	}
}

func keep(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("CHAPERONE_PICTURES")
	if dir == "" {
		return
	}
	b, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// manyFindings writes a report of 100,000 findings in 200 chats.
func manyFindings(tb testing.TB) string {
	tb.Helper()
	report := filepath.Join(tb.TempDir(), "report.html")
	f, err := os.Create(report)
	if err != nil {
		tb.Fatal(err)
	}
	list, err := rules.LoadDir("")
	if err != nil {
		tb.Fatal(err)
	}
	s := scan{list: list}
	r, err := s.newHTML(io.Writer(f), nil, f.Close)
	if err != nil {
		tb.Fatal(err)
	}
	at := time.Date(2025, 1, 1, 8, 0, 0, 0, time.UTC)
	for i := range 100_000 {
		at = at.Add(5 * time.Minute)
		m := exports.Message{ID: fmt.Sprint(i), Chat: fmt.Sprintf("Chat %d", i%200), Sender: fmt.Sprintf("member %d", i%5000), At: at, Kind: exports.Said, File: "x", Line: i + 1}
		rule := list[i%len(list)]
		err := r.message(m, []rules.Finding{{Rule: rule.ID, Category: rule.Category, Severity: rule.Severity, Confidence: 0.9, Mask: rule.Title + ", ending 43", Because: []string{"it has the form"}}})
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := r.end(); err != nil {
		tb.Fatal(err)
	}
	return report
}

// A report of 100,000 findings opens, since the page is bounded: it lists the
// first 2,000 and counts all. The time is printed; "make bench" measures it.
func TestAReportOfManyFindingsIsBounded(t *testing.T) {
	report := manyFindings(t)
	info, err := os.Stat(report)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 2<<20 {
		t.Errorf("the page has %d bytes", info.Size())
	}
	ctx, _ := browse(t)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate("file://"+report)); err != nil {
		t.Fatal(err)
	}
	ms, err := chromedp.Run(ctx, chromedp.Evaluate[float64](`performance.getEntriesByType("navigation")[0].loadEventEnd`))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("100,000 findings, %d KiB: the page opened in %.0f ms", info.Size()>>10, ms)
	shown, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`[document.querySelectorAll(".findings tbody tr").length + " rows", document.querySelector("#byc").closest("section").querySelector("tfoot .n").textContent]`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"2000 rows", "100,000"}, shown); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
