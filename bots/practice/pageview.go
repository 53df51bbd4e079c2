package practice

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"chaperone/internal/chat"
)

const (
	window   = 200  // messages on a page
	longText = 4000 // characters of a message on a page
	longRoom = 20   // messages from which a page opens at its end, where people write
	fewRooms = 3    // other rooms that are named on a page
)

// roomView is a room in a list.
type roomView struct {
	ID, Name, Kind, People, Link string
}

// personView is a member as a page shows them.
type personView struct {
	ID                         chat.MemberID
	Name, Role, Initials, Link string
	You                        bool
}

// pageView is everything that a room's page shows.
type pageView struct {
	Room                     roomView
	Kind, People, Base, Self string
	Mark, Stream             string
	Live, Long               bool
	Others                   []roomView
	AllRooms                 int
	Members                  []personView
	You                      personView
	Items                    []itemView
	Earlier, Newest          string
	EarlierCount             string
	Trail                    []actView
	Error, Draft             string
	Clock, Day, Zone         string
	NowMilli                 int64
	Private                  *privatePage
}

// itemView is a message, or a prompt in its place.
type itemView struct {
	Message *messageView
	Prompt  *promptPage
}

// messageView is a message on a page.
type messageView struct {
	ID                            chat.MessageID
	Name, Initials, Text          string
	Base                          string
	You                           chat.MemberID
	Mine, Notice, Edited, Deleted bool
	CanAct                        bool
	When, Stamp, Aside, Record    string
	ReplyTo                       chat.MessageID
	Reactions                     []string
	Choices                       []signView
	More                          string
}

type signView struct{ Sign, Name string }

// signs are the reactions that a page offers.
var signs = []signView{{"👍", "thumbs up"}, {"❤️", "a heart"}, {"✅", "a tick"}, {"🙏", "thanks"}}

// promptPage is a prompt on its member's page.
type promptPage struct {
	PromptView
	Base                 string
	You                  chat.MemberID
	Waiting, Why         bool
	NoteClass, NoteSign  string
	Sent                 string
	Steps                []stepPage
	Answers, MoreAnswers []answerPage
	Found                []foundView
	Ask                  askView
}

type stepPage struct {
	StepView
	Current bool
}

type answerPage struct {
	AnswerView
	Base, Prompt string
	You          chat.MemberID
}

// foundView is one thing that was found: its kind and at most two characters.
type foundView struct {
	Kind, End string
	Masked    bool
}

type askView struct{ Text, Phone, Tel string }

type actView struct {
	When, Stamp, Text, Link string
	Later                   bool
}

func seenRoom(in NewRoom, you chat.MemberID) roomView {
	kind := string(in.Kind)
	return roomView{
		ID: in.ID, Name: in.Name, Kind: strings.ToUpper(kind[:1]) + kind[1:],
		People: people(len(in.Members)), Link: roomPath(in.ID, you),
	}
}

func people(n int) string {
	words := []string{"Nobody is in it", "One invented person", "Two invented people", "Three invented people", "Four invented people", "Five invented people", "Six invented people"}
	if n < len(words) {
		return words[n]
	}
	return number(n) + " invented people"
}

// number is an exact number with commas.
func number(n int) string {
	s := fmt.Sprint(n)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}

// roomPage gathers a room's page for one of its members.
func (p *Platform) roomPage(r *http.Request, you chat.MemberID) (*pageView, error) {
	all := p.roomsNow()
	at := slices.IndexFunc(all, func(x NewRoom) bool { return x.ID == r.PathValue("room") })
	if at < 0 {
		return nil, fmt.Errorf("%w: room", errUnknown)
	}
	mark := p.mark(all[at].ID) // before anything is read: what changes meanwhile is looked at again
	v := &pageView{Room: seenRoom(all[at], you), Mark: mark, Zone: p.zone.String()}
	v.Kind, v.People, v.Base = v.Room.Kind, v.Room.People, roomPath(v.Room.ID, "")
	v.addMembers(all[at].Members, you)
	v.Self = roomPath(v.Room.ID, v.You.ID)
	for i, other := range all {
		if i != at && len(all) <= fewRooms+1 {
			v.Others = append(v.Others, seenRoom(other, sameOr(other, v.You.ID)))
		}
	}
	if len(all) > fewRooms+1 {
		v.AllRooms = len(all)
	}
	before := chat.MessageID(r.URL.Query().Get("before"))
	if v.Live = before == ""; v.Live {
		v.Stream = v.Base + "/stream"
	} else {
		v.Newest = v.Self
	}
	now := p.Now().In(p.zone)
	v.Clock, v.Day, v.NowMilli = now.Format("15:04"), now.Format("Monday 2 January 2006"), now.UnixMilli()
	if err := p.addItems(r, v, before); err != nil {
		return nil, err
	}
	v.Private = p.privatePage(v)
	return v, p.addTrail(r, v)
}

// sameOr is a member if they are in a room too, and nobody else.
func sameOr(in NewRoom, you chat.MemberID) chat.MemberID {
	if slices.ContainsFunc(in.Members, func(m Member) bool { return m.ID == you }) {
		return you
	}
	return ""
}

// addMembers adds those who are in the room. Who is none of them is the first.
func (v *pageView) addMembers(members []Member, you chat.MemberID) {
	if len(members) > 0 && !slices.ContainsFunc(members, func(m Member) bool { return m.ID == you }) {
		you = members[0].ID
	}
	for _, m := range members {
		s := seenPerson(m)
		s.You, s.Link = m.ID == you, roomPath(v.Room.ID, m.ID)
		if s.You {
			v.You = s
		}
		v.Members = append(v.Members, s)
	}
}

func seenPerson(m Member) personView {
	name, role, _ := strings.Cut(m.Name, ", ")
	return personView{ID: m.ID, Name: name, Role: role, Initials: initials(name)}
}

// initials are the first letters of a name's first and last word.
func initials(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' && r != '’' && r != '-'
	})
	switch len(words) {
	case 0:
		return "?"
	case 1:
		return firstUpper(words[0])
	default:
		return firstUpper(words[0]) + firstUpper(words[len(words)-1])
	}
}

func firstUpper(s string) string {
	r, _ := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r))
}

// addItems adds the messages, and the member's own prompts after the last
// message that each is about.
func (p *Platform) addItems(r *http.Request, v *pageView, before chat.MessageID) error {
	found, err := p.messages(r.Context(), v.Room.ID, choice{before: before, limit: window, notices: true})
	if err != nil {
		return err
	}
	prompts, place, err := p.placed(v, found)
	if err != nil {
		return err
	}
	v.Long = v.Live && len(found) >= longRoom
	names := p.names(v.Room.ID)
	lastDay := ""
	for _, m := range found {
		mv := v.message(m, names[m.Sender], p.when(m.At, &lastDay))
		v.Items = append(v.Items, itemView{Message: mv})
		for _, pr := range place[m.ID] {
			v.Items = append(v.Items, itemView{Prompt: pr})
		}
	}
	if v.Live {
		for _, pr := range prompts { // an open question is never out of sight
			v.Items = append(v.Items, itemView{Prompt: pr})
		}
	}
	if len(found) == window {
		if earlier := p.count(v.Room.ID, found[0].ID); earlier > 0 {
			v.EarlierCount = number(earlier)
			v.Earlier = v.Base + "?" + url.Values{"you": {string(v.You.ID)}, "before": {string(found[0].ID)}}.Encode()
		}
	}
	return nil
}

// placed sorts the member's prompts by the message that each stands after.
// Open ones whose messages are not on the page come back apart.
func (p *Platform) placed(v *pageView, found []MessageView) (left []*promptPage, place map[chat.MessageID][]*promptPage, err error) {
	place = map[chat.MessageID][]*promptPage{}
	if v.You.ID == "" {
		return nil, place, nil
	}
	prompts, err := p.promptsIn(v.You.ID, v.Room.ID)
	if err != nil {
		return nil, nil, err
	}
	order := make(map[chat.MessageID]int, len(found))
	for i, m := range found {
		order[m.ID] = i + 1
	}
	for _, pv := range prompts {
		last := 0
		for _, id := range pv.Messages {
			last = max(last, order[id])
		}
		pr := v.prompt(pv)
		if last > 0 {
			id := found[last-1].ID
			place[id] = append(place[id], pr)
		} else if pr.Waiting {
			left = append(left, pr)
		}
	}
	return left, place, nil
}

// names are those of everybody who is or was in a room.
func (p *Platform) names(roomID string) map[chat.MemberID]Member {
	p.mu.RLock()
	defer p.mu.RUnlock()
	out := map[chat.MemberID]Member{}
	if r := p.rooms[roomID]; r != nil {
		for _, m := range r.people {
			out[m.ID] = m.Member
		}
	}
	return out
}

// count is how many messages of a room come before one.
func (p *Platform) count(roomID string, id chat.MessageID) int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if r := p.rooms[roomID]; r != nil {
		return max(r.index(id), 0)
	}
	return 0
}

// when is the time of a message: with its day where the day is another one.
func (p *Platform) when(at time.Time, lastDay *string) [2]string {
	at = at.In(p.zone)
	day := at.Format("2 January")
	shown := at.Format("15:04")
	if day != *lastDay && (*lastDay != "" || day != p.Now().In(p.zone).Format("2 January")) {
		shown = day + ", " + shown
	}
	*lastDay = day
	return [2]string{shown, at.Format(time.RFC3339)}
}

func (v *pageView) message(m MessageView, from Member, when [2]string) *messageView {
	who := seenPerson(from)
	mv := &messageView{
		ID: m.ID, Name: who.Name, Initials: who.Initials, Text: m.Text, Base: v.Base, You: v.You.ID,
		Mine: m.Sender == v.You.ID && m.Sender != "", Notice: m.Notice, Edited: m.State == "edited", Deleted: m.State == "deleted",
		When: when[0], Stamp: when[1], Aside: aside(m, m.Sender == v.You.ID), Record: m.Record, ReplyTo: m.ReplyTo,
		Reactions: together(m.Reactions), Choices: signs,
	}
	mv.CanAct = !mv.Deleted && v.You.ID != ""
	if n := utf8.RuneCountInString(mv.Text); n > longText {
		mv.Text, mv.More = string([]rune(mv.Text)[:longText])+"…", number(n-longText)
	}
	return mv
}

// aside is what the margin says beside a message.
func aside(m MessageView, mine bool) string {
	switch {
	case m.Decision == "pending":
		return "Not read yet"
	case mine && m.Aside == "Asked privately":
		return "Asked you privately"
	case m.Aside != "":
		return m.Aside
	case m.Decision == "clean":
		return "Passed in silence"
	case m.Decision == "watched":
		return "Watched only: nobody was asked"
	case mine:
		return "Asked you privately"
	default:
		return "Asked privately"
	}
}

// together counts equal reactions.
func together(all []string) []string {
	var out []string
	counts := map[string]int{}
	for _, sign := range all {
		if counts[sign]++; counts[sign] == 1 {
			out = append(out, sign)
		}
	}
	for i, sign := range out {
		if n := counts[sign]; n > 1 {
			out[i] = fmt.Sprintf("%s %d", sign, n)
		}
	}
	return out
}

func (v *pageView) prompt(in PromptView) *promptPage {
	pr := &promptPage{
		PromptView: in, Base: v.Base, You: v.You.ID, Waiting: in.open,
		NoteClass: "soft", Ask: ask(in.Ask), Why: in.open && (len(in.Found) > 0 || in.Policy != "" || in.Ask != ""),
	}
	switch in.State {
	case "put-right", "answered":
		pr.NoteClass, pr.NoteSign = "done", "✓"
	case "escalated":
		pr.NoteClass, pr.NoteSign = "caution", "▲"
	case "open":
		if in.Reminded {
			pr.NoteClass, pr.NoteSign = "note", "○"
		}
	}
	if pr.Note == "" && in.Reminded && in.open {
		pr.Note = "A reminder, once: this is still open."
	} else if pr.Note == "" && !in.open {
		pr.Note = "This question is closed."
	}
	current := false
	for _, s := range in.Steps {
		pr.Steps = append(pr.Steps, stepPage{StepView: s, Current: !s.Done && !current})
		current = current || !s.Done
	}
	for _, a := range in.Answers {
		if a.ID == in.Answered {
			pr.Sent = a.Label
		}
		if av := (answerPage{AnswerView: a, Base: v.Base, Prompt: in.ID, You: v.You.ID}); !in.open {
			continue
		} else if a.More {
			pr.MoreAnswers = append(pr.MoreAnswers, av)
		} else {
			pr.Answers = append(pr.Answers, av)
		}
	}
	for _, f := range in.Found {
		pr.Found = append(pr.Found, found(f))
	}
	return pr
}

var ending = regexp.MustCompile(`^(.*?)(?:, masked)?, ending (.{1,2})$`)

// found takes a mask apart, so that what is masked can be drawn as blocks.
func found(mask string) foundView {
	if m := ending.FindStringSubmatch(mask); m != nil {
		return foundView{Kind: m[1], End: m[2], Masked: true}
	}
	if kind, ok := strings.CutSuffix(mask, ", masked"); ok {
		return foundView{Kind: kind, Masked: true}
	}
	return foundView{Kind: mask}
}

var phone = regexp.MustCompile(`0[0-9]{3,4} ?[0-9]{3} ?[0-9]{3,4}$`)

// ask takes a telephone number off the end of whom to ask, so that it can be
// called.
func ask(who string) askView {
	if at := phone.FindStringIndex(who); at != nil {
		number := who[at[0]:]
		return askView{Text: who[:at[0]], Phone: number, Tel: "+44" + strings.ReplaceAll(number[1:], " ", "")}
	}
	return askView{Text: who}
}

func (p *Platform) addTrail(r *http.Request, v *pageView) error {
	if p.o.Trail == nil {
		return nil
	}
	acts, err := p.o.Trail(r.Context(), chat.ID{Account: account, Local: v.Room.ID})
	if err != nil {
		return fmt.Errorf("asking what the bot did: %w", err)
	}
	today := p.Now().In(p.zone).Format("2 January")
	for _, a := range acts {
		at := a.At.In(p.zone)
		av := actView{When: at.Format("15:04"), Stamp: at.Format(time.RFC3339), Text: a.Text, Link: a.Link, Later: a.Later}
		if day := at.Format("2 January"); day != today {
			av.When = day + ", " + av.When
		}
		v.Trail = append(v.Trail, av)
	}
	return nil
}
