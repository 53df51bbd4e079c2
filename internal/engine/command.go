package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
	"unicode"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/hold"
	"chaperone/internal/prompt"
	"chaperone/internal/retention"
)

// Commands are what a person can ask of the bot: alone with it in any words of
// these, in a chat only after its name. In a chat a command is the whole
// message and nothing else, so that no message that happens to begin like one
// is ever swallowed; it is answered in private, and never scanned.
const (
	cmdHelp      = "help"
	cmdStatus    = "status"
	cmdHolding   = "holding"
	cmdCheck     = "check"
	cmdQuestions = "questions"
	cmdRemove    = "remove"
	cmdLanguage  = "language"
	cmdHello     = "hello"
)

// What is told besides answers to commands.
const (
	tellJoined  = "joined"
	tellJoining = "joining" // the next question, to the administrator who added the bot
	tellReport  = "report"  // what would have been done in a week
	tellOn      = "on"      // the chat was switched on
	tellScam    = "scam"    // to those who look after a chat: a message may be one
	tellAsks    = "asks"    // to an administrator: a member asks to be taken out
)

// tellKey names an action that tells something. What it tells is made when it
// is carried out, so that no words of it are stored.
func tellKey(what, because string) string {
	sum := sha256.Sum256([]byte(because))
	return "tell/" + what + "/" + hex.EncodeToString(sum[:12])
}

// known is a command that was recognised, and in which language.
type known struct {
	name, language string
	rest           string // what stands after it
}

// normal is a text as commands are compared: small letters, single spaces, no
// marks at its end.
func normal(text string) string {
	text = strings.TrimFunc(strings.ToLower(text), func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("?!.,:;", r) })
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "’", "'")
}

// recognise finds the command that a text is, or begins with where it takes
// more words; those of first come first.
func recognise(words prompt.Words, first, text string) (known, bool) {
	said := normal(text)
	order := append([]string{first}, prompt.Languages()...)
	for _, lang := range order {
		t := words[lang]
		if t == nil {
			continue
		}
		for name, all := range t.Commands {
			for _, w := range all {
				w = normal(w)
				if said == w {
					return known{name: name, language: lang}, true
				}
				if name != cmdCheck && name != cmdRemove {
					continue
				}
				if rest, ok := strings.CutPrefix(said, w+" "); ok && rest != "" {
					return known{name: name, language: lang, rest: after(text, w)}, true
				}
			}
		}
	}
	return known{}, false
}

// after is what stands in a text after a command's words, as it was written.
func after(text, command string) string {
	rest := strings.TrimSpace(text)
	for range strings.Fields(command) {
		i := strings.IndexFunc(rest, unicode.IsSpace)
		if i < 0 {
			return ""
		}
		rest = strings.TrimSpace(rest[i:])
	}
	return rest
}

// addressed takes the bot's name off a message in a chat.
func addressed(text string) (string, bool) {
	text = strings.TrimSpace(text)
	if len(text) > 100 {
		return "", false
	}
	name, rest, found := strings.Cut(text, " ")
	switch strings.ToLower(strings.TrimRight(name, ",:")) {
	case "chaperone", "/chaperone", "@chaperone":
		return strings.TrimSpace(rest), found
	}
	return "", false
}

// command reports whether a message of a chat is a command, and plans its
// answer. A draft after "check" is no command: all have seen it, so it is read
// like any message, and its sender is told how to ask in private.
func (b *batch) command(ev chat.Event) bool {
	if ev.Kind != chat.Posted || b.e.o.Viewer.Words == nil {
		return false
	}
	said, ok := addressed(ev.Text)
	if !ok {
		return false
	}
	lang, _ := b.e.language(b.e.ctx, b.room.id, ev.Member)
	k, ok := recognise(b.e.o.Viewer.Words, lang, said)
	if !ok || (k.rest != "" && k.name != cmdCheck) {
		return false
	}
	b.s.Actions = append(b.s.Actions, Action{
		Key: tellKey(k.name+"-"+k.language, ev.Key), Kind: Tell, Chat: b.room.id, Member: ev.Member, Message: ev.Message, Due: b.now,
	})
	return k.rest == ""
}

// renderTell says what an action tells, and offers what can be tapped. Nothing
// is told that is not so any more.
func (e *Engine) renderTell(ctx context.Context, a *Action) (text string, choices []string, err error) {
	what, _, _ := strings.Cut(strings.TrimPrefix(a.Key, "tell/"), "/")
	what, lang, _ := strings.Cut(what, "-")
	v := e.to(ctx, a.Chat, a.Member)
	m := hold.Member{Account: a.Chat.Account, ID: a.Member}
	switch what {
	case tellJoined:
		return e.greetJoiner(ctx, v, *a)
	case tellJoining, tellReport, tellOn:
		return e.renderJoining(ctx, v, *a, what)
	case tellScam:
		return e.renderScam(ctx, v, *a)
	case tellAsks:
		return e.renderAsks(ctx, v, *a)
	case cmdCheck:
		return v.Texts.Say("check_private", prompt.Values{}), nil, nil
	case tellCaptured, tellWatching, tellUnread, tellSecret, tellLate:
		load, err := e.o.Store.Take(ctx, a.Chat, 0)
		if err != nil {
			return "", nil, err
		}
		return v.Texts.Say(what, e.values(v, load.Chat.Name)), nil, nil
	}
	r, err := e.obey(ctx, asking{who: m, chat: a.Chat, name: e.nameOf(ctx, m)}, known{name: what, language: lang})
	return r.Text, r.Choices, err
}

// asking is who asks for something, and in which chat; alone with the bot in
// none.
type asking struct {
	who  hold.Member
	chat chat.ID
	name string
}

// Converse answers what a member says to the bot alone. Nothing of a draft is
// kept, neither the text nor that there was one: it is scanned here and now, and
// its answer goes back the way it came.
func (e *Engine) Converse(ctx context.Context, p bots.Private) ([]bots.Reply, error) {
	who := hold.Member{Account: p.Account, ID: chat.MemberID(chat.Escape(string(p.Member)))}
	ask := asking{who: who, name: p.Name}
	lang, _ := e.language(ctx, chat.ID{Account: p.Account}, who.ID)
	k, ok := recognise(e.o.Viewer.Words, lang, p.Text)
	if !ok {
		if out, mine, err := e.answerPrivately(ctx, ask, p.Text); mine || err != nil {
			return out, err
		}
		t := e.o.Viewer.In(lang).Texts
		return []bots.Reply{{Text: t.Say("unknown", prompt.Values{}), Choices: []string{t.Commands[cmdHelp][0]}}}, nil
	}
	if j, waits := e.asked(ask); waits && k.name == cmdHello { // whoever could not be asked before
		q, choices := e.question(e.to(ctx, j.Chat, who.ID), j)
		return []bots.Reply{{Text: q, Choices: choices}}, nil
	}
	r, err := e.obey(ctx, ask, k)
	return []bots.Reply{r}, err
}

// answerPrivately takes what is an answer to something that the bot asked.
func (e *Engine) answerPrivately(ctx context.Context, ask asking, text string) ([]bots.Reply, bool, error) {
	if r, mine, err := e.judged(ctx, ask, text); mine || err != nil {
		return []bots.Reply{r}, true, err
	}
	return e.answerJoining(ctx, ask, text)
}

// obey carries a command out and answers it, in the language that it was given
// in.
func (e *Engine) obey(ctx context.Context, ask asking, k known) (bots.Reply, error) {
	v := e.to(ctx, chat.ID{Account: ask.who.Account, Local: ask.chat.Local}, ask.who.ID)
	if k.name != cmdLanguage && e.o.Viewer.Words[k.language] != nil {
		v = v.In(k.language)
	}
	val := e.values(v, "")
	switch k.name {
	case cmdHelp:
		val.List = v.Menu()
		return bots.Reply{Text: v.Texts.Say("help", val), Choices: v.Texts.Offers()}, nil
	case cmdHello:
		val.Name = v.Texts.FirstName(ask.name)
		return bots.Reply{Text: v.Texts.Say("hello", val), Choices: v.Texts.Commands[cmdHelp][:1]}, nil
	case cmdStatus:
		return e.tellStatus(ctx, v, ask)
	case cmdHolding:
		return e.tellHolding(ctx, v, ask)
	case cmdCheck:
		return e.selfCheck(ctx, v, ask, k.rest), nil
	case cmdQuestions:
		return e.askQuestions(ctx, v, ask)
	case cmdRemove:
		return e.askOut(ctx, v, ask, k.rest)
	case cmdLanguage:
		if err := e.o.Store.SetLanguage(ctx, e.o.Now(), ask.who, k.language); err != nil {
			return bots.Reply{}, err
		}
		return bots.Reply{Text: e.o.Viewer.In(k.language).Texts.Say("language_set", val)}, nil
	}
	return bots.Reply{Text: v.Texts.Say("unknown", val)}, nil
}

// greetJoiner tells somebody who joined what the notice says.
func (e *Engine) greetJoiner(ctx context.Context, v prompt.Viewer, a Action) (string, []string, error) {
	load, err := e.o.Store.Take(ctx, a.Chat, 0)
	if err != nil {
		return "", nil, err
	}
	val := e.values(v, load.Chat.Name)
	val.Name = v.Texts.FirstName(e.nameOf(ctx, hold.Member{Account: a.Chat.Account, ID: a.Member}))
	val.Draft = v.Texts.Say("notice_more", val)
	return v.Texts.Say("joined", val), []string{v.Texts.Commands[cmdHelp][0]}, nil
}

// nameOf is what the platform shows of a member; empty where it is not known.
func (e *Engine) nameOf(ctx context.Context, m hold.Member) string {
	name, err := e.o.Store.MemberName(ctx, m)
	if err != nil {
		return ""
	}
	return name
}

// tellStatus says how it stands in the chat, or in each chat that the member
// and the bot are in.
func (e *Engine) tellStatus(ctx context.Context, v prompt.Viewer, ask asking) (bots.Reply, error) {
	chats, err := e.o.Store.ChatsOf(ctx, ask.who)
	if err != nil {
		return bots.Reply{}, err
	}
	if ask.chat.Local != "" {
		chats = slices.DeleteFunc(chats, func(c Chat) bool { return c.ID != ask.chat })
	}
	var lines []string
	for _, c := range chats {
		key := "status_watching"
		switch {
		case e.refuses(c.ID):
			key = "status_refused"
		case !c.Noticed:
			key = "status_joining"
		case e.o.Setting(c.ID).Acting:
			key = "status_acting"
		}
		lines = append(lines, v.Texts.Say(key, prompt.Values{Chat: prompt.Inert(c.Name, 60)}))
	}
	if len(chats) == 0 {
		lines = append(lines, v.Texts.Say("status_nowhere", prompt.Values{}))
	}
	h, err := e.o.Store.Holding(ctx, ask.who)
	if err != nil {
		return bots.Reply{}, err
	}
	if h.Open > 0 {
		lines = append(lines, v.Texts.Say("status_open", prompt.Values{Count: h.Open}))
	}
	return bots.Reply{Text: strings.Join(lines, "\n")}, nil
}

// Span is how many there are of something, and from when until when.
type Span struct {
	N           int
	Since, Last time.Time
}

// Holding is what is stored about a member, in counts and dates.
type Holding struct {
	Messages, Findings, Prompts, Texts, Records, Judgements, Chats Span

	Suppressed Span // answers that something is not sensitive
	Breaches   Span // breach records about what they wrote
	Exposures  Span // … and those about what they could have seen
	Stays      Span // in chats that they are in no more

	Open     int // prompts that wait for them
	Language bool
}

// tellHolding says what is stored about whoever asks, and nobody else.
func (e *Engine) tellHolding(ctx context.Context, v prompt.Viewer, ask asking) (bots.Reply, error) {
	h, err := e.o.Store.Holding(ctx, ask.who)
	if err != nil {
		return bots.Reply{}, err
	}
	val := e.values(v, "")
	if own := e.o.Own[retention.Prompts]; !own.IsZero() {
		val.Kept = v.Texts.Period(own.Years, own.Months, own.Days)
	}
	lines := []string{v.Texts.Say("holding", val), ""}
	for _, part := range []struct {
		key string
		s   Span
	}{
		{"holding_messages", h.Messages}, {"holding_findings", h.Findings}, {"holding_prompts", h.Prompts}, {"holding_texts", h.Texts},
		{"holding_records", h.Records}, {"holding_judgements", h.Judgements}, {"holding_chats", h.Chats},
		{"holding_suppressed", h.Suppressed}, {"holding_breaches", h.Breaches}, {"holding_exposures", h.Exposures}, {"holding_stays", h.Stays},
	} {
		if part.s.N == 0 {
			continue
		}
		val.Count, val.Since, val.Until = part.s.N, v.Texts.Day(part.s.Since, v.Zone), v.Texts.Day(part.s.Last, v.Zone)
		lines = append(lines, "• "+v.Texts.Say(part.key, val))
	}
	if h.Language {
		lines = append(lines, "• "+v.Texts.Say("holding_language", val))
	}
	if len(lines) == 2 {
		lines = append(lines, v.Texts.Say("holding_nothing", val))
	}
	return bots.Reply{Text: strings.Join(append(lines, "", v.Texts.Say("holding_end", val)), "\n")}, nil
}

// Add counts one more, at a time.
func (s *Span) Add(at time.Time) {
	if s.N == 0 || at.Before(s.Since) {
		s.Since = at
	}
	if at.After(s.Last) {
		s.Last = at
	}
	s.N++
}
