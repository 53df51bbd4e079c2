package retention

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"chaperone/internal/chat"
	"chaperone/internal/clock"
)

// largest is the largest file of schedules that is read, in bytes.
const largest = 1 << 20

// Written is a schedule as people write it.
type Written struct {
	ID           string   `yaml:"id" json:"id" jsonschema_description:"Its own name; runs are recorded under it."`
	Title        string   `yaml:"title" json:"title,omitempty" jsonschema_description:"What people call it."`
	Chats        Selector `yaml:"chats" json:"chats" jsonschema_description:"In which chats it applies."`
	Class        Class    `yaml:"class" json:"class" jsonschema_description:"Which messages: routine, decision, flagged, or any."`
	Trigger      Trigger  `yaml:"trigger" json:"trigger,omitempty" jsonschema:"enum=sent,enum=closed" jsonschema_description:"From when the period counts; sent where nothing is written."`
	Period       string   `yaml:"period" json:"period,omitempty" jsonschema_description:"How long they are kept, such as 90 days. No period, no disposal."`
	Disposal     Disposal `yaml:"disposal" json:"disposal,omitempty" jsonschema:"enum=destroy,enum=transfer" jsonschema_description:"What happens when the period is over."`
	Cron         string   `yaml:"cron" json:"cron" jsonschema_description:"When runs come due: minute, hour, day of the month, month, day of the week."`
	Zone         string   `yaml:"zone" json:"zone" jsonschema_description:"In which time zone, such as Europe/London."`
	Cap          Cap      `yaml:"cap" json:"cap,omitempty" jsonschema_description:"Above it two named people approve a run."`
	AfterRelease string   `yaml:"after_release" json:"after_release,omitempty" jsonschema_description:"How long what a released hold covered stays at least; 7 days where nothing is written."`
	Owner        string   `yaml:"owner" json:"owner,omitempty" jsonschema_description:"The named person by whose standing authority it runs."`
	Authority    string   `yaml:"authority" json:"authority,omitempty" jsonschema_description:"The line of the retention schedule that says so."`
	Acting       bool     `yaml:"acting" json:"acting,omitempty" jsonschema_description:"Runs dispose of messages. Without it they are planned and counted only."`
}

// Read reads retention schedules from YAML, a list under "schedules", and
// reports every fault in it at once, each with its line. With any fault it
// gives no schedule at all.
func Read(r io.Reader) ([]Schedule, error) {
	b, err := io.ReadAll(io.LimitReader(r, largest+1))
	if err != nil {
		return nil, fmt.Errorf("retention schedules: %w", err)
	}
	if len(b) > largest {
		return nil, fmt.Errorf("retention schedules: the file is larger than %d bytes", largest)
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, nil
	}
	var file struct {
		Schedules []Written `yaml:"schedules"`
	}
	var tree yaml.Node
	if err := load(b, &tree); err != nil {
		return nil, fmt.Errorf("retention schedules: %w", err)
	}
	var faults []error
	if err := load(b, &file, yaml.WithKnownFields(), yaml.WithUniqueKeys()); err != nil {
		faults = append(faults, fmt.Errorf("retention schedules: %w", err))
	}
	lines := items(&tree, "schedules")
	seen := map[string]bool{}
	var out []Schedule
	for i, w := range file.Schedules {
		at := fmt.Sprintf("schedule %d (%s)", i+1, w.ID)
		if i < len(lines) {
			at = fmt.Sprintf("line %d: %s", lines[i], at)
		}
		s, wrong := w.Schedule()
		if w.ID != "" && seen[w.ID] {
			wrong = append(wrong, "another schedule has this id")
		}
		seen[w.ID] = true
		for _, say := range wrong {
			faults = append(faults, fmt.Errorf("%s: %s", at, say))
		}
		out = append(out, s)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return out, nil
}

func load(b []byte, into any, options ...yaml.Option) error {
	l, err := yaml.NewLoader(bytes.NewReader(b), options...)
	if err != nil {
		return err
	}
	return l.Load(into)
}

// items gives the line of each item of the list under a key of the document.
func items(n *yaml.Node, key string) (lines []int) {
	for n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			for _, item := range n.Content[i+1].Content {
				lines = append(lines, item.Line)
			}
		}
	}
	return lines
}

// Schedule gives the schedule that was meant, and everything that is wrong
// with what was written.
func (w Written) Schedule() (s Schedule, wrong []string) {
	need := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	parse := func(what string, err error) { need(err == nil, "%s: %v", what, err) }
	s = Schedule{
		ID: w.ID, Title: w.Title, Chats: w.Chats, Class: w.Class, Trigger: w.Trigger, Disposal: w.Disposal,
		Cap: w.Cap, Owner: w.Owner, Authority: w.Authority, Acting: w.Acting,
	}
	if s.Trigger == "" {
		s.Trigger = Sent
	}
	var err error
	s.Period, err = ParsePeriod(w.Period)
	parse("period", err)
	s.AfterRelease, err = ParsePeriod(w.AfterRelease)
	parse("after_release", err)
	if zone, err := clock.Zone(w.Zone); err != nil {
		parse("zone", err)
	} else {
		s.When, err = clock.Parse(w.Cron, zone)
		parse("cron", err)
	}
	need(strings.TrimSpace(w.ID) != "", "id: it needs one of its own; runs are recorded under it")
	need(w.Class != "", "class: name the class of messages, or any")
	need(s.Trigger == Sent || s.Trigger == Closed, "trigger: %q is none of sent, closed", w.Trigger)
	need(w.Disposal == "" || w.Disposal == Destroy || w.Disposal == Transfer, "disposal: %q is none of destroy, transfer", w.Disposal)
	need(s.Period.IsZero() == (w.Disposal == ""), "period and disposal belong together; leave both out to keep for ever")
	need(w.Cap.Messages >= 0, "cap: messages cannot be negative")
	need(w.Cap.Percent >= 0 && w.Cap.Percent <= 100, "cap: percent is from 1 to 100")
	need(!w.Acting || (w.Owner != "" && w.Authority != ""), "acting: destroying needs an owner, a named person, and an authority, the line that says so")
	need(!w.Acting || !s.Period.IsZero(), "acting: there is no period, so there is nothing to do")
	wrong = append(wrong, w.Chats.faults()...)
	return s, wrong
}

func (s Selector) faults() (wrong []string) {
	if !s.All && len(s.Kinds) == 0 && len(s.Only) == 0 {
		wrong = append(wrong, "chats: name some by kinds or only, or write all: true")
	}
	if s.All && len(s.Kinds)+len(s.Only) > 0 {
		wrong = append(wrong, "chats: all covers every chat, so kinds and only add nothing; leave them out")
	}
	for _, k := range s.Kinds {
		if !k.Valid() {
			wrong = append(wrong, fmt.Sprintf("chats: %q is no kind of chat (%s, %s, %s, %s)", k, chat.Team, chat.Emergency, chat.Partner, chat.Public))
		}
	}
	for _, id := range slices.Concat(s.Only, s.Except) {
		if !strings.Contains(id, "/") {
			wrong = append(wrong, fmt.Sprintf("chats: %q is no chat; write account/id as chaperone chats lists it", id))
		}
	}
	return wrong
}
