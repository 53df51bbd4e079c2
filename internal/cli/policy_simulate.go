package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
	"chaperone/internal/chat"
	"chaperone/internal/detect"
	"chaperone/internal/engine"
	"chaperone/internal/exports"
	"chaperone/internal/policy"
	"chaperone/rules"
)

// policySimulate is "chaperone policy simulate": what a change of packs would
// have made of messages that are there.
func policySimulate() *cobra.Command {
	var d desk
	s := trial{desk: &d}
	var stored bool
	var days int
	c := &cobra.Command{
		Use:   "simulate --to PACK,… PATH... | --stored",
		Short: "Show what a change of policies would have made of exports or of what is stored",
		Long: `Holds two sets of packs against the same messages, and shows the exact
difference by chat: how many prompts there would have been, and for each message
about which they differ what each says. It reads no platform and asks nobody.

Exports are scanned with the rules, for a chat of the kind, audience and device
that you say. With --stored it takes what Chaperone found in its own chats, in
the circumstances of the time. Exceptions are not counted in.`,
		Example: `  chaperone policy simulate --from council --to council,cabinet-office --device private export.zip
  chaperone policy simulate --to our-policy.yaml --stored --days 30`,
		Args: func(_ *cobra.Command, args []string) error {
			if (len(args) == 0) == !stored {
				return errors.New("name the exports to read, or say --stored")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(s.to) == 0 {
				return errors.New("say which packs there would be: --to PACK,…")
			}
			var out policy.Simulation
			var err error
			if stored {
				err = d.ask(cmd, "policy.simulate", app.Simulate{From: whole(s.from), To: whole(s.to), Days: days}, &out)
			} else {
				out, err = s.run(cmd, args)
			}
			if err != nil {
				return err
			}
			return d.say(cmd, out, func(cmd *cobra.Command) { tellSimulation(cmd.OutOrStdout(), out) })
		},
	}
	f := c.Flags()
	f.StringSliceVar(&s.from, "from", nil, "packs as they are (those that are adopted)")
	f.StringSliceVar(&s.to, "to", nil, "packs as they would be")
	f.BoolVar(&stored, "stored", false, "hold the change against what was found and stored")
	f.IntVar(&days, "days", 90, "with --stored, how many days to look back")
	f.StringVar(&s.rules, "rules", "", "`DIR` of the organisation's own rules")
	f.StringVar((*string)(&s.facts.Chat), "kind", string(chat.Team), "what the chats are for: team, emergency, partner, public or private")
	f.StringVar((*string)(&s.facts.Audience), "audience", string(policy.UnknownAudience), "who reads them: internal, partner, customer, public or unknown")
	f.StringVar((*string)(&s.facts.Device), "device", string(policy.UnknownDevice), "from which device: corporate, managed, private or unknown")
	d.flags(c, false)
	return c
}

// whole makes the names of files whole, for a process that stands elsewhere.
func whole(names []string) []string {
	out := slices.Clone(names)
	for i, n := range out {
		if filepath.Ext(n) == "" {
			continue
		}
		if abs, err := filepath.Abs(n); err == nil {
			out[i] = abs
		}
	}
	return out
}

// trial is a simulation over exports.
type trial struct {
	desk     *desk
	from, to []string
	rules    string
	facts    policy.Facts
	set      *detect.Set
	cases    []policy.Case
}

func (s *trial) run(cmd *cobra.Command, paths []string) (policy.Simulation, error) {
	if !s.facts.Chat.Valid() || !s.facts.Audience.Valid() || !s.facts.Device.Valid() {
		return policy.Simulation{}, errors.New("--kind, --audience or --device is none of its values: see --help")
	}
	adopted := s.from
	if len(adopted) == 0 {
		c, err := s.desk.load(false)
		if err != nil {
			return policy.Simulation{}, err
		}
		adopted, s.rules = c.Policies, cmp.Or(s.rules, c.RulesDir)
	}
	was, err := app.Packs(adopted)
	if err != nil {
		return policy.Simulation{}, err
	}
	now, err := app.Packs(s.to)
	if err != nil {
		return policy.Simulation{}, err
	}
	if s.set, err = compileRules(s.rules); err != nil {
		return policy.Simulation{}, err
	}
	for _, p := range paths {
		if err := s.read(cmd.Context(), cmd.ErrOrStderr(), p); err != nil {
			return policy.Simulation{}, err
		}
	}
	return policy.Simulate(was, now, s.cases), nil
}

func (s *trial) read(ctx context.Context, errs io.Writer, name string) error {
	for m, err := range exports.ReadFile(name, exports.Auto, nil) {
		var broken *exports.Broken
		var gap *exports.Gap
		switch {
		case errors.As(err, &broken) || errors.As(err, &gap):
			fmt.Fprintln(errs, "chaperone:", err)
			continue
		case err != nil:
			return err
		}
		found, err := s.set.Scan(ctx, m.Text, detect.Context{Kind: s.facts.Chat})
		if err != nil {
			return err
		}
		found = slices.DeleteFunc(found, func(f rules.Finding) bool { return f.Confidence < policy.Threshold })
		at := m.At
		if at.IsZero() {
			at = time.Now()
		}
		found = append(found, engine.Seen(m.Text, at, time.UTC, func() (policy.Audience, int) { return s.facts.Audience, 0 })...)
		c := policy.Case{Chat: cmp.Or(m.Chat, m.File), Place: m.Place(), Member: m.Sender, At: m.At}
		c.Facts, c.Findings = s.facts, found
		s.cases = append(s.cases, c)
	}
	return nil
}

func tellSimulation(w io.Writer, s policy.Simulation) {
	for _, c := range s.Changes {
		fmt.Fprintf(w, "%s  %s\n    was: %s%s\n    now: %s%s\n", plain(c.Chat), plain(c.Place), c.Was.Outcome.Words(), by(c.Was), c.Now.Outcome.Words(), by(c.Now))
	}
	for _, t := range s.Chats {
		fmt.Fprintf(w, "%s: %s, %d decided otherwise; %s instead of %d\n", plain(t.Chat), several(t.Messages, "message"), t.Changed, several(t.PromptsNow, "prompt"), t.PromptsWas)
	}
	fmt.Fprintf(w, "%s looked at. Nothing was asked, sent or kept.\n", several(s.Messages, "message"))
}

func by(s policy.Said) string {
	text := ""
	if s.Asks {
		text = ", asks"
	}
	if s.Row != "" {
		text += " [" + s.Row + "]"
	}
	return text
}
