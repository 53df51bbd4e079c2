package practice

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// privateMost is how many lines of a private conversation are shown.
const privateMost = 60

// privateLine is one line that a member and the bot said to each other alone.
type privateLine struct {
	at      time.Time
	bot     bool
	room    string // of what the bot began to say: the room that it is about
	text    string
	choices []string
}

// Converse implements bots.Conversant. What members say to the bot alone is in
// memory only, and not in the file: nothing of a draft is kept.
func (p *Platform) Converse(answer bots.Answerer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

var errNobody = errors.New("nobody answers private messages here")

// Speak lets a member say something to the bot alone, and gives what it says
// back.
func (p *Platform) Speak(ctx context.Context, member chat.MemberID, text string) ([]bots.Reply, error) {
	if strings.TrimSpace(text) == "" {
		return nil, fmt.Errorf("%w: a message has a text", errInvalid)
	}
	p.mu.RLock()
	answer, name, known := p.answer, p.nameOf(member), p.known(member)
	p.mu.RUnlock()
	switch {
	case !known:
		return nil, fmt.Errorf("%w: member %q", errUnknown, member)
	case answer == nil:
		return nil, errNobody
	}
	lines := []privateLine{{at: p.Now(), text: text}}
	replies, err := answer(ctx, bots.Private{Account: account, Member: member, Name: name, Text: text})
	if err != nil {
		return nil, err
	}
	for _, r := range replies {
		lines = append(lines, privateLine{at: p.Now(), bot: true, text: r.Text, choices: r.Choices})
	}
	p.mu.Lock()
	p.told(member, lines...)
	p.mu.Unlock()
	p.touchAll()
	return replies, nil
}

// told adds to a private conversation. The caller holds the lock, or is reading
// the file.
func (p *Platform) told(member chat.MemberID, lines ...privateLine) {
	all := append(p.private[member], lines...)
	if n := len(all) - privateMost; n > 0 {
		all = slices.Clone(all[n:])
	}
	p.private[member] = all
}

// nameOf is what rooms show of a member. The caller holds the lock.
func (p *Platform) nameOf(member chat.MemberID) string {
	for _, id := range p.order {
		if i, ok := p.rooms[id].places[member]; ok {
			return p.rooms[id].people[i].Name
		}
	}
	return ""
}

// PrivateView is one line of a private conversation, as the contract gives it.
type PrivateView struct {
	From    string    `json:"from"` // you, bot
	At      time.Time `json:"at"`
	Room    string    `json:"room,omitempty"`
	Text    string    `json:"text"`
	Choices []string  `json:"choices,omitempty"` // answers that can be given with one tap: say one of them
}

// Private lists what a member and the bot said to each other alone, the oldest
// first. What was said before a restart is not there, but for what the bot
// said first.
func (p *Platform) Private(member chat.MemberID) ([]PrivateView, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if !p.known(member) {
		return nil, fmt.Errorf("%w: member %q", errUnknown, member)
	}
	out := []PrivateView{}
	for _, l := range p.private[member] {
		v := PrivateView{From: "you", At: l.at, Room: l.room, Text: l.text, Choices: l.choices}
		if l.bot {
			v.From = "bot"
		}
		out = append(out, v)
	}
	return out, nil
}

func (p *Platform) getPrivate(w http.ResponseWriter, r *http.Request) {
	out, err := p.Private(chat.MemberID(r.PathValue("member")))
	answer(w, http.StatusOK, out, err)
}

func (p *Platform) postPrivate(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Text string `json:"text"`
	}
	out := struct {
		Replies []PrivateView `json:"replies"`
	}{[]PrivateView{}}
	err := body(r, &in)
	if err == nil {
		var replies []bots.Reply
		replies, err = p.Speak(r.Context(), chat.MemberID(r.PathValue("member")), in.Text)
		for _, x := range replies {
			out.Replies = append(out.Replies, PrivateView{From: "bot", At: p.Now().UTC(), Text: x.Text, Choices: x.Choices})
		}
	}
	answer(w, http.StatusOK, out, err)
}

// privatePage is a private conversation as a page shows it.
type privatePage struct {
	Base  string
	You   chat.MemberID
	Name  string
	Lines []privateShown
}

type privateShown struct {
	Key         string
	Mine        bool
	When, Stamp string
	Parts       []string
	Choices     []string // of the newest line only
}

// shownPrivate is how many lines a page shows.
const shownPrivate = 4

func (p *Platform) privatePage(v *pageView) *privatePage {
	out := &privatePage{Base: v.Base, You: v.You.ID, Name: v.You.Name}
	p.mu.RLock()
	defer p.mu.RUnlock()
	all := p.private[v.You.ID]
	from := max(0, len(all)-shownPrivate)
	for i, l := range all[from:] {
		at := l.at.In(p.zone)
		s := privateShown{
			Key: fmt.Sprintf("pv-%s-%d", v.You.ID, l.at.UnixNano()+int64(i)), Mine: !l.bot, When: at.Format("15:04"), Stamp: at.Format(time.RFC3339), Parts: strings.Split(l.text, "\n"),
		}
		if from+i == len(all)-1 {
			s.Choices = l.choices
		}
		out.Lines = append(out.Lines, s)
	}
	return out
}

// make makes a room from the page's form. Whoever makes it added the bot, which
// asks them about it.
func (s *pages) make(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.fail(w, r, fmt.Errorf("%w: the form cannot be read", errInvalid))
		return
	}
	in := NewRoom{Name: strings.TrimSpace(r.PostForm.Get("name")), Kind: chat.Team}
	for _, name := range append([]string{r.PostForm.Get("you")}, strings.FieldsFunc(r.PostForm.Get("others"), func(r rune) bool { return r == '\n' || r == '\r' || r == ',' })...) {
		if name = strings.TrimSpace(name); name != "" {
			in.Members = append(in.Members, Member{ID: chat.MemberID(slug(name)), Name: name})
		}
	}
	in.ID = slug(in.Name)
	err := error(nil)
	if in.Name == "" || len(in.Members) == 0 || strings.TrimSpace(r.PostForm.Get("you")) == "" {
		err = fmt.Errorf("%w: a chat has a name, and you have one", errInvalid)
	} else {
		in.AddedBy = in.Members[0].ID
		in.Members[0].Admin = true
		err = s.p.NewRoom(in)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	http.Redirect(w, r, roomPath(in.ID, in.AddedBy), http.StatusSeeOther)
}

// slug makes an id of a name.
func slug(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	id := strings.Join(words, "-")
	if len(id) > maxID {
		id = strings.ToValidUTF8(id[:maxID], "")
	}
	return id
}
