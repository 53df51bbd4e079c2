package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
	"chaperone/internal/chat"
)

// explainCommand tells what would be found in a message and what would be
// asked. It keeps nothing.
func explainCommand() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain FILE",
		Short: "Tell what would be found in a message, and what would be asked",
		Long: `Reads one JSON message, {"text": "...", "kind": "team", "name": "Sam"}, from FILE
('-' is standard input) and tells what would be found in it, which policy line
speaks, and what its sender would be asked. Nothing is kept or sent.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := readMessage(cmd, args[0])
			if err != nil {
				return err
			}
			e, err := app.Explain(cmd.Context(), app.Config{RulesDir: dir, Ask: "the person who answers for the chat"}, m)
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(e)
			}
			return tell(cmd.OutOrStdout(), e)
		},
	}
	cmd.Flags().StringVar(&dir, "rules", "", "`DIR` of the organisation's own rules")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
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
		return m, fmt.Errorf("%s: %q is no kind of chat: write team, emergency, partner or public", name, m.Kind)
	}
	return m, nil
}

func tell(w io.Writer, e app.Explanation) error {
	var b strings.Builder
	if len(e.Findings) == 0 {
		b.WriteString("Nothing is found.\n")
	}
	for _, f := range e.Findings {
		fmt.Fprintf(&b, "%s (%s, %s, confidence %.2f), bytes %d to %d\n", f.Mask, f.Rule, f.Severity, f.Confidence, f.Start, f.End)
		for _, why := range f.Because {
			fmt.Fprintf(&b, "    because %s\n", why)
		}
	}
	fmt.Fprintf(&b, "\nOutcome: %s\n", e.Outcome)
	for _, l := range e.Policy {
		fmt.Fprintf(&b, "    %s, row %s: %s [%s]\n", l.Pack, l.Row, l.Text, l.Source)
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
