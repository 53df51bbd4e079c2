package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chaperone/rules"
)

// rulesExplain is "chaperone rules explain ID": one rule, in words.
func rulesExplain(dir *string) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "explain ID",
		Short: "Say what a rule looks for, what makes it sure, and why it is there",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := rules.LoadDir(*dir)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(list, func(r rules.Rule) bool { return r.ID == args[0] })
			if i < 0 {
				return fmt.Errorf("there is no rule %q that is on; chaperone rules list shows them all", args[0])
			}
			explainRule(cmd.OutOrStdout(), list[i], all)
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "show every word of long lists")
	return cmd
}

func explainRule(w io.Writer, r rules.Rule, all bool) {
	fmt.Fprintf(w, "%s: %s\n\n", r.ID, r.Title)
	fmt.Fprintf(w, "It finds      %s (%s)\n", rules.Categories()[r.Category], r.Category)
	fmt.Fprintf(w, "Information   %s, severity %s\n", r.Class, r.Severity)
	fmt.Fprintf(w, "Written in    %s:%d\n", r.File, r.Line)
	fmt.Fprintf(w, "Source        %s\n", r.Source)
	if r.Guidance != "" {
		fmt.Fprintf(w, "Guidance      %s\n", r.Guidance)
	}
	fmt.Fprintf(w, "\nHow sure it is (reported from %.1f)\n", rules.ReportAt)
	fmt.Fprintf(w, "  by its form alone: %.2f\n", r.Context.Alone)
	if says := r.Validator().Says; says != "" {
		fmt.Fprintf(w, "  the form counts only when %s\n", says)
	}
	if r.Context.Lone > 0 {
		fmt.Fprintf(w, "  when the message is nothing else: %.2f\n", r.Context.Lone)
	}
	explainContext(w, r.Context, all)
	explainExamples(w, "Found", r.Examples.Hit)
	explainExamples(w, "Left alone", r.Examples.Miss)
}

func explainContext(w io.Writer, c rules.Context, all bool) {
	if c.With > 0 {
		fmt.Fprintf(w, "  with a signal %s: %.2f\n", reachInWords(c.Reach), c.With)
	}
	some := func(what string, words []string) {
		if len(words) == 0 {
			return
		}
		const most = 12
		list, more := words, ""
		if len(words) > most && !all {
			list, more = words[:most], fmt.Sprintf(" and %d more (all of them: chaperone rules explain --all)", len(words)-most)
		}
		fmt.Fprintf(w, "  %s: %s%s\n", what, strings.Join(list, ", "), more)
	}
	some("signals are the words", c.Words)
	some("signals are findings of", c.Findings)
	some("one of these must be there too", c.Also)
	some("less sure when one of these is nearer", c.Against)
	some("ruled out by", c.Never)
}

func reachInWords(r rules.Reach) string {
	switch r {
	case rules.Phrase:
		return "close by"
	case rules.Sentence:
		return "in the sentence"
	case rules.Sender:
		return "in the message or the sender's messages before"
	}
	return "in the message"
}

func explainExamples(w io.Writer, title string, examples []string) {
	fmt.Fprintf(w, "\n%s\n", title)
	for _, e := range examples {
		fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(e, "\n", "\n    "))
	}
}
