package cli

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"chaperone/internal/chat"
	"chaperone/internal/detect"
	"chaperone/internal/exports"
	"chaperone/internal/policy"
	"chaperone/rules"
)

// scan is one run of the scan command.
type scan struct {
	input, format, rules string
	all                  bool
	set                  *detect.Set
	out                  reporter
	errs                 io.Writer
	read                 atomic.Int64 // bytes, for the progress bar
	total                int64
	found                atomic.Int64
	failed               atomic.Int64
}

func scanCommand() *cobra.Command {
	var s scan
	cmd := &cobra.Command{
		Use:   "scan PATH...",
		Short: "Look through chat exports and text for what should not be there",
		Long: `Reads WhatsApp exports (.txt and .zip), JSON lines ({"id","text"}) and plain
text, and reports what the rules find. '-' is standard input; a folder stands
for the files in it. What cannot be read is reported with its place, and the
rest is still scanned. Nothing is kept or sent.

Exit status: 0 nothing found, 1 something found, 2 something could not be read.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return s.run(cmd, args) },
	}
	names := make([]string, len(exports.Formats))
	for i, f := range exports.Formats {
		names[i] = string(f)
	}
	f := cmd.Flags()
	f.StringVar(&s.input, "input", "auto", "what is read: "+strings.Join(names, ", "))
	f.StringVar(&s.format, "format", "text", "what is written: text, jsonl or csv")
	f.StringVar(&s.rules, "rules", "", "`DIR` of the organisation's own rules")
	f.BoolVar(&s.all, "all", false, "report doubtful findings too (confidence under 0.5)")
	return cmd
}

func (s *scan) run(cmd *cobra.Command, args []string) error {
	if !slices.Contains(exports.Formats, exports.Format(s.input)) {
		return fmt.Errorf("--input %q: use one of %v", s.input, exports.Formats)
	}
	list, err := rules.LoadDir(s.rules)
	if err != nil {
		return err
	}
	if s.set, err = detect.Compile(list); err != nil {
		return err
	}
	if s.out, err = newReporter(s.format, cmd.OutOrStdout()); err != nil {
		return err
	}
	s.errs = cmd.ErrOrStderr()
	paths, err := s.paths(args)
	if err != nil {
		return err
	}
	stop := s.progress(cmd.ErrOrStderr())
	for _, p := range paths {
		if err := s.path(cmd, p); err != nil {
			stop()
			return err
		}
	}
	stop()
	if err := s.out.end(); err != nil {
		return err
	}
	switch {
	case s.failed.Load() > 0:
		return exitError{code: 2}
	case s.found.Load() > 0:
		return exitError{code: 1}
	}
	return nil
}

// paths lists the files, those of a folder in its place.
func (s *scan) paths(args []string) ([]string, error) {
	var out []string
	for _, a := range args {
		info, err := os.Stat(a)
		if a == "-" || err != nil || !info.IsDir() {
			if err == nil {
				s.total += info.Size()
			}
			out = append(out, a)
			continue
		}
		err = filepath.WalkDir(a, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.Type().IsRegular() && chatFile(p) {
				if info, err := d.Info(); err == nil {
					s.total += info.Size()
				}
				out = append(out, p)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// chatFile tells the files of a folder that may be chats from pictures and the
// like that lie beside them.
func chatFile(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".txt", ".zip", ".jsonl", ".ndjson", ".log", ".md", "":
		return true
	}
	return false
}

// counted counts what is read, for the progress bar.
type counted struct {
	io.Reader
	n *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func (s *scan) path(cmd *cobra.Command, name string) error {
	as := exports.Format(s.input)
	count := func(r io.Reader) io.Reader { return counted{r, &s.read} }
	messages := exports.ReadFile(name, as, count)
	if name == "-" {
		messages = exports.Read("-", count(cmd.InOrStdin()), as)
	}
	return s.messages(cmd.Context(), messages)
}

// piece is a run of messages that one worker scans.
type piece struct {
	messages []exports.Message
	before   [][]string
	errs     []error // what could not be read, before the message of the same place
	found    [][]rules.Finding
	err      error
	done     chan struct{}
}

const pieceSize = 256

// messages scans in several workers and reports in the order of the input.
func (s *scan) messages(ctx context.Context, messages iter.Seq2[exports.Message, error]) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := runtime.GOMAXPROCS(0)
	todo := make(chan *piece, workers)
	order := make(chan *piece, 2*workers)
	for range workers {
		go func() {
			for p := range todo {
				p.scan(ctx, s.set)
				close(p.done)
			}
		}()
	}
	go func() {
		defer close(order)
		defer close(todo)
		s.split(messages, func(p *piece) bool {
			select {
			case order <- p:
			case <-ctx.Done():
				return false
			}
			todo <- p
			return true
		})
	}()
	for p := range order {
		<-p.done
		if err := s.report(p); err != nil {
			cancel()
			for p := range order {
				<-p.done
			}
			return err
		}
	}
	return ctx.Err()
}

// split cuts the input into pieces and gathers each message's context.
func (s *scan) split(messages iter.Seq2[exports.Message, error], send func(*piece) bool) {
	fresh := func() *piece { return &piece{done: make(chan struct{})} }
	p, ctx := fresh(), recent{}
	for m, err := range messages {
		p.errs = append(p.errs, err)
		p.messages = append(p.messages, m)
		p.before = append(p.before, ctx.add(m, err))
		if len(p.messages) == pieceSize {
			if !send(p) {
				return
			}
			p = fresh()
		}
	}
	if len(p.messages) > 0 {
		send(p)
	}
}

func (p *piece) scan(ctx context.Context, set *detect.Set) {
	p.found = make([][]rules.Finding, len(p.messages))
	for i, m := range p.messages {
		if p.errs[i] != nil {
			continue
		}
		text := m.Text
		var err error
		if p.found[i], err = set.Scan(ctx, text, detect.Context{Before: p.before[i], Kind: chat.Team}); err != nil {
			p.errs[i] = &exports.Broken{Place: m.ID, What: "it could not be scanned: " + err.Error()}
			if ctx.Err() != nil {
				p.err = ctx.Err()
				return
			}
		}
	}
}

func (s *scan) report(p *piece) error {
	if p.err != nil {
		return p.err
	}
	for i, m := range p.messages {
		if err := p.errs[i]; err != nil {
			s.failed.Add(1)
			fmt.Fprintln(s.errs, "chaperone:", err)
			continue
		}
		found := p.found[i]
		if !s.all {
			found = slices.DeleteFunc(found, func(f rules.Finding) bool { return f.Confidence < policy.Threshold })
		}
		s.found.Add(int64(len(found)))
		if err := s.out.message(m, found); err != nil {
			return err
		}
	}
	return nil
}

// recent holds what each sender said in the ten minutes before a message.
type recent map[string][]exports.Message

const (
	recentWindow  = 10 * time.Minute
	recentMost    = 5
	recentSenders = 5000
	recentText    = 4096 // longer messages are no context for what follows
)

// add gives the context of a message, and makes it context for later ones.
func (r recent) add(m exports.Message, err error) []string {
	if err != nil || m.Sender == "" {
		return nil
	}
	said := slices.DeleteFunc(r[m.Sender], func(e exports.Message) bool { return m.At.Sub(e.At).Abs() > recentWindow })
	var before []string
	for _, e := range said {
		before = append(before, e.Text)
	}
	if len(r) > recentSenders {
		clear(r)
	}
	if len(m.Text) <= recentText {
		said = append(said, exports.Message{At: m.At, Text: m.Text})
	}
	r[m.Sender] = said[max(0, len(said)-recentMost):]
	return before
}

// reporter writes what was found, message by message.
type reporter interface {
	message(m exports.Message, found []rules.Finding) error
	end() error
}

func newReporter(format string, w io.Writer) (reporter, error) {
	switch format {
	case "text":
		return &textReport{w: w}, nil
	case "jsonl":
		return &jsonReport{json.NewEncoder(w)}, nil
	case "csv":
		c := csv.NewWriter(w)
		return &csvReport{c}, c.Write([]string{"id", "at", "rule", "category", "start", "end", "confidence", "severity", "mask"})
	}
	return nil, fmt.Errorf("--format %q: use text, jsonl or csv", format)
}

type jsonReport struct{ enc *json.Encoder }

func (r *jsonReport) message(m exports.Message, found []rules.Finding) error {
	type row struct {
		ID       string          `json:"id"`
		Findings []rules.Finding `json:"findings"`
	}
	if found == nil {
		found = []rules.Finding{}
	}
	return r.enc.Encode(row{m.ID, found})
}

func (r *jsonReport) end() error { return nil }

type csvReport struct{ w *csv.Writer }

func (r *csvReport) message(m exports.Message, found []rules.Finding) error {
	at := ""
	if !m.At.IsZero() {
		at = m.At.Format(time.DateTime)
	}
	for _, f := range found {
		err := r.w.Write([]string{inertCell(m.ID), at, f.Rule, f.Category, fmt.Sprint(f.Start), fmt.Sprint(f.End),
			fmt.Sprintf("%.2f", f.Confidence), string(f.Severity), inertCell(f.Mask)})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *csvReport) end() error {
	r.w.Flush()
	return r.w.Error()
}

// inertCell keeps a spreadsheet from taking a cell for a formula.
func inertCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

type textReport struct {
	w                 io.Writer
	messages, flagged int
	by                map[string]int
}

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
	fmt.Fprintf(&b, "%s", printable(m.ID))
	if !m.At.IsZero() {
		fmt.Fprintf(&b, "  %s", m.At.Format("2 January 2006, 15:04"))
	}
	b.WriteByte('\n')
	for _, f := range found {
		r.by[f.Category]++
		fmt.Fprintf(&b, "    %s %s  %s (%s, confidence %.2f)\n", severityMark[f.Severity], f.Severity, f.Mask, f.Rule, f.Confidence)
	}
	_, err := io.WriteString(r.w, b.String())
	return err
}

var severityMark = map[rules.Severity]string{rules.Serious: "◆", rules.Caution: "▲", rules.Note: "○"}

func (r *textReport) end() error {
	if r.flagged == 0 {
		_, err := fmt.Fprintf(r.w, "%d messages read. Nothing was found.\n", r.messages)
		return err
	}
	fmt.Fprintf(r.w, "\n%d messages read, something found in %d:\n", r.messages, r.flagged)
	var names []string
	for n := range r.by {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := r.by[b] - r.by[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for _, n := range names {
		if _, err := fmt.Fprintf(r.w, "    %6d  %s\n", r.by[n], n); err != nil {
			return err
		}
	}
	return nil
}

// printable keeps control characters of an input away from the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			return '·'
		}
		return r
	}, s)
}

// progress draws a bar on a terminal, and nothing elsewhere.
func (s *scan) progress(w io.Writer) (stop func()) {
	if !terminal(w) {
		return func() {}
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(200 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				fmt.Fprint(w, "\r"+s.bar()+"\x1b[K")
			case <-quit:
				fmt.Fprint(w, "\r\x1b[K")
				return
			}
		}
	}()
	return func() { close(quit); <-ended }
}

func (s *scan) bar() string {
	const width = 24
	read, mb := s.read.Load(), 1e6
	if s.total == 0 {
		return fmt.Sprintf("Reading: %.1f MB, %d found", float64(read)/mb, s.found.Load())
	}
	part := min(float64(read)/float64(s.total), 1)
	full := int(part * width)
	return fmt.Sprintf("Reading %s%s %3.0f%%  %.1f of %.1f MB, %d found", strings.Repeat("█", full), strings.Repeat("░", width-full),
		100*part, float64(read)/mb, float64(s.total)/mb, s.found.Load())
}
