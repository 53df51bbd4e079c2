package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"

	"github.com/spf13/cobra"

	"chaperone/internal/detect"
	"chaperone/internal/exports"
	"chaperone/rules"
)

// rulesSimulate is "chaperone rules simulate": what a change of the rules would
// find, and would no longer find, in messages that are there.
func rulesSimulate(dir *string) *cobra.Command {
	var from string
	var stored bool
	var days int
	var d desk
	c := &cobra.Command{
		Use:   "simulate PATH... | --stored",
		Short: "Show what a change of the rules would find in exports, and what no longer",
		Long: `Reads chat exports, JSON lines and plain text twice: with the rules as they are
(--from DIR, or the built-in rules alone) and as they would be (--rules DIR).
Shows every finding that comes, goes or gets another severity, by its place and mask, never its text.

With --stored it is held against what Chaperone found in its own chats: which
findings the changed rules would not have made, or would have called more or
less severe. Of those messages no text is kept, so what a changed pattern or
context would find in them cannot be told: replay an export for that.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 && !stored {
				return errors.New("name the exports to read, or say --stored")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if stored {
				if err := simulateStored(cmd, &d, from, *dir, days); err != nil || len(args) == 0 {
					return err
				}
			}
			before, err := compileRules(from)
			if err != nil {
				return fmt.Errorf("the rules as they are: %w", err)
			}
			after, err := compileRules(*dir)
			if err != nil {
				return fmt.Errorf("the rules as they would be: %w", err)
			}
			s := simulation{before: before, after: after, errs: cmd.ErrOrStderr()}
			for _, p := range args {
				if err := s.read(cmd.Context(), p); err != nil {
					return err
				}
			}
			if d.asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(s.changes())
			}
			s.print(cmd.OutOrStdout())
			return nil
		},
	}
	c.Flags().StringVar(&from, "from", "", "`DIR` of the organisation's rules as they are; empty is the built-in rules alone")
	c.Flags().BoolVar(&stored, "stored", false, "hold the change against the findings that are stored")
	c.Flags().IntVar(&days, "days", 90, "with --stored, how many days to look back")
	d.flags(c, false)
	return c
}

func compileRules(dir string) (*detect.Set, error) {
	set, _, err := detect.Load(dir)
	return set, err
}

// simulation compares two sets of rules.
type simulation struct {
	before, after *detect.Set
	errs          io.Writer
	messages      int
	unread        int
	list          []change
}

// change is one finding that one of the two sets has and the other has not.
type change struct {
	Place string `json:"place"`
	Rule  string `json:"rule"`
	Mask  string `json:"mask"`
	Comes bool   `json:"comes"` // or goes

	// Of a finding that only gets another severity, both.
	Was rules.Severity `json:"was,omitempty"`
	Now rules.Severity `json:"now,omitempty"`
}

func (s *simulation) read(ctx context.Context, name string) error {
	for m, err := range exports.ReadFile(name, exports.Auto, nil) {
		var broken *exports.Broken
		var gap *exports.Gap
		switch {
		case errors.As(err, &broken) || errors.As(err, &gap):
			s.unread++
			fmt.Fprintln(s.errs, "chaperone:", err)
			continue
		case err != nil:
			return err
		}
		s.messages++
		if err := s.compare(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func (s *simulation) compare(ctx context.Context, m exports.Message) error {
	before, err := reportedBy(ctx, s.before, m.Text)
	if err != nil {
		return err
	}
	after, err := reportedBy(ctx, s.after, m.Text)
	if err != nil {
		return err
	}
	same := func(a rules.Finding) func(rules.Finding) bool {
		return func(b rules.Finding) bool { return a.Rule == b.Rule && a.Start == b.Start && a.End == b.End }
	}
	for _, f := range after {
		i := slices.IndexFunc(before, same(f))
		switch {
		case i < 0:
			s.list = append(s.list, change{Place: m.Place(), Rule: f.Rule, Mask: f.Mask, Comes: true})
		case before[i].Severity != f.Severity:
			s.list = append(s.list, change{Place: m.Place(), Rule: f.Rule, Mask: f.Mask, Was: before[i].Severity, Now: f.Severity})
		}
	}
	for _, f := range before {
		if !slices.ContainsFunc(after, same(f)) {
			s.list = append(s.list, change{Place: m.Place(), Rule: f.Rule, Mask: f.Mask})
		}
	}
	return nil
}

func reportedBy(ctx context.Context, set *detect.Set, text string) ([]rules.Finding, error) {
	found, err := set.Scan(ctx, text, detect.Context{})
	return slices.DeleteFunc(found, func(f rules.Finding) bool { return f.Confidence < rules.ReportAt }), err
}

func (s *simulation) changes() []change {
	if s.list == nil {
		return []change{}
	}
	return s.list
}

func (s *simulation) print(w io.Writer) {
	type tally struct{ comes, goes, other int }
	rule := map[string]tally{}
	for _, c := range s.list {
		sign, t := "-", rule[c.Rule]
		severity := ""
		switch {
		case c.Comes:
			sign = "+"
			t.comes++
		case c.Now != "":
			sign, severity = "~", fmt.Sprintf(", %s instead of %s", c.Now, c.Was)
			t.other++
		default:
			t.goes++
		}
		rule[c.Rule] = t
		fmt.Fprintf(w, "%s %s  %s  %s%s\n", sign, c.Place, c.Rule, c.Mask, severity)
	}
	names := make([]string, 0, len(rule))
	for n := range rule {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		t := rule[n]
		fmt.Fprintf(w, "%s: %d more, %d fewer", n, t.comes, t.goes)
		if t.other > 0 {
			fmt.Fprintf(w, ", %d of another severity", t.other)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s read, %s would change.\n", several(s.messages, "message"), several(len(s.list), "finding"))
	if s.unread > 0 {
		fmt.Fprintf(w, "%d places could not be read; they are not in these figures.\n", s.unread)
	}
}
