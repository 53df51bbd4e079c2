package cli

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"chaperone/internal/exports"
	"chaperone/rules"
)

// reporter writes what was found, message by message.
type reporter interface {
	message(m exports.Message, found []rules.Finding) error
	broken(place, what string)
	gap(place, what string)
	end() error
}

func (s *scan) newReporter(stdout io.Writer) (reporter, error) {
	old, err := loadEarlier(s.since)
	if err != nil {
		return nil, err
	}
	w, closer := stdout, func() error { return nil }
	if s.output != "" {
		f, err := os.OpenFile(s.output, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return nil, fmt.Errorf("--output: %w", err)
		}
		w, closer = f, f.Close
	}
	b := bufio.NewWriterSize(w, 64<<10)
	after := func() error { return errors.Join(b.Flush(), closer()) }
	switch s.format {
	case "jsonl":
		return &jsonReport{enc: json.NewEncoder(b), after: after}, nil
	case "csv":
		return newCSV(b, newPeople(s.names), after)
	case "html":
		return s.newHTML(b, old, after)
	}
	return &textReport{w: b, after: after}, nil
}

// apart refuses to write where the scan reads: the export would be lost, or
// the report read as one.
func (s *scan) apart(inputs []string) error {
	if s.output == "" {
		return nil
	}
	outputs := []string{s.output}
	if s.format == "html" {
		outputs = append(outputs, beside(s.output, ".csv"), beside(s.output, ".jsonl"))
	}
	for _, out := range outputs {
		there, missing := os.Stat(out)
		for _, in := range inputs {
			info, err := os.Stat(in)
			switch {
			case err != nil:
			case missing == nil && os.SameFile(info, there):
				return fmt.Errorf("--output: %s is read by this scan: choose another name", out)
			case info.IsDir() && within(out, in):
				return fmt.Errorf("--output: %s lies in the folder that is scanned: choose another place", out)
			}
		}
		if s.since != "" && missing == nil {
			if old, err := os.Stat(earlierFile(s.since)); err == nil && os.SameFile(old, there) {
				return fmt.Errorf("--output: %s is the earlier report: choose another name", out)
			}
		}
	}
	return nil
}

func within(file, dir string) bool {
	f, err := filepath.Abs(file)
	d, derr := filepath.Abs(dir)
	if err != nil || derr != nil {
		return false
	}
	rel, err := filepath.Rel(d, f)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// jsonReport writes one object for each message.
type jsonReport struct {
	enc   *json.Encoder
	after func() error
}

// jsonFinding has the fields that other programs rely on, and no others.
type jsonFinding struct {
	Rule       string         `json:"rule"`
	Category   string         `json:"category"`
	Start      int            `json:"start"`
	End        int            `json:"end"`
	Confidence float64        `json:"confidence"`
	Severity   rules.Severity `json:"severity"`
	Mask       string         `json:"mask"`
}

func (r *jsonReport) message(m exports.Message, found []rules.Finding) error {
	row := struct {
		ID       string        `json:"id"`
		Findings []jsonFinding `json:"findings"`
	}{m.ID, make([]jsonFinding, 0, len(found))}
	for _, f := range found {
		row.Findings = append(row.Findings, jsonFinding{f.Rule, f.Category, f.Start, f.End, f.Confidence, f.Severity, f.Mask})
	}
	return r.enc.Encode(row)
}

func (r *jsonReport) broken(string, string) {}
func (r *jsonReport) gap(string, string)    {}
func (r *jsonReport) end() error            { return r.after() }

// csvReport writes one line for each finding. "key" names a finding for
// comparison with a later scan.
type csvReport struct {
	w      *csv.Writer
	people *people
	keys   keys
	after  func() error
}

var csvColumns = []string{"id", "at", "rule", "category", "start", "end", "confidence", "severity", "mask", "place", "chat", "person", "because", "key"}

func newCSV(w io.Writer, p *people, after func() error) (*csvReport, error) {
	r := &csvReport{w: csv.NewWriter(w), people: p, keys: keys{}, after: after}
	return r, r.w.Write(csvColumns)
}

func (r *csvReport) message(m exports.Message, found []rules.Finding) error {
	r.people.meet(m)
	for _, f := range found {
		row := []string{m.ID, moment(m.At), f.Rule, f.Category, fmt.Sprint(f.Start), fmt.Sprint(f.End), fmt.Sprintf("%.2f", f.Confidence),
			string(f.Severity), f.Mask, m.Place(), r.people.chat(m.Chat), r.people.name(m.Sender), strings.Join(f.Because, "; "), r.keys.of(m, f)}
		for i := range row {
			row[i] = inertCell(row[i])
		}
		if err := r.w.Write(row); err != nil {
			return err
		}
	}
	return nil
}

func (r *csvReport) broken(string, string) {}
func (r *csvReport) gap(string, string)    {}

func (r *csvReport) end() error {
	r.w.Flush()
	return errors.Join(r.w.Error(), r.after())
}

func moment(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format(time.DateTime)
}

// inertCell keeps a spreadsheet from taking a cell for a formula, and a
// terminal or page from turning its direction.
func inertCell(s string) string {
	s = printable(s)
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}

// textReport is for reading in a terminal.
type textReport struct {
	w                 io.Writer
	after             func() error
	messages, flagged int
	by                map[string]int
	unread, gaps      int
}

func (r *textReport) broken(string, string) { r.unread++ }
func (r *textReport) gap(string, string)    { r.gaps++ }

func (r *textReport) message(m exports.Message, found []rules.Finding) error {
	r.messages++
	if len(found) == 0 {
		return nil
	}
	r.flagged++
	if r.by == nil {
		r.by = map[string]int{}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s", printable(cmp.Or(m.ID, m.Place())))
	if !m.At.IsZero() {
		fmt.Fprintf(&b, "  %s", m.At.Format("2 January 2006, 15:04"))
	}
	b.WriteByte('\n')
	for _, f := range found {
		r.by[f.Category]++
		fmt.Fprintf(&b, "    %s %s  %s (%s, confidence %.2f)\n", severityMark[f.Severity], f.Severity, printable(f.Mask), f.Rule, f.Confidence)
	}
	_, err := io.WriteString(r.w, b.String())
	return err
}

var severityMark = map[rules.Severity]string{rules.Serious: "◆", rules.Caution: "▲", rules.Note: "○"}

func (r *textReport) end() error {
	if r.messages == 0 {
		fmt.Fprintln(r.w, "No messages were read.")
	} else if r.flagged == 0 {
		fmt.Fprintf(r.w, "%s read. Nothing was found.\n", count(r.messages, "message"))
	} else {
		fmt.Fprintf(r.w, "\n%s read, something found in %d:\n", count(r.messages, "message"), r.flagged)
		names := make([]string, 0, len(r.by))
		for n := range r.by {
			names = append(names, n)
		}
		slices.SortFunc(names, func(a, b string) int { return cmp.Or(r.by[b]-r.by[a], strings.Compare(a, b)) })
		for _, n := range names {
			fmt.Fprintf(r.w, "    %6d  %s\n", r.by[n], n)
		}
	}
	if r.unread > 0 {
		fmt.Fprintf(r.w, "%s could not be read: see the lines above.\n", count(r.unread, "place"))
	}
	if r.gaps > 0 {
		fmt.Fprintf(r.w, "%s: what the export does not hold, or is not looked into.\n", count(r.gaps, "gap"))
	}
	return r.after()
}

// count says "1 message" and "1,204 messages".
func count[N int | int64](n N, what string) string {
	if n != 1 {
		what += "s"
	}
	return thousands(int64(n)) + " " + what
}

func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// beside names a file with another ending next to one.
func beside(name, ending string) string {
	return strings.TrimSuffix(name, filepath.Ext(name)) + ending
}
