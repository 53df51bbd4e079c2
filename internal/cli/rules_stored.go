package cli

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
	"chaperone/internal/store"
	"chaperone/rules"
)

// storedChange is what a change of the rules means for stored findings of one
// rule and severity.
type storedChange struct {
	Rule     string         `json:"rule"`
	Severity rules.Severity `json:"severity"`
	Findings int            `json:"findings"`
	Messages int            `json:"messages"`
	First    time.Time      `json:"first"`
	Last     time.Time      `json:"last"`
	Change   string         `json:"change"` // goes, becomes or unsure
	Becomes  rules.Severity `json:"becomes,omitempty"`
}

func simulateStored(cmd *cobra.Command, d *desk, from, to string, days int) error {
	before, err := rules.LoadDir(from)
	if err != nil {
		return fmt.Errorf("the rules as they are: %w", err)
	}
	after, err := rules.LoadDir(to)
	if err != nil {
		return fmt.Errorf("the rules as they would be: %w", err)
	}
	var found []store.Found
	if err := d.ask(cmd, "rules.found", app.Lately{Days: days}, &found); err != nil {
		return err
	}
	changes, kept := storedChanges(found, before, after)
	return d.say(cmd, changes, func(cmd *cobra.Command) { tellStored(cmd.OutOrStdout(), changes, kept, days) })
}

// storedChanges says of each stored kind of finding what would become of it,
// and counts the findings that stay as they are.
func storedChanges(found []store.Found, before, after []rules.Rule) (changes []storedChange, kept int) {
	changes = []storedChange{}
	for _, f := range found {
		c := storedChange{Rule: f.Rule, Severity: f.Severity, Findings: f.Findings, Messages: f.Messages, First: f.First, Last: f.Last}
		was, is := ruleOf(before, f.Rule), ruleOf(after, f.Rule)
		switch {
		case is == nil:
			c.Change = "goes"
		case was != nil && was.Severity != is.Severity && f.Severity == was.Severity:
			c.Change, c.Becomes = "becomes", is.Severity
		case was != nil && !sameLooking(*was, *is):
			c.Change = "unsure"
		default:
			kept += f.Findings
			continue
		}
		changes = append(changes, c)
	}
	return changes, kept
}

func ruleOf(list []rules.Rule, id string) *rules.Rule {
	i := slices.IndexFunc(list, func(r rules.Rule) bool { return r.ID == id })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// sameLooking says whether two forms of a rule find the same.
func sameLooking(a, b rules.Rule) bool {
	return slices.Equal(a.Patterns, b.Patterns) && a.Validate == b.Validate && a.Whole == b.Whole && a.Links == b.Links && reflect.DeepEqual(a.Context, b.Context) && (a.Own == nil) == (b.Own == nil)
}

func tellStored(w io.Writer, changes []storedChange, kept, days int) {
	for _, c := range changes {
		what := several(c.Findings, "finding") + " in " + several(c.Messages, "message") + ", " + between(c.First, c.Last)
		switch c.Change {
		case "goes":
			fmt.Fprintf(w, "- %s: %s, would no longer be made\n", c.Rule, what)
		case "becomes":
			fmt.Fprintf(w, "~ %s: %s, would be %s instead of %s\n", c.Rule, what, c.Becomes, c.Severity)
		default:
			fmt.Fprintf(w, "? %s: %s, made by the rule as it was: replay an export to see what it would find now\n", c.Rule, what)
		}
	}
	fmt.Fprintf(w, "%s of the last %d days would stay as they are.\n", several(kept, "stored finding"), days)
}

func several(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// between is a stretch of days: "on 3 May 2026", "3 May 2026 to 8 June 2026".
func between(first, last time.Time) string {
	const day = "2 January 2006"
	from, to := first.Local().Format(day), last.Local().Format(day)
	if from == to {
		return "on " + to
	}
	return from + " to " + to
}
