package lab

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Rule is one AutoMod rule of the keyword kind, the only one here.
type Rule struct {
	ID       ID       `json:"id"`
	Guild    ID       `json:"guild_id"`
	Creator  ID       `json:"creator_id"`
	Name     string   `json:"name"`
	Event    int      `json:"event_type"`
	Trigger  int      `json:"trigger_type"`
	Metadata ruleData `json:"trigger_metadata"`
	Actions  []action `json:"actions"`
	Enabled  *bool    `json:"enabled"`
	Roles    []ID     `json:"exempt_roles"`
	Channels []ID     `json:"exempt_channels"`
}

type ruleData struct {
	Keywords []string `json:"keyword_filter"`
	Patterns []string `json:"regex_patterns"`
	Allowed  []string `json:"allow_list"`
}

type action struct {
	Type     int            `json:"type"` // 1 blocks, 2 alerts
	Metadata map[string]any `json:"metadata"`
}

const (
	keywordRules = 6 // in one guild
	maxKeywords  = 1000
	keywordRunes = 60
	maxPatterns  = 10
	patternRunes = 260
	maxAllowed   = 100
	noticeRunes  = 150
)

func (x *Rule) faulty() *failure {
	long := func(list []string, most int) bool {
		return slices.ContainsFunc(list, func(s string) bool { return s == "" || utf8.RuneCountInString(s) > most })
	}
	m := x.Metadata
	if x.Name == "" || x.Event != 1 || x.Trigger != 1 || len(x.Actions) == 0 || len(m.Keywords)+len(m.Patterns) == 0 ||
		len(m.Keywords) > maxKeywords || len(m.Patterns) > maxPatterns || len(m.Allowed) > maxAllowed ||
		long(m.Keywords, keywordRunes) || long(m.Patterns, patternRunes) || long(m.Allowed, keywordRunes) || len(x.Roles) > 20 || len(x.Channels) > 50 {
		return errForm
	}
	for _, p := range m.Patterns {
		if _, err := regexp.Compile(p); err != nil {
			return errForm
		}
	}
	for _, a := range x.Actions {
		if s, has := a.Metadata["custom_message"].(string); has && utf8.RuneCountInString(s) > noticeRunes {
			return errForm
		}
	}
	return nil
}

// whole fills what a client left out, as the wire shows it.
func (x *Rule) whole() {
	for _, list := range []*[]string{&x.Metadata.Keywords, &x.Metadata.Patterns, &x.Metadata.Allowed} {
		if *list == nil {
			*list = []string{}
		}
	}
	for _, list := range []*[]ID{&x.Roles, &x.Channels} {
		if *list == nil {
			*list = []ID{}
		}
	}
	if x.Enabled == nil {
		x.Enabled = new(bool)
	}
	for i := range x.Actions {
		if x.Actions[i].Metadata == nil {
			x.Actions[i].Metadata = map[string]any{}
		}
	}
}

// AddRule adds a rule of somebody's, who blocks a word.
func (l *Lab) AddRule(guild, by ID, name, word string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := &Rule{Name: name, Event: 1, Trigger: 1, Metadata: ruleData{Keywords: []string{word}}, Actions: []action{{Type: 1}}}
	if x.faulty() != nil {
		return ErrMayNot
	}
	x.ID, x.Guild, x.Creator = l.next(), guild, by
	x.whole()
	l.guilds[guild].rules = append(l.guilds[guild].rules, x)
	return nil
}

// Rules lists the rules of a guild by name.
func (l *Lab) Rules(guild ID) (names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range l.guilds[guild].rules {
		names = append(names, x.Name)
	}
	return names
}

func getRules(r *request) (answer, *failure) {
	g, _, f := r.guild(ManageGuild)
	if f != nil {
		return no(f)
	}
	if g.rules == nil {
		return ok([]any{})
	}
	return ok(g.rules)
}

func postRule(r *request) (answer, *failure) {
	g, _, f := r.guild(ManageGuild)
	if f != nil {
		return no(f)
	}
	x := &Rule{}
	if f := r.in(x); f != nil {
		return no(f)
	}
	if f := x.faulty(); f != nil {
		return no(f)
	}
	if len(g.rules) >= keywordRules {
		return no(errForm)
	}
	x.ID, x.Guild, x.Creator = r.lab.next(), g.ID, r.app.User.ID
	x.whole()
	g.rules = append(g.rules, x)
	r.lab.log(g, auditRuleMade, r.app.User.ID, x.ID, r.reason)
	return ok(x)
}

func (r *request) rule() (*Guild, *Rule, *failure) {
	g, _, f := r.guild(ManageGuild)
	if f != nil {
		return nil, nil, f
	}
	for _, x := range g.rules {
		if x.ID == r.id("rule") {
			return g, x, nil
		}
	}
	return nil, nil, errGuild
}

func patchRule(r *request) (answer, *failure) {
	g, x, f := r.rule()
	if f != nil {
		return no(f)
	}
	next := *x
	if f := r.in(&next); f != nil {
		return no(f)
	}
	next.ID, next.Guild, next.Creator, next.Trigger = x.ID, x.Guild, x.Creator, x.Trigger
	if f := next.faulty(); f != nil {
		return no(f)
	}
	next.whole()
	*x = next
	r.lab.log(g, auditRuleSet, r.app.User.ID, x.ID, r.reason)
	return ok(x)
}

func deleteRule(r *request) (answer, *failure) {
	g, x, f := r.rule()
	if f != nil {
		return no(f)
	}
	g.rules = slices.DeleteFunc(g.rules, func(y *Rule) bool { return y == x })
	r.lab.log(g, auditRuleGone, r.app.User.ID, x.ID, r.reason)
	return nothing()
}

// moderate applies a guild's rules to what a member is about to say, and
// reports whether one of them blocks it. Who manages the guild is exempt.
func (l *Lab) moderate(g *Guild, c *Channel, by *User, text string) (blocked bool) {
	m := g.member(by.ID)
	if m == nil || l.base(g, m).Has(ManageGuild) {
		return false
	}
	for _, x := range g.rules {
		word, matched := x.match(text)
		if !*x.Enabled || matched == "" || slices.Contains(x.Channels, c.ID) || slices.ContainsFunc(m.Roles, func(id ID) bool { return slices.Contains(x.Roles, id) }) {
			continue
		}
		for _, a := range x.Actions {
			blocked = blocked || a.Type == 1
			for _, s := range l.hearing(g.ID, 0, IntentAutoModerated) {
				event := map[string]any{
					"guild_id": g.ID, "action": a, "rule_id": x.ID, "rule_trigger_type": x.Trigger, "user_id": by.ID, "channel_id": c.ID,
					"content": "", "matched_keyword": word, "matched_content": "",
				}
				if s.intents&IntentContent != 0 {
					event["content"], event["matched_content"] = text, matched
				}
				s.dispatch("AUTO_MODERATION_ACTION_EXECUTION", event)
			}
		}
	}
	return blocked
}

// match gives the keyword or pattern that matched, and what it matched.
func (x *Rule) match(text string) (word, matched string) {
	low := strings.ToLower(text)
	for _, a := range x.Metadata.Allowed {
		if strings.Contains(low, strings.ToLower(a)) {
			return "", ""
		}
	}
	for _, k := range x.Metadata.Keywords {
		core := strings.Trim(strings.ToLower(k), "*")
		if !strings.Contains(low, core) {
			continue
		}
		if strings.HasPrefix(k, "*") && strings.HasSuffix(k, "*") || slices.Contains(strings.Fields(low), core) || strings.Contains(core, " ") {
			return k, core
		}
	}
	for _, p := range x.Metadata.Patterns {
		if found := regexp.MustCompile("(?i:" + p + ")").FindString(text); found != "" {
			return p, found
		}
	}
	return "", ""
}
