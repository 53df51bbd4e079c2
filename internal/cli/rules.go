package cli

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chaperone/internal/detect"
	"chaperone/rules"
)

// rulesCommand is "chaperone rules": what is looked for, and whether it holds.
func rulesCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "rules",
		Short: "Show, test and try the rules that say what to look for",
	}
	c.PersistentFlags().StringVar(&dir, "rules", "", "`DIR` of the organisation's own rules, which add to the built-in ones")
	c.AddCommand(rulesList(&dir), rulesTest(&dir), rulesExplain(&dir), rulesSimulate(&dir), rulesExample(&dir))
	return c
}

func rulesList(dir *string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List every rule that is on",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := rules.LoadDir(*dir)
			if err != nil {
				return err
			}
			if asJSON {
				return listJSON(cmd, list)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "RULE\tCATEGORY\tSEVERITY\tWHAT IT FINDS")
			for _, r := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.ID, r.Category, r.Severity, r.Title)
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func listJSON(cmd *cobra.Command, list []rules.Rule) error {
	type row struct {
		ID       string         `json:"id"`
		Category string         `json:"category"`
		Title    string         `json:"title"`
		Class    rules.Class    `json:"class"`
		Severity rules.Severity `json:"severity"`
		Source   string         `json:"source"`
		File     string         `json:"file"`
		Line     int            `json:"line"`
	}
	rows := make([]row, 0, len(list))
	for _, r := range list {
		rows = append(rows, row{r.ID, r.Category, r.Title, r.Class, r.Severity, r.Source, r.File, r.Line})
	}
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetIndent("", "  ")
	return e.Encode(rows)
}

func rulesTest(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "test",
		Short: "Prove every rule by its examples",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := rules.LoadDir(*dir)
			if err != nil {
				return err
			}
			if _, err := detect.Compile(list); err != nil {
				return err
			}
			hits, misses := 0, 0
			for _, r := range list {
				hits, misses = hits+len(r.Examples.Hit), misses+len(r.Examples.Miss)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d rules hold: %d hits found, %d misses left alone.\n", len(list), hits, misses)
			return err
		},
	}
}
