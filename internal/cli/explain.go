package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
	"chaperone/internal/chat"
	"chaperone/internal/policy"
	"chaperone/rules"
)

// explainCommand tells what would be found in a message and what would be
// asked. It keeps nothing.
func explainCommand() *cobra.Command {
	var dir string
	var packs []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain FILE",
		Short: "Tell what would be found in a message, and what would be asked",
		Long: `Reads one JSON message, {"text": "...", "kind": "team", "name": "Sam"}, from FILE
('-' is standard input) and tells what would be found in it, which policy line
speaks, and what its sender would be asked. Nothing is kept or sent.

The message may say in which circumstances it was sent: "audience" (internal,
partner, customer, public), "device" (corporate, managed, private), "role",
"state" (held, incident, transition, outage), "channel" (end-to-end, other),
"person" (higher) and how many "people" read the chat. What is left out counts
as not known, and what is not known as the stricter.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := readMessage(cmd, args[0])
			if err != nil {
				return err
			}
			e, err := app.Explain(cmd.Context(), app.Config{RulesDir: dir, Policies: packs, Ask: "the person who answers for the chat"}, m)
			if err != nil {
				return err
			}
			list, err := rules.LoadDir(dir)
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(e)
			}
			return tell(cmd.OutOrStdout(), e, list)
		},
	}
	cmd.Flags().StringVar(&dir, "rules", "", "`DIR` of the organisation's own rules")
	cmd.Flags().StringSliceVar(&packs, "policies", nil, "packs that apply, by id or file (council and emergency)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// tellOtherwise says what would have made a finding surer or less sure.
func tellOtherwise(w io.Writer, c rules.Context, confidence float64) {
	if c.With > confidence {
		signals := slices.Concat(c.Words, c.Findings)
		fmt.Fprintf(w, "    surer (%.2f) with one of these %s: %s\n", c.With, reachInWords(c.Reach), few(signals))
	} else if c.With > 0 && c.Alone < confidence {
		fmt.Fprintf(w, "    without that it would be %.2f\n", c.Alone)
	}
	if len(c.Against) > 0 {
		fmt.Fprintf(w, "    less sure beside: %s\n", few(c.Against))
	}
	if len(c.Never) > 0 {
		fmt.Fprintf(w, "    not found at all beside: %s\n", few(c.Never))
	}
}

// few shows the first of many words.
func few(words []string) string {
	const shown = 6
	if len(words) <= shown {
		return strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(words[:shown], ", "), len(words)-shown)
}

const maxMessage = 16 << 20

func readMessage(cmd *cobra.Command, name string) (app.Sample, error) {
	m := app.Sample{Kind: chat.Team, Name: "Sam"}
	in := cmd.InOrStdin()
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return m, err
		}
		defer f.Close()
		in = f
	}
	d := json.NewDecoder(io.LimitReader(in, maxMessage))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf(`%s: one JSON object is needed, such as {"text": "…", "kind": "team"} (%w)`, name, err)
	}
	if !m.Kind.Valid() {
		return m, fmt.Errorf("%s: %q is no kind of chat: write team, emergency, partner, public or private", name, m.Kind)
	}
	if err := (policy.Facts{Audience: m.Audience, Device: m.Device, Role: m.Role, State: m.State, Channel: m.Channel, Person: m.Person}).Check(); err != nil {
		return m, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

func tell(w io.Writer, e app.Explanation, list []rules.Rule) error {
	var b strings.Builder
	if len(e.Findings) == 0 {
		b.WriteString("Nothing is found.\n")
	}
	for _, f := range e.Findings {
		fmt.Fprintf(&b, "%s (%s, %s, confidence %.2f), bytes %d to %d\n", f.Mask, f.Rule, f.Severity, f.Confidence, f.Start, f.End)
		for _, why := range f.Because {
			fmt.Fprintf(&b, "    because %s\n", why)
		}
		if r := ruleOf(list, f.Rule); r != nil {
			tellOtherwise(&b, r.Context, f.Confidence)
		}
	}
	fmt.Fprintf(&b, "\nOutcome: %s (%s), %s\n", e.Outcome.Words(), e.Outcome, e.Facts.Words())
	for _, s := range e.Spoke {
		fmt.Fprintf(&b, "    %s, row %s, of %s: %s. %s [%s]\n", s.Pack, s.Row, s.Information, s.Outcome, s.Text, s.Source)
	}
	if e.Prompt == nil {
		b.WriteString("\nThe message would pass in silence.\n")
	} else {
		fmt.Fprintf(&b, "\nIts sender alone would read:\n\n    %s\n    %s\n\n", e.Prompt.Title, e.Prompt.Body)
		for i, s := range e.Prompt.Steps {
			fmt.Fprintf(&b, "    %d. %s\n", i+1, s.Text)
		}
		b.WriteString("\n    Answers: ")
		for i, a := range e.Prompt.Answers {
			if i > 0 {
				b.WriteString(" · ")
			}
			b.WriteString(a.Label)
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
