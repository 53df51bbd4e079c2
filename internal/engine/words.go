package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/hold"
	"chaperone/internal/prompt"
	"chaperone/internal/retention"
)

// The kinds of action that say something that is no prompt.
const (
	Tell Kind = Kind(bots.Tell) // write to a member alone
	Say  Kind = "say"           // write to the whole chat something that is no notice
)

// Wording is where it is kept how people want to be written to, and which
// notices they were given.
type Wording interface {
	// Language gives the language that a member chose, or that the directory
	// gives for them; empty: neither.
	Language(ctx context.Context, m hold.Member) (string, error)
	SetLanguage(ctx context.Context, now time.Time, m hold.Member, language string) error
	// Notices gives the version of the notice that stands in each chat.
	Notices(ctx context.Context) ([]Posted, error)
	// PostNotice plans that the notice is posted in a chat once more.
	PostNotice(ctx context.Context, now time.Time, id chat.ID, n int) error
}

// Posted is the newest notice of a chat.
type Posted struct {
	Chat    chat.ID
	Version string // empty: one of before versions were kept
	N       int    // how many were posted
	Text    string
}

// Notice is what the configuration says to the members of chats.
type Notice struct {
	Organisation string   // who runs the bot
	Ask          string   // whom to ask, and how
	Record       string   // where records go
	Link         string   // the organisation's policy and the guidance that it rests on
	SpeakUp      string   // how to report wrongdoing past one's manager
	Languages    []string // that posts to chats are written in; empty: English
}

// language is the language to write to a member in: their own choice, that of
// the directory, that of the chat, English. offer is what else they may want,
// where that is not known and the chat has several.
func (e *Engine) language(ctx context.Context, id chat.ID, m chat.MemberID) (lang string, offer []string) {
	if m != "" {
		own, err := e.o.Store.Language(ctx, hold.Member{Account: id.Account, ID: m})
		if err == nil && e.o.Viewer.Words[own] != nil {
			return own, nil
		}
	}
	all := e.languages(id)
	switch {
	case len(all) == 0:
		return prompt.English, nil
	case len(all) == 1 || m == "":
		return all[0], nil
	}
	lang = all[0]
	if slices.Contains(all, prompt.English) { // which most can read who read one of the others
		lang = prompt.English
	}
	return lang, slices.DeleteFunc(all, func(l string) bool { return l == lang })
}

// languages are those that a post to a chat is written in, the first to be read
// first.
func (e *Engine) languages(id chat.ID) []string {
	set := e.o.Setting(id).Languages
	if len(set) == 0 {
		set = e.o.Words.Languages
	}
	var out []string
	for _, lang := range prompt.Languages() {
		if slices.Contains(set, lang) && e.o.Viewer.Words[lang] != nil {
			out = append(out, lang)
		}
	}
	return out
}

// introduce tells a bot whom it can ask.
func (e *Engine) introduce(b bots.Bot) {
	if c, ok := b.(bots.Conversant); ok {
		c.Converse(e.Converse)
	}
	if r, ok := b.(bots.Revealer); ok {
		r.Reveal(e.Waiting)
	}
	if p, ok := b.(bots.Public); ok {
		p.Proclaim(e.proclaim)
	}
	if w, ok := b.(bots.Worded); ok {
		w.Speak(func(ctx context.Context, who chat.MemberID) func(string, int) string {
			texts := e.to(ctx, chat.ID{Account: b.Account()}, chat.MemberID(chat.Escape(string(who)))).Texts
			return func(name string, n int) string { return texts.Say(name, prompt.Values{Count: n}) }
		})
	}
}

// proclaim says a bot's own words in every language of a chat.
func (e *Engine) proclaim(id chat.ID, name string) []string {
	id.Local = chat.Escape(id.Local)
	all := e.languages(id)
	if len(all) == 0 {
		all = []string{prompt.English}
	}
	var out []string
	for _, lang := range all {
		if text := e.o.Viewer.In(lang).Texts.Say(name, prompt.Values{}); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// to is the viewer that writes to a member.
func (e *Engine) to(ctx context.Context, id chat.ID, m chat.MemberID) prompt.Viewer {
	lang, offer := e.language(ctx, id, m)
	v := e.o.Viewer.In(lang)
	v.Offer = offer
	return v
}

// post says a text in every language of a chat, one after the other.
func (e *Engine) post(id chat.ID, say func(prompt.Viewer) string) string {
	all := e.languages(id)
	if len(all) == 0 {
		all = []string{prompt.English}
	}
	var parts []string
	for _, lang := range all {
		parts = append(parts, say(e.o.Viewer.In(lang)))
	}
	return strings.Join(parts, "\n\n")
}

// values are what a text about a chat can say.
func (e *Engine) values(v prompt.Viewer, name string) prompt.Values {
	w := e.o.Words
	val := prompt.Values{
		Chat: prompt.Inert(name, 60), Ask: prompt.Inert(v.Ask, 120), Organisation: prompt.Inert(w.Organisation, 80),
		Record: prompt.Inert(w.Record, 120), Link: w.Link, SpeakUp: prompt.Inert(w.SpeakUp, 160),
	}
	if val.Organisation == "" {
		val.Organisation = v.Texts.Say("notice_organisation", val)
	}
	if own := e.o.Own[retention.Findings]; !own.IsZero() {
		val.Kept = v.Texts.Period(own.Years, own.Months, own.Days)
	}
	if val.Kept == "" {
		val.Kept = v.Texts.Say("notice_kept", val)
	}
	return val
}

// notice is what a chat is told before anything is read there, in one
// language (DESIGN invariant 10).
func (e *Engine) notice(v prompt.Viewer, name string) string {
	val := e.values(v, name)
	return v.Texts.Say("notice", val) + "\n\n" + v.Texts.Say("notice_more", val)
}

// noticeVersion names what the notice of a chat says now.
func (e *Engine) noticeVersion(id chat.ID) string {
	sum := sha256.Sum256([]byte(e.noticeOf(id, false)))
	return hex.EncodeToString(sum[:8])
}

// noticeOf is the whole notice of a chat, in its languages.
func (e *Engine) noticeOf(id chat.ID, changed bool) string {
	return e.post(id, func(v prompt.Viewer) string {
		text := e.notice(v, "") + e.hello(id, v)
		if changed {
			text = v.Texts.Say("notice_changed", prompt.Values{}) + " " + text
		}
		return text
	})
}

// renderPost says what is posted in a chat. A chat that is refused is told why,
// and that is no notice: it stays unread.
func (e *Engine) renderPost(a *Action) string {
	if e.refuses(a.Chat) {
		a.Kind = Say
		return e.post(a.Chat, func(v prompt.Viewer) string { return v.Texts.Say("refused", e.values(v, "")) })
	}
	text := e.noticeOf(a.Chat, strings.HasPrefix(a.Key, renewed))
	a.Posted = Posted{Chat: a.Chat, Version: e.noticeVersion(a.Chat), Text: text}
	return text
}

// renewed begins the key of an action that posts a notice once more.
const renewed = "renewed/"

// renderSay says what is said to a whole chat besides notices.
func (e *Engine) renderSay(a Action) string {
	if a.Kind == Line {
		return e.post(a.Chat, func(v prompt.Viewer) string { return v.Post("closed") + e.hello(a.Chat, v) })
	}
	key := "joined_line"
	if e.refuses(a.Chat) { // begun before a crash
		key = "refused"
	}
	return e.post(a.Chat, func(v prompt.Viewer) string {
		text := v.Texts.Say(key, e.values(v, ""))
		if key == "joined_line" {
			text += e.hello(a.Chat, v)
		}
		return text
	})
}

// hello asks members to write to the bot first, in a paragraph of its own, where
// the platform takes it amiss when the bot does; empty elsewhere.
func (e *Engine) hello(id chat.ID, v prompt.Viewer) string {
	g, ok := e.bots[id.Account].(bots.Greeted)
	if !ok || g.Hello() == "" {
		return ""
	}
	return "\n\n" + v.Texts.Say("hello_first", prompt.Values{Link: g.Hello()})
}

// refuses reports whether a chat is one that the bot reads nothing of.
func (e *Engine) refuses(id chat.ID) bool {
	return e.o.Setting(id).Union
}

// renew plans the notices that say something else than what was posted.
func (e *Engine) renew(ctx context.Context) error {
	all, err := e.o.Store.Notices(ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		if e.bots[p.Chat.Account] == nil || e.refuses(p.Chat) || p.Version == e.noticeVersion(p.Chat) {
			continue
		}
		if err := e.o.Store.PostNotice(ctx, e.o.Now(), p.Chat, p.N); err != nil {
			return err
		}
	}
	return nil
}

// lineEvery is how often, at most, a chat is told of those who joined.
const lineEvery = time.Hour

// welcome tells a member who joined of the notice: in private where that can be
// done, else with one line for all who join within an hour.
func (b *batch) welcome(ev chat.Event) {
	e := b.e
	if !b.load.Chat.Noticed || e.refuses(b.room.id) || e.o.Viewer.Words == nil {
		return
	}
	if tell := e.able(e.ctx, b.room.id)[bots.Tell]; tell.Level == bots.Yes && !tell.AfterHello {
		b.s.Actions = append(b.s.Actions, Action{
			Key: tellKey(tellJoined, ev.Key), Kind: Tell, Chat: b.room.id, Member: ev.Member, Due: b.now,
		})
		return
	}
	if b.now.Before(b.room.welcomed) {
		return // a line that is on its way is theirs too
	}
	due := b.now
	if next := b.room.welcomed.Add(lineEvery); next.After(due) {
		due = next
	}
	b.room.welcomed = due
	b.s.Actions = append(b.s.Actions, Action{
		Key: fmt.Sprintf("say/joined/%s/%d", b.room.id, due.UnixMilli()/lineEvery.Milliseconds()), Kind: Say, Chat: b.room.id, Due: due,
	})
}

// able is what the bot can do in a chat; what cannot be learnt counts as not
// able.
func (e *Engine) able(ctx context.Context, id chat.ID) bots.Abilities {
	bot := e.bots[id.Account]
	if bot == nil {
		return nil
	}
	able, err := bot.Abilities(ctx, own(id))
	if err != nil {
		return nil
	}
	return able
}
