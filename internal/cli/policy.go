package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
	"chaperone/internal/detect"
	"chaperone/internal/policy"
)

// policyCommand is "chaperone policy": the policies as tables, and whether they
// hold.
func policyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: "Show, test and try the policies that say what may be said where",
		Long: `A policy pack is a table that can be read aloud: each row says of which
information, for which audience, from which device and in which circumstances it
speaks, how far that is allowed, and what follows. Packs are named by their id
or by the name of a YAML file.`,
	}
	c.AddCommand(policyList(), policyShow(), policyTest(), policySimulate())
	return c
}

func policyList() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the packs that come with the product",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			views := []app.Adopted{}
			for _, name := range app.OurPacks() {
				p, err := app.ReadPack(name)
				if err != nil {
					return err
				}
				views = append(views, app.View(p, time.Now()))
			}
			if asJSON {
				return printJSON(cmd, views)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "PACK\tVERSION\tOWNER\tREVIEW BY\tROWS\tWHAT IT IS")
			for _, v := range views {
				review := v.Review
				if v.Overdue {
					review += " (overdue)"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", v.ID, v.Version, v.Owner, review, len(v.Rows), v.Title)
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func printJSON(cmd *cobra.Command, v any) error {
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func policyShow() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "show PACK",
		Short:   "Show a pack as a table to be read aloud",
		Example: "  chaperone policy show council",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := app.ReadPack(args[0])
			if err != nil {
				return err
			}
			v := app.View(p, time.Now())
			if asJSON {
				return printJSON(cmd, v)
			}
			tellPack(cmd.OutOrStdout(), p, v)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func tellPack(w io.Writer, p policy.Pack, v app.Adopted) {
	fmt.Fprintf(w, "%s, version %s\nOwner: %s. To be reviewed by %s%s.\nFrom: %s\n", v.Title, v.Version, v.Owner, v.Review, overdue(v.Overdue), v.Source)
	if only := p.AppliesTo.Words(); only != "any case" {
		fmt.Fprintf(w, "It speaks of %s only.\n", only)
	}
	for i, r := range v.Rows {
		fmt.Fprintf(w, "\n%d. %s\n", i+1, r.ID)
		fmt.Fprintf(w, "   When:    %s\n   Then:    %s; %s\n   Because: %s\n   Source:  %s\n", r.When, r.Words, r.Duties, r.Line, strings.Join(r.Source, "; "))
	}
	if len(v.NotHere) > 0 {
		fmt.Fprintln(w, "\nNot in this table:")
	}
	for _, n := range v.NotHere {
		fmt.Fprintf(w, "   %s: %s\n", strings.Join(n.Source, "; "), n.Why)
	}
}

func overdue(is bool) string {
	if is {
		return ", which is over"
	}
	return ""
}

// tested is what a test of a pack found.
type tested struct {
	Pack     string          `json:"pack"`
	Version  string          `json:"version"`
	Rows     int             `json:"rows"`
	Examples []testedExample `json:"examples"`
	Overdue  bool            `json:"overdue"`
	Review   string          `json:"review"`
	Faults   []string        `json:"faults,omitempty"`
}

type testedExample struct {
	Say     string `json:"say"`
	Row     string `json:"row"`
	Outcome string `json:"outcome"`
	Words   string `json:"words"`
}

func policyTest() *cobra.Command {
	var asJSON bool
	var dir string
	c := &cobra.Command{
		Use:   "test [FILE|PACK]...",
		Short: "Prove packs: no case undecided or decided twice, and every example",
		Long: `Proves that a pack decides every combination of conditions once, and runs its
worked examples; where an example has a message, the rules must find in it what
the example says. Without a name it proves every pack that comes with the
product. Exit status: 0 all hold, 1 a pack does not.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = app.OurPacks()
			}
			set, err := compileRules(dir)
			if err != nil {
				return err
			}
			var all []tested
			failed := false
			for _, name := range args {
				t, err := testPack(cmd, name, set)
				if err != nil {
					return err
				}
				failed = failed || len(t.Faults) > 0
				all = append(all, t)
			}
			if asJSON {
				if err := printJSON(cmd, all); err != nil {
					return err
				}
			} else {
				tellTested(cmd.OutOrStdout(), all)
			}
			if failed {
				return exitError{code: 1}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&dir, "rules", "", "`DIR` of the organisation's own rules")
	return c
}

func testPack(cmd *cobra.Command, name string, set *detect.Set) (tested, error) {
	t := tested{Pack: name, Examples: []testedExample{}}
	p, err := app.ReadPack(name)
	if err != nil {
		t.Faults = strings.Split(err.Error(), "\n")
		return t, nil
	}
	t.Pack, t.Version, t.Rows, t.Review, t.Overdue = p.ID, p.Version, len(p.All()), p.Review, p.Overdue(time.Now())
	for _, e := range p.Examples {
		t.Examples = append(t.Examples, testedExample{Say: e.Say, Row: e.Row, Outcome: string(e.Outcome), Words: e.Outcome.Words()})
		if e.Message == "" {
			continue
		}
		fault, err := app.TestExample(cmd.Context(), set, p, e)
		if err != nil {
			return t, err
		}
		if fault != "" {
			t.Faults = append(t.Faults, fault)
		}
	}
	return t, nil
}

func tellTested(w io.Writer, all []tested) {
	for i, t := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if t.Version == "" {
			fmt.Fprintf(w, "%s does not hold:\n", t.Pack)
		} else {
			fmt.Fprintf(w, "%s %s: %s, every combination of conditions decided once.\n", t.Pack, t.Version, several(t.Rows, "row"))
		}
		for _, e := range t.Examples {
			fmt.Fprintf(w, "  %-36s %s (%s)\n", e.Words, e.Say, e.Row)
		}
		if t.Overdue {
			fmt.Fprintf(w, "  ▲ It was to be reviewed by %s.\n", t.Review)
		}
		for _, f := range t.Faults {
			fmt.Fprintf(w, "  ◆ %s\n", f)
		}
	}
}
