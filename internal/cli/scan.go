package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"chaperone/internal/chat"
	"chaperone/internal/detect"
	"chaperone/internal/exports"
	"chaperone/rules"
)

// scanner is what scan needs of the rules.
type scanner interface {
	Scan(ctx context.Context, text string, about detect.Context) ([]rules.Finding, error)
}

// scan is one run of the scan command.
type scan struct {
	input, format, rules string
	output, since        string
	all, names           bool
	set                  scanner
	list                 []rules.Rule
	out                  reporter
	errs                 io.Writer
	progress             *progress
	read                 atomic.Int64 // bytes, for the progress bar
	total                int64
	found, failed        atomic.Int64
}

func scanCommand() *cobra.Command {
	var s scan
	cmd := &cobra.Command{
		Use:   "scan PATH...",
		Short: "Look through chat exports and text for what should not be there",
		Long: `Reads chat exports (WhatsApp, Slack, Discord, Teams, Signal, Telegram,
Mattermost, Matrix), e-mail (mbox, EML), JSON lines ({"id","text"}) and plain
text, as files, folders and zip archives, and reports what the rules find. The
kind is told from the content. '-' is standard input. What cannot be read is
reported with its place, and the rest is still scanned. Nothing is kept or sent.

Exit status: 0 nothing found, 1 something found, 2 something could not be read.`,
		Example: `  chaperone scan "WhatsApp Chat - Flood North.zip"
  chaperone scan --format html --output report.html exports/
  chaperone scan --format html --output new.html --since-report report.html exports/`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return s.run(cmd, args) },
	}
	names := make([]string, len(exports.Formats))
	for i, f := range exports.Formats {
		names[i] = string(f)
	}
	f := cmd.Flags()
	f.StringVar(&s.input, "input", "auto", "what is read: "+strings.Join(names, ", "))
	f.StringVar(&s.format, "format", "text", "what is written: text, jsonl, csv or html")
	f.StringVarP(&s.output, "output", "o", "", "write to `FILE`; beside a report in HTML also its CSV and JSON lines")
	f.StringVar(&s.rules, "rules", "", "`DIR` of the organisation's own rules")
	f.BoolVar(&s.all, "all", false, "report doubtful findings too (confidence under 0.5), and what is plainly logistics")
	f.BoolVar(&s.names, "names", false, "show people by name in csv and html; without it they are Person 1, Person 2 …")
	f.StringVar(&s.since, "since-report", "", "say what is new and what is gone since the report `FILE` (html or csv)")
	return cmd
}

func (s *scan) run(cmd *cobra.Command, args []string) error {
	if err := errors.Join(s.flags(), s.apart(args)); err != nil {
		return err
	}
	if os.Getenv("GOMEMLIMIT") == "" { // many rules and long messages cost collections, not memory
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(memory))
	}
	set, list, err := detect.Load(s.rules)
	if err != nil {
		return err
	}
	s.set, s.list, s.errs = set, list, cmd.ErrOrStderr()
	if s.out, err = s.newReporter(cmd.OutOrStdout()); err != nil {
		return err
	}
	for _, a := range args {
		s.total += size(a)
	}
	s.progress = startProgress(cmd.ErrOrStderr(), s.bar)
	for _, a := range args {
		if err := s.path(cmd, a); err != nil {
			s.progress.stop()
			return err
		}
	}
	s.progress.stop()
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

// flags refuses what cannot be meant, before anything else is done.
func (s *scan) flags() error {
	switch {
	case !slices.Contains(exports.Formats, exports.Format(s.input)):
		return fmt.Errorf("--input %q: use one of %v", s.input, exports.Formats)
	case !slices.Contains([]string{"text", "jsonl", "csv", "html"}, s.format):
		return fmt.Errorf("--format %q: use text, jsonl, csv or html", s.format)
	case s.since != "" && s.format != "html":
		return errors.New("--since-report compares in a report: use it with --format html")
	}
	return nil
}

// size adds up what there is to read, for the progress bar; what cannot be
// looked at is reported when it is read.
func size(name string) (total int64) {
	if name == "-" {
		return 0
	}
	_ = filepath.WalkDir(name, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		info, err := d.Info()
		if err == nil && d.Type()&fs.ModeSymlink != 0 {
			info, err = os.Stat(name)
		}
		if err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return nil
	})
	return total
}

func (s *scan) path(cmd *cobra.Command, name string) error {
	as, count := exports.Format(s.input), func(n int) { s.read.Add(int64(n)) }
	messages := exports.ReadFile(name, as, count)
	if name == "-" {
		messages = exports.Read("-", &countedInput{cmd.InOrStdin(), count}, as)
	}
	return s.messages(cmd.Context(), messages)
}

type countedInput struct {
	io.Reader
	count func(int)
}

func (c *countedInput) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.count(n)
	return n, err
}

// piece is a run of messages that one worker scans.
type piece struct {
	messages []exports.Message
	before   [][]string
	errs     []error // for each message nil, or what stands in its place
	bytes    int
	found    [][]rules.Finding
	done     chan struct{}
}

// A piece is full at either bound, so that few long messages are not held
// where many short ones are.
const (
	pieceMessages = 256
	pieceBytes    = 256 << 10
	flying        = 16 // MiB of messages on their way at any time
	memory        = 119 << 20
)

// weight is how many MiB a piece stands for.
func (p *piece) weight() int { return 1 + min(p.bytes>>20, flying-1) }

var errStopped = errors.New("stopped before the end: the report is not complete")

// messages scans in several workers and reports in the order of the input.
func (s *scan) messages(ctx context.Context, messages iter.Seq2[exports.Message, error]) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := runtime.GOMAXPROCS(0)
	todo := make(chan *piece, workers)
	order := make(chan *piece, 2*workers)
	room := make(chan struct{}, flying)
	for range workers {
		go func() {
			for p := range todo {
				p.scan(ctx, s.set, s.all)
				close(p.done)
			}
		}()
	}
	go func() {
		defer close(order)
		defer close(todo)
		split(messages, func(p *piece) bool {
			for range p.weight() {
				select {
				case room <- struct{}{}:
				case <-ctx.Done():
					return false
				}
			}
			select {
			case order <- p:
			case <-ctx.Done():
				return false
			}
			todo <- p
			return true
		})
	}()
	for {
		select {
		case <-ctx.Done(): // the input may be a terminal where nobody types on
			return errStopped
		case p, more := <-order:
			if !more {
				return nil
			}
			<-p.done
			if err := s.report(ctx, p); err != nil {
				return err
			}
			for range p.weight() {
				<-room
			}
		}
	}
}

// split cuts the input into pieces and gathers each message's context.
func split(messages iter.Seq2[exports.Message, error], send func(*piece) bool) {
	fresh := func() *piece {
		return &piece{messages: make([]exports.Message, 0, pieceMessages), before: make([][]string, 0, pieceMessages), errs: make([]error, 0, pieceMessages),
			done: make(chan struct{})}
	}
	p, said := fresh(), recent{}
	for m, err := range messages {
		p.errs = append(p.errs, err)
		p.messages = append(p.messages, m)
		p.bytes += len(m.Text)
		p.before = append(p.before, said.add(m, err))
		if len(p.messages) >= pieceMessages || p.bytes >= pieceBytes {
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

func (p *piece) scan(ctx context.Context, set scanner, all bool) {
	p.found = make([][]rules.Finding, len(p.messages))
	for i, m := range p.messages {
		if p.errs[i] != nil || m.Text == "" {
			continue
		}
		var err error
		if p.found[i], err = set.Scan(ctx, m.Text, detect.Context{Before: p.before[i], Kind: chat.Team, All: all}); err != nil {
			p.errs[i] = &exports.Broken{Place: m.Place(), What: "it could not be scanned: " + err.Error()}
		}
	}
}

func (s *scan) report(ctx context.Context, p *piece) error {
	if ctx.Err() != nil {
		return errStopped
	}
	for i, m := range p.messages {
		if err := p.errs[i]; err != nil {
			s.trouble(err)
			continue
		}
		found := p.found[i]
		if m.Kind == exports.Joined || m.Kind == exports.Left {
			found = slices.DeleteFunc(found, membership)
		}
		if !s.all {
			found = slices.DeleteFunc(found, func(f rules.Finding) bool { return f.Confidence < rules.ReportAt })
		}
		s.found.Add(int64(len(found)))
		if err := s.out.message(m, found); err != nil {
			return err
		}
	}
	return nil
}

// membership reports whether a finding in a line about joining or leaving is
// only the name or number by which the platform names a member there.
func membership(f rules.Finding) bool { return f.Category == "person_name" || f.Category == "phone" }

// trouble says what could not be read, or was not there to be read.
func (s *scan) trouble(err error) {
	var gap *exports.Gap
	if errors.As(err, &gap) {
		s.out.gap(gap.Place, gap.What)
		s.progress.say(s.errs, "chaperone: note: "+printable(err.Error()))
		return
	}
	s.failed.Add(1)
	var b *exports.Broken
	if errors.As(err, &b) {
		s.out.broken(b.Place, b.What)
	} else {
		s.out.broken("", err.Error())
	}
	s.progress.say(s.errs, "chaperone: "+printable(err.Error()))
}

// recent holds what each sender said in a chat in the ten minutes before a
// message.
type recent map[[2]string]*talk

// talk is what one sender said last in one chat, the oldest first.
type talk struct {
	said [recentMost]string
	at   [recentMost]time.Time
	n    int
}

const (
	recentWindow  = 10 * time.Minute
	recentMost    = 5
	recentSenders = 5000
	recentText    = 4096 // longer messages are no context for what follows
)

// add gives the context of a message, and makes it context for later ones.
func (r recent) add(m exports.Message, err error) []string {
	if err != nil || m.Sender == "" || m.Kind != exports.Said && m.Kind != exports.Media {
		return nil
	}
	who := [2]string{m.Chat, m.Sender}
	t := r[who]
	if t == nil {
		if len(r) > recentSenders {
			clear(r)
		}
		t = &talk{}
		r[who] = t
	}
	kept := 0
	for i := range t.n {
		if m.At.Sub(t.at[i]).Abs() <= recentWindow {
			t.said[kept], t.at[kept] = t.said[i], t.at[i]
			kept++
		}
	}
	t.n = kept
	before := slices.Clone(t.said[:kept])
	if len(m.Text) <= recentText && m.Text != "" {
		if t.n == recentMost {
			copy(t.said[:], t.said[1:])
			copy(t.at[:], t.at[1:])
			t.n--
		}
		t.said[t.n], t.at[t.n] = m.Text, m.At
		t.n++
	}
	return before
}

// printable keeps control characters of an input away from the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ', r == 0x7f, r >= 0x80 && r < 0xa0, r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
			return '·'
		}
		return r
	}, strings.ToValidUTF8(s, "·"))
}
