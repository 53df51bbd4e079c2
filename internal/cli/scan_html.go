package cli

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"chaperone/internal/console"
	"chaperone/internal/exports"
	"chaperone/rules"
)

//go:embed scan_report.html
var reportPage string

// Bounds on what one page lists; the CSV beside it has everything.
const (
	listMost  = 2000 // findings
	chatsMost = 1000
	linesMost = 300 // gaps, broken places, joins and leaves, each
)

// htmlReport gathers a report while the scan runs. It keeps counts, and of the
// findings only those that the page lists, so that memory stays flat.
type htmlReport struct {
	w      io.Writer
	after  func() error
	scan   *scan
	people *people
	keys   keys
	titles map[string]rules.Rule
	beside []reporter // CSV and JSON lines
	csv    string     // the name of the CSV beside the page
	old    *earlier

	messages, files int
	lastFile        string
	first, last     time.Time
	total           int
	bySeverity      map[rules.Severity]int
	byCategory      map[string]int
	byDay           days
	readOn          map[int64]bool // days on which something was read
	undated         int            // findings without a date
	chats           map[string]*chatCount
	listed          map[rules.Severity][]listedFinding
	came            []arrival
	cameMore        int
	gaps, unread    notes
}

type chatCount struct {
	Messages, Findings int
	days               days
}

// listedFinding is one row of the page.
type listedFinding struct {
	m     exports.Message // without its text
	f     rules.Finding
	isNew bool
}

// arrival is somebody's joining or leaving.
type arrival struct {
	m exports.Message
}

// notes are lines of which the first are kept and all are counted.
type notes struct {
	Lines []note
	More  int
}

type note struct{ Place, What string }

func (n *notes) add(place, what string) {
	if len(n.Lines) < linesMost {
		n.Lines = append(n.Lines, note{printable(filepath.Base(place)), printable(what)})
		return
	}
	n.More++
}

// Count counts all notes.
func (n notes) Count() int { return len(n.Lines) + n.More }

func (s *scan) newHTML(w io.Writer, old *earlier, after func() error) (reporter, error) {
	r := &htmlReport{w: w, after: after, scan: s, people: newPeople(s.names), keys: keys{}, titles: map[string]rules.Rule{}, old: old,
		bySeverity: map[rules.Severity]int{}, byCategory: map[string]int{}, byDay: days{}, readOn: map[int64]bool{}, chats: map[string]*chatCount{},
		listed: map[rules.Severity][]listedFinding{}}
	for _, rule := range s.list {
		r.titles[rule.ID] = rule
	}
	if s.output == "" {
		return r, nil
	}
	r.csv = beside(s.output, ".csv")
	for _, format := range []string{"csv", "jsonl"} {
		side := scan{format: format, output: beside(s.output, "."+format), names: s.names}
		out, err := side.newReporter(nil)
		if err != nil {
			return nil, err
		}
		r.beside = append(r.beside, out)
	}
	return r, nil
}

func (r *htmlReport) broken(place, what string) { r.unread.add(place, what) }
func (r *htmlReport) gap(place, what string)    { r.gaps.add(place, what) }

func (r *htmlReport) message(m exports.Message, found []rules.Finding) error {
	for _, b := range r.beside {
		if err := b.message(m, found); err != nil {
			return err
		}
	}
	r.messages++
	if m.File != r.lastFile {
		r.files++
		r.lastFile = m.File
	}
	if !m.At.IsZero() && (r.first.IsZero() || m.At.Before(r.first)) {
		r.first = m.At
	}
	if m.At.After(r.last) {
		r.last = m.At
	}
	if !m.At.IsZero() && len(r.readOn) < maxDays {
		r.readOn[m.At.Unix()/daySeconds] = true
	}
	r.people.meet(m)
	c := r.chat(m.Chat)
	c.Messages++
	m.Text = ""
	if m.Kind == exports.Joined || m.Kind == exports.Left {
		if len(r.came) < linesMost {
			r.came = append(r.came, arrival{m})
		} else {
			r.cameMore++
		}
	}
	for _, f := range found {
		r.finding(m, c, f)
	}
	return nil
}

func (r *htmlReport) chat(name string) *chatCount {
	c := r.chats[name]
	if c == nil && len(r.chats) >= chatsMost {
		name = "other chats"
		c = r.chats[name]
	}
	if c == nil {
		c = &chatCount{days: days{}}
		r.chats[name] = c
	}
	return c
}

func (r *htmlReport) finding(m exports.Message, c *chatCount, f rules.Finding) {
	r.total++
	r.bySeverity[f.Severity]++
	r.byCategory[f.Category]++
	r.byDay.add(m.At, f.Severity)
	if m.At.IsZero() {
		r.undated++
	}
	c.Findings++
	c.days.add(m.At, f.Severity)
	isNew := r.old != nil && !r.old.seen(r.keys.of(m, f))
	if list := r.listed[f.Severity]; len(list) < listMost {
		r.listed[f.Severity] = append(list, listedFinding{m: m, f: f, isNew: isNew})
	}
}

func (r *htmlReport) end() error {
	var errs []error
	for _, b := range r.beside {
		errs = append(errs, b.end())
	}
	t, err := template.New("report").Funcs(template.FuncMap{
		"n":     func(n int) string { return thousands(int64(n)) },
		"count": func(n int, what string) string { return count(n, what) },
		"title": sentence,
		"half":  func(n int) string { return thousands(int64(n) / 2) },
		"pc":    func(x float64) string { return fmt.Sprintf("%.2f%%", x) },
		"px":    func(x float64) string { return fmt.Sprintf("%.1f", x) },
	}).Parse(reportPage)
	if err == nil {
		err = t.Execute(r.w, r.page(time.Now()))
	}
	return errors.Join(append(errs, err, r.after())...)
}

// page is what the template shows.
type page struct {
	Style                         template.CSS
	Made, Title, Period           string
	Messages, Files, Chats        int
	Read                          string
	Total, Serious, Caution, Note int
	Named                         bool
	CSV                           string
	Categories                    []bar
	Columns                       columns
	Heat                          heat
	Undated                       int
	ChatRows                      []chatRow
	Findings                      []row
	Came                          []cameRow
	CameMore                      int
	Gaps, Unread                  notes
	Rules                         int
	Fingerprint                   string
	Compared                      bool
	Since                         string
	New, Gone                     int
	GoneRows                      []goneRow
}

type bar struct {
	Name, ID string
	N        int
	Width    float64
}

type chatRow struct {
	Name               string
	Messages, Findings int
	Spark              string
	End                [2]float64
}

type row struct {
	Severity, Word            string
	At, Where, Person         string
	Title, Mask, Tail, Blocks string
	Because, Todo             string
	New                       bool
}

type cameRow struct{ At, Chat, What string }

func (r *htmlReport) page(now time.Time) page {
	p := page{Style: template.CSS(console.Style()), Made: now.Format("2 January 2006, 15:04"), Messages: r.messages, Files: r.files,
		Chats: len(r.chats), Read: volume(r.scan.read.Load()), Total: r.total, Serious: r.bySeverity[rules.Serious],
		Caution: r.bySeverity[rules.Caution], Note: r.bySeverity[rules.Note], Named: r.people.show, CameMore: r.cameMore,
		Gaps: r.gaps, Unread: r.unread, Rules: len(r.scan.list), Fingerprint: fingerprint(r.scan.list)}
	p.Title = "What is already in " + count(p.Chats, "chat")
	if p.Chats == 1 {
		for name := range r.chats {
			p.Title = "What is already in " + r.people.chat(name)
		}
	}
	if !r.first.IsZero() {
		p.Period = r.first.Format("2 January 2006, 15:04") + " to " + r.last.Format("2 January 2006, 15:04")
	}
	if r.csv != "" {
		p.CSV = (&url.URL{Path: filepath.Base(r.csv)}).String()
	}
	p.Categories = r.categories()
	p.Columns = r.byDay.columns(r.first, r.last)
	p.Heat, p.Undated = r.byDay.heat(r.readOn, r.first, r.last), r.undated
	p.ChatRows = r.chatRows()
	p.Findings = r.rows()
	slices.SortStableFunc(r.came, func(a, b arrival) int { return a.m.At.Compare(b.m.At) })
	for _, a := range r.came {
		p.Came = append(p.Came, r.cameRow(a.m))
	}
	if r.old != nil {
		p.Compared, p.Since = true, r.old.name
		p.New, p.Gone = r.old.unseen, len(r.old.rows)
		p.GoneRows = r.old.gone(linesMost)
	}
	return p
}

// volume says how much was read.
func volume(n int64) string {
	if n < 1e6 {
		return fmt.Sprintf("%.1f KB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// fingerprint tells sets of rules apart, by what their packs say.
func fingerprint(list []rules.Rule) string {
	b, err := yaml.Marshal(list)
	if err != nil {
		return "unknown"
	}
	sum := sha256.Sum256(b)
	s := hex.EncodeToString(sum[:4])
	return s[:4] + "\u00a0" + s[4:]
}

// cameRow says who joined or left: those whom the export names, or else who
// caused it, or somebody.
func (r *htmlReport) cameRow(m exports.Message) cameRow {
	what := "joined"
	if m.Kind == exports.Left {
		what = "left or was removed"
	}
	var who []string
	for _, w := range m.Who {
		who = append(who, r.people.name(w))
	}
	if n := len(who); n > 1 {
		what = strings.Replace(what, "was", "were", 1)
		who = []string{strings.Join(who[:n-1], ", ") + " and " + who[n-1]}
	}
	name := cmp.Or(strings.Join(who, ""), r.people.name(m.Sender), "somebody")
	return cameRow{day(m.At), r.people.chat(m.Chat), sentence(name + " " + what)}
}

func day(at time.Time) string {
	if at.IsZero() {
		return "no date"
	}
	return at.Format("2 Jan 2006, 15:04")
}

// rows lists findings, the serious first.
func (r *htmlReport) rows() []row {
	var out []row
	for _, severity := range []rules.Severity{rules.Serious, rules.Caution, rules.Note} {
		for _, l := range r.listed[severity] {
			if len(out) == listMost {
				return out
			}
			out = append(out, r.row(l))
		}
	}
	return out
}

func (r *htmlReport) row(l listedFinding) row {
	rule := r.titles[l.f.Rule]
	out := row{Severity: string(l.f.Severity), Word: sentence(string(l.f.Severity)), At: day(l.m.At), Person: r.people.name(l.m.Sender),
		Where: r.people.chat(l.m.Chat), Title: sentence(rule.Title), Because: sentence(strings.Join(l.f.Because, "; ")),
		Todo: todo(rule), New: l.isNew}
	if l.m.Line > 0 {
		out.Where += ", line " + thousands(int64(l.m.Line))
	} else if l.m.ID != "" && l.m.ID != l.m.File {
		out.Where += ", message " + printable(filepath.Base(l.m.ID))
	}
	if out.Title == "" {
		out.Title = sentence(l.f.Category)
	}
	head, tail, ends := strings.Cut(l.f.Mask, ", ending ")
	switch {
	case ends:
		out.Mask, out.Tail, out.Blocks = sentence(head)+", masked, ending ", tail, "▮▮▮"
	case rule.Class == rules.Credential:
		out.Mask, out.Blocks = sentence(head)+", masked", "▮▮▮"
	default:
		if sentence(l.f.Mask) != out.Title {
			out.Tail = printable(l.f.Mask)
		}
	}
	return out
}

// todo says in a few words what to do about a finding, by what it is evidence
// of. The policy may ask for more; the rule's own guidance says why.
func todo(r rules.Rule) string {
	switch r.Class {
	case rules.Secret:
		return "Tell the security officer now; copy it nowhere"
	case rules.Marked:
		return "Move to the system for its marking, then delete"
	case rules.Special:
		return "Move to the case system, then delete"
	case rules.Credential:
		return "Change it, then delete"
	case rules.Significant:
		return "Keep as a record"
	case rules.Suspicious:
		return "Do not open; report, then delete"
	case rules.Official, rules.Logistical:
		return "Nothing by itself"
	}
	if r.Category == "person_name" {
		return "Usually fine alone"
	}
	return "Delete when the job is done"
}

// earlier is what a report said before, for comparison.
type earlier struct {
	name   string
	rows   map[string]goneRow // what has not been seen again
	unseen int                // findings of this scan that it did not have
}

type goneRow struct{ At, Chat, Rule, Mask, Severity string }

// earlierFile names the CSV that belongs to a report.
func earlierFile(name string) string {
	if ext := strings.ToLower(filepath.Ext(name)); ext == ".html" || ext == ".htm" {
		return beside(name, ".csv")
	}
	return name
}

// loadEarlier reads the CSV of a report, or the one beside an HTML report.
func loadEarlier(name string) (*earlier, error) {
	if name == "" {
		return nil, nil
	}
	file := earlierFile(name)
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--since-report: the CSV of the earlier report is needed: %w", err)
	}
	defer f.Close()
	rows, err := readEarlier(f)
	if err != nil {
		return nil, fmt.Errorf("--since-report %s: %w", file, err)
	}
	return &earlier{name: filepath.Base(name), rows: rows}, nil
}
