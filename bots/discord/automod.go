package discord

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/bwmarrin/discordgo"

	"chaperone/bots"
)

// Block is one thing that Discord is asked to stop before it is posted. It is
// for those who chose it: what is blocked is seen by nobody, and the sender is
// told so at once.
type Block struct {
	Name     string   // tells the bot's rules from others, and each from the next
	Patterns []string // what both Go's and Rust's expressions understand
	Allowed  []string // words beside which it is let through
}

// The limits of Discord, and what the bot's own rules are called.
const (
	blockMost    = 6 // rules of this kind in a server, those of others too
	patternsMost = 10
	patternMost  = 260
	allowedMost  = 100
	wordMost     = 60

	ofOurs      = "Chaperone: "
	byWords     = 1 // the kind of rule
	onMessages  = 1 // what it looks at
	blocks      = 1 // what it does
	blockedText = "This looks like something that does not belong in a chat, so it was not posted. Nobody saw it. Please use your work system."
	manageGuild = permissions(1 << 5)

	blockEvents = discordgo.IntentAutoModerationExecution
)

// CheckBlocks says what of a list Discord would not take.
func CheckBlocks(list []Block) error {
	if len(list) > blockMost {
		return fmt.Errorf("Discord takes at most %d rules of this kind, and these are %d", blockMost, len(list))
	}
	for _, x := range list {
		if n := len(x.fitting()); n == 0 || n > patternsMost {
			return fmt.Errorf("%s: Discord takes 1 to %d patterns of at most %d characters, and it has %d", x.Name, patternsMost, patternMost, n)
		}
	}
	return nil
}

// fitting are the patterns that Discord takes. One that is too long is tried
// without what may follow its end.
func (x Block) fitting() (out []string) {
	for _, p := range x.Patterns {
		if len(exactly(p)) > patternMost {
			p = shortened(p)
		}
		if p != "" && len(exactly(p)) <= patternMost {
			out = append(out, exactly(p))
		}
	}
	return out
}

// shortened is a pattern without the optional parts at its end; empty where it
// has none.
func shortened(pattern string) string {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || re.Op != syntax.OpConcat {
		return ""
	}
	n := len(re.Sub)
	boundary := re.Sub[n-1].Op == syntax.OpWordBoundary
	if boundary {
		n--
	}
	all := n
	for n > 1 && (re.Sub[n-1].Op == syntax.OpStar || re.Sub[n-1].Op == syntax.OpQuest) {
		n--
	}
	if n == all {
		return ""
	}
	short := *re
	short.Sub = slices.Clone(re.Sub[:n])
	if boundary {
		short.Sub = append(short.Sub, re.Sub[len(re.Sub)-1])
	}
	return short.String()
}

// exactly minds capitals, which Discord does not by itself.
func exactly(pattern string) string { return "(?-i:" + pattern + ")" }

// modRule is a rule as Discord has it.
type modRule struct {
	ID       string      `json:"id,omitempty"`
	Name     string      `json:"name"`
	Creator  string      `json:"creator_id,omitempty"`
	Event    int         `json:"event_type"`
	Trigger  int         `json:"trigger_type"`
	Metadata modTrigger  `json:"trigger_metadata"`
	Actions  []modAction `json:"actions"`
	Enabled  bool        `json:"enabled"`
}

type modTrigger struct {
	Patterns []string `json:"regex_patterns"`
	Allowed  []string `json:"allow_list"`
}

type modAction struct {
	Type     int `json:"type"`
	Metadata struct {
		Message string `json:"custom_message"`
	} `json:"metadata"`
}

// rule is a block as a rule.
func (x Block) rule() modRule {
	r := modRule{Name: ofOurs + x.Name, Event: onMessages, Trigger: byWords, Enabled: true, Actions: []modAction{{Type: blocks}}}
	r.Actions[0].Metadata.Message = blockedText
	r.Metadata.Patterns = x.fitting()
	for _, w := range x.Allowed {
		if len(w)+2 <= wordMost && len(r.Metadata.Allowed) < allowedMost {
			r.Metadata.Allowed = append(r.Metadata.Allowed, "*"+w+"*")
		}
	}
	return r
}

func (r modRule) same(x modRule) bool {
	return r.Name == x.Name && r.Event == x.Event && r.Trigger == x.Trigger && r.Enabled == x.Enabled &&
		slices.Equal(r.Metadata.Patterns, x.Metadata.Patterns) && slices.Equal(r.Metadata.Allowed, x.Metadata.Allowed) && slices.Equal(r.Actions, x.Actions)
}

// moderate brings the bot's own rules in a server to what is wanted, and leaves
// those of others alone. Where nothing differs nothing is written; where nothing
// is wanted its rules are taken away.
func (b *Bot) moderate(ctx context.Context, guild string) error {
	b.mu.Lock()
	g := b.guilds[guild]
	may := g != nil && g.may(member{User: user{ID: b.me}, Roles: g.own}, nil).has(manageGuild)
	me := b.me
	b.mu.Unlock()
	if !may {
		if len(b.o.Block) > 0 {
			b.o.Log.Warn("Discord: nothing can be blocked before it is posted: give the bot's role Manage Server", "server", guild)
		}
		return nil
	}
	address := discordgo.EndpointGuildAutoModerationRules(guild)
	var there []modRule
	if err := b.get(ctx, address, &there); err != nil {
		return err
	}
	ours := func(r modRule) bool { return r.Creator == me && strings.HasPrefix(r.Name, ofOurs) }
	room := blockMost - len(slices.DeleteFunc(slices.Clone(there), func(r modRule) bool { return r.Trigger != byWords || ours(r) }))
	if room < len(b.o.Block) {
		b.o.Log.Warn("Discord: other rules leave too little room; some of what was chosen is not blocked", "server", guild, "room", max(room, 0))
	}
	var want []modRule
	for _, x := range b.o.Block[:min(len(b.o.Block), max(room, 0))] {
		want = append(want, x.rule())
	}
	for _, r := range there { // first, so that there is room
		if ours(r) && !slices.ContainsFunc(want, func(w modRule) bool { return w.Name == r.Name }) {
			if err := ignore(b.call(ctx, "DELETE", address+"/"+r.ID, nil, nil, because("Chaperone: blocking before posting was switched off")), bots.ErrGone); err != nil {
				return err
			}
		}
	}
	for _, w := range want {
		i := slices.IndexFunc(there, func(r modRule) bool { return ours(r) && r.Name == w.Name })
		var err error
		switch {
		case i < 0:
			err = b.call(ctx, "POST", address, w, nil, because("Chaperone: blocking before posting was chosen"))
		case !there[i].same(w):
			err = b.call(ctx, "PATCH", address+"/"+there[i].ID, w, nil, because("Chaperone: what is blocked before posting has changed"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// blocked notes that something was not posted. What it said is not read.
func (b *Bot) blocked(raw json.RawMessage) error {
	var e struct {
		Guild   string `json:"guild_id"`
		Channel string `json:"channel_id"`
		Rule    string `json:"rule_id"`
		Action  struct {
			Type int `json:"type"`
		} `json:"action"`
	}
	if err := json.Unmarshal(raw, &e); err != nil || e.Action.Type != blocks {
		return err
	}
	b.o.Log.Info("Discord blocked a message before it was posted", "chat", b.id(e.Channel), "rule", e.Rule)
	return nil
}
