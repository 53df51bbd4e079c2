package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/failpoint"
	"chaperone/internal/hold"
	"chaperone/internal/prompt"
)

// Joinings is where it is kept how chats were joined.
type Joinings interface {
	Joinings(ctx context.Context) ([]Joining, error)
	// SaveJoining stores how far a joining has come, and what follows from it;
	// with a name in by, as that person's act.
	SaveJoining(ctx context.Context, now time.Time, j Joining, by string, next []Action) error
	// Watched tells what would have been done in a chat since a time.
	Watched(ctx context.Context, id chat.ID, since time.Time) (Would, error)
}

// JoiningState says how far a joining has come.
type JoiningState string

// The states of a joining.
const (
	Asking   JoiningState = "asking"   // the administrator has questions to answer: nothing is read
	Refused  JoiningState = "refused"  // a trade union's: nothing is ever read
	Watching JoiningState = "watching" // the notice stands: read and counted, nothing done
	Reported JoiningState = "reported" // the week is over, and the administrator was told
	On       JoiningState = "on"       // two people switched it on
)

// Joining is how the bot came into a chat, and what it was told about it. Its
// answers are the chat's settings, but for what the configuration says.
type Joining struct {
	Chat           chat.ID
	Name           string   // of the chat
	Server         string   `json:",omitempty"` // of whose chats it is one: they are asked about once
	First          *chat.ID `json:",omitempty"` // the chat that the server was asked about, where it is another
	Administrator  chat.MemberID
	State          JoiningState
	Step           int // the question that waits; steps is the preview
	Kind           chat.Kind
	People         string
	Administrators []string
	Answers        string // who answers, day and night
	Records        string // where records go, and for how long
	Due            time.Time
	Since          time.Time // when watching began
	Yes            []SwitchedOn
}

// SwitchedOn is one named person's yes to acting in a chat.
type SwitchedOn struct {
	By         string
	At         time.Time
	Assessment string // reference of the data protection impact assessment
}

// Would is what would have been done in a chat that was only watched.
type Would struct {
	Read  int
	Asked int
	About []string // the names of texts: about_personal, …
}

// watchFor is how long a chat is watched before its administrator hears what
// would have been done.
const watchFor = 7 * 24 * time.Hour

// steps is how many questions there are.
const steps = 5

// kinds are the answers to the first question.
var kinds = []string{"team", "emergency", "partner", "public", "union"}

// joinings is what the engine holds of them.
type joinings struct {
	mu   sync.Mutex
	read bool
	all  map[chat.ID]Joining
}

// joining gives the joining of a chat, if it has one.
func (e *Engine) joining(id chat.ID) (Joining, bool, error) {
	e.joins.mu.Lock()
	defer e.joins.mu.Unlock()
	if !e.joins.read {
		all, err := e.o.Store.Joinings(context.Background())
		if err != nil {
			return Joining{}, false, err
		}
		e.joins.all, e.joins.read = map[chat.ID]Joining{}, true
		for _, j := range all {
			e.joins.all[j.Chat] = j
		}
	}
	j, ok := e.joins.all[id]
	return j, ok, nil
}

// joined is joining, where what cannot be read is not there.
func (e *Engine) joined(id chat.ID) (Joining, bool) {
	j, ok, err := e.joining(id)
	return j, ok && err == nil
}

// anew stores something that changes how chats were joined. Whoever looks
// meanwhile waits, and then sees it: an action that follows from it may be
// carried out as soon as it is stored.
func (e *Engine) anew(store func() error) error {
	e.joins.mu.Lock()
	defer e.joins.mu.Unlock()
	e.joins.read = false
	failpoint.Hit("join.begun")
	err := store()
	failpoint.Hit("join.stored")
	return err
}

func (e *Engine) saveJoining(ctx context.Context, now time.Time, j Joining, by string, next []Action) error {
	return e.anew(func() error { return e.o.Store.SaveJoining(ctx, now, j, by, next) })
}

// withJoining adds to what the configuration says of chats what the bot was
// told when it joined. What the configuration says wins.
func (e *Engine) withJoining(configured func(chat.ID) Setting) func(chat.ID) Setting {
	return func(id chat.ID) Setting {
		set := configured(id)
		if set.Named {
			return set
		}
		j, ok, err := e.joining(id)
		if err != nil {
			set.Acting = false // nobody knows whether it was switched on
		} else if ok {
			set.Acting, set.Union = j.State == On, j.State == Refused
			set.Kind, set.Administrators = cmp.Or(set.Kind, j.Kind), j.Administrators
		}
		return set
	}
}

// deaf reports whether an event is to be passed over: nothing is stored of a
// chat that is refused but that it is there, nor of what is said in one before
// its administrator let the notice be posted.
func (e *Engine) deaf(ev chat.Event) (bool, error) {
	if ev.Kind == chat.Added {
		return false, nil
	}
	j, ok, err := e.joining(ev.Chat)
	if err != nil {
		return false, err
	}
	member := ev.Kind == chat.Joined || ev.Kind == chat.Left || ev.Kind == chat.Removed
	return e.refuses(ev.Chat) || ok && j.State == Asking && !member, nil
}

// hears leaves out the events that are passed over, and lets the configuration
// answer the questions for the chats that it names.
func (e *Engine) hears(events []chat.Event) ([]chat.Event, error) {
	out := events[:0:0]
	for _, ev := range events {
		if ev.Kind == chat.Added && (e.o.Setting(ev.Chat).Named || e.o.Viewer.Words == nil) {
			ev.Member = ""
		}
		not, err := e.deaf(ev)
		if err != nil {
			return nil, err
		}
		if !not {
			out = append(out, ev)
		}
	}
	return out, nil
}

// receive stores events, among which may be that somebody added the bot.
func (e *Engine) receive(ctx context.Context, events []chat.Event) error {
	store := func() error { return e.o.Store.Receive(ctx, e.o.Now(), events) }
	if slices.ContainsFunc(events, func(ev chat.Event) bool { return ev.Kind == chat.Added && ev.Member != "" }) {
		defer nudge(e.tick) // a chat of a server may take over its answers at once
		return e.anew(store)
	}
	return store()
}

// Begun is the joining that begins where somebody adds the bot to a chat, and
// the action that asks the first question.
func Begun(now time.Time, ev chat.Event) (Joining, Action) {
	j := Joining{Chat: ev.Chat, Name: cmp.Or(ev.ServerName, ev.Name), Server: ev.Server, Administrator: ev.Member, State: Asking, Kind: ev.ChatKind}
	return j, Action{Key: tellKey(tellJoining, ev.Chat.String()+"/0"), Kind: Tell, Chat: ev.Chat, Member: ev.Member, Due: now}
}

// question is what the administrator is asked now, or shown.
func (e *Engine) question(v prompt.Viewer, j Joining) (string, []string) {
	val := e.values(v, j.Name)
	switch j.Step {
	case 0:
		var choices []string
		for _, k := range kinds {
			choices = append(choices, v.Texts.Say("kind_"+k, val))
		}
		return v.Texts.Say("joining_kind", val), choices
	case 1:
		return v.Texts.Say("joining_people", val), nil
	case 2:
		return v.Texts.Say("joining_administrators", val), nil
	case 3:
		return v.Texts.Say("joining_answers", val), nil
	case 4:
		return v.Texts.Say("joining_records", val), nil
	}
	val.Draft = e.noticeOf(j.Chat, false)
	var about []string
	for _, key := range e.asksAbout(j.Kind) {
		about = append(about, v.Texts.Say(key, val))
	}
	val.List = v.Texts.Join(about)
	return v.Texts.Say("joining_preview", val), []string{v.Texts.Say("joining_post", val), v.Texts.Say("joining_restart", val)}
}

// asksAbout names what the adopted packs let the bot ask about in a chat of a
// kind.
func (e *Engine) asksAbout(kind chat.Kind) []string {
	var out []string
	for _, p := range e.o.Packs {
		for _, row := range p.Rows {
			if row.Prompt == "" || len(row.When.Chat) > 0 && !slices.Contains(row.When.Chat, kind) {
				continue
			}
			for _, class := range row.When.Information {
				if key := aboutClass(string(class)); !slices.Contains(out, key) {
					out = append(out, key)
				}
			}
		}
	}
	return out
}

// aboutClass names the text that says what a class of information is.
func aboutClass(class string) string {
	switch {
	case strings.Contains(class, "personal"), strings.Contains(class, "special"), strings.Contains(class, "image"):
		return "about_personal"
	case strings.Contains(class, "secret"):
		return "about_secret"
	case strings.Contains(class, "mark"), strings.Contains(class, "misdirected"):
		return "about_marked"
	case strings.Contains(class, "credential"):
		return "about_credential"
	case strings.Contains(class, "significant"):
		return "about_significant"
	}
	return "about_other"
}

// AboutClass is aboutClass, for the store that counts.
func AboutClass(class string) string { return aboutClass(class) }

// asked finds the joining whose question a member has to answer, the oldest
// first.
func (e *Engine) asked(ask asking) (Joining, bool) {
	if _, ok := e.joined(chat.ID{}); ok { // reads them, where they were not
		return Joining{}, false
	}
	e.joins.mu.Lock()
	defer e.joins.mu.Unlock()
	var found []Joining
	for _, j := range e.joins.all {
		if j.Administrator == ask.who.ID && j.Chat.Account == ask.who.Account && j.State == Asking && j.First == nil {
			found = append(found, j)
		}
	}
	if len(found) == 0 {
		return Joining{}, false
	}
	slices.SortFunc(found, func(a, b Joining) int { return strings.Compare(a.Chat.Local, b.Chat.Local) })
	return found[0], true
}

// answerJoining takes an answer of the administrator who added the bot, and
// asks on.
func (e *Engine) answerJoining(ctx context.Context, ask asking, text string) ([]bots.Reply, bool, error) {
	j, ok := e.asked(ask)
	if !ok {
		return nil, false, nil
	}
	v := e.to(ctx, j.Chat, ask.who.ID)
	say := func(key string) bots.Reply { return bots.Reply{Text: v.Texts.Say(key, e.values(v, j.Name))} }
	if wrong := e.fill(&j, text); wrong != "" {
		q, choices := e.question(v, j)
		return []bots.Reply{say(wrong), {Text: q, Choices: choices}}, true, nil
	}
	if j.State == Refused {
		if err := e.saveJoining(ctx, e.o.Now(), j, "", []Action{e.plannedNotice(j.Chat, true)}); err != nil {
			return nil, true, err
		}
		nudge(e.poke)
		nudge(e.tick)
		return []bots.Reply{say("joining_refused")}, true, nil
	}
	if j.State == Watching {
		out, err := e.agreed(ctx, v, j)
		return out, true, err
	}
	if err := e.saveJoining(ctx, e.o.Now(), j, "", nil); err != nil {
		return nil, true, err
	}
	q, choices := e.question(v, j)
	return []bots.Reply{{Text: q, Choices: choices}}, true, nil
}

// fill takes an answer into a joining, and moves it on; it names the text that
// says what is wrong, if something is.
func (e *Engine) fill(j *Joining, text string) (wrong string) {
	text = prompt.Inert(text, 1000)
	if j.Step > 0 && j.Step < steps && (text == "" || utf8.RuneCountInString(text) > 200) {
		return "joining_words"
	}
	switch j.Step {
	case 0:
		k := e.chosen(text, kinds, "kind_")
		switch {
		case k == "":
			return "joining_again"
		case k == "union":
			j.State = Refused
			return ""
		}
		j.Kind = chat.Kind(k)
	case 1:
		j.People = text
	case 2:
		names := slices.DeleteFunc(strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' }), func(n string) bool { return strings.TrimSpace(n) == "" })
		for i := range names {
			names[i] = strings.TrimSpace(names[i])
		}
		if len(names) < 2 || normal(names[0]) == normal(names[1]) {
			return "joining_two"
		}
		j.Administrators = names
	case 3:
		j.Answers = text
	case 4:
		j.Records = text
	default:
		switch e.chosen(text, []string{"post", "restart"}, "joining_") {
		case "post":
			j.State = Watching
			return ""
		case "restart":
			j.Step = 0
			return ""
		}
		return "joining_again"
	}
	j.Step++
	return ""
}

// chosen finds which of some answers a text is, in any language, or as the
// bare word or its number.
func (e *Engine) chosen(text string, of []string, prefix string) string {
	said := normal(text)
	for i, o := range of {
		if said == o || said == strconv.Itoa(i+1) {
			return o
		}
		for _, t := range e.o.Viewer.Words {
			if said == normal(t.Say(prefix+o, prompt.Values{})) {
				return o
			}
		}
	}
	return ""
}

// plannedNotice is the action that posts the notice, or why a chat is refused.
func (e *Engine) plannedNotice(id chat.ID, refused bool) Action {
	key := "notice/" + id.String()
	if refused {
		key = "refused/" + id.String()
	}
	return Action{Key: key, Kind: Kind(bots.Post), Chat: id, Due: e.o.Now()}
}

// agreed posts the notice, and begins to watch.
func (e *Engine) agreed(ctx context.Context, v prompt.Viewer, j Joining) ([]bots.Reply, error) {
	now := e.o.Now()
	j.Since, j.Due = now, now.Add(watchFor)
	if err := e.saveJoining(ctx, now, j, "", []Action{e.plannedNotice(j.Chat, false)}); err != nil {
		return nil, err
	}
	nudge(e.poke)
	nudge(e.tick)
	val := e.values(v, j.Name)
	val.Until = v.Texts.Moment(j.Due, v.Zone)
	out := []bots.Reply{{Text: v.Texts.Say("joining_posted", val)}}
	can, cannot := e.rights(ctx, v, j.Chat)
	val.List = v.Texts.Join(can)
	text := v.Texts.Say("joining_able", val)
	if len(cannot) > 0 {
		val.List = v.Texts.Join(cannot)
		text += " " + v.Texts.Say("joining_unable", val)
	}
	return append(out, bots.Reply{Text: text}), nil
}

// rights says what the bot can do in a chat, and what it cannot.
func (e *Engine) rights(ctx context.Context, v prompt.Viewer, id chat.ID) (can, cannot []string) {
	able := e.able(ctx, id)
	for _, k := range []bots.Kind{bots.Whisper, bots.Remind, bots.Tell, bots.Post, bots.Delete, bots.Remove} {
		say := v.Texts.Say("able_"+string(k), prompt.Values{})
		if able[k].Level == bots.Yes {
			can = append(can, say)
		} else {
			cannot = append(cannot, say)
		}
	}
	return can, cannot
}

// weeks tells the administrators of chats that were watched for a week what
// would have been done. It gives the time at which the next is due.
func (e *Engine) weeks(ctx context.Context) (next time.Time, err error) {
	if err := e.takeOver(ctx); err != nil {
		return next, err
	}
	e.joins.mu.Lock()
	var due []Joining
	now := e.o.Now()
	for _, j := range e.joins.all {
		switch {
		case j.State != Watching:
		case !j.Due.After(now):
			due = append(due, j)
		case next.IsZero() || j.Due.Before(next):
			next = j.Due
		}
	}
	e.joins.mu.Unlock()
	for _, j := range due {
		j.State = Reported
		var tell []Action
		if j.First == nil {
			tell = []Action{{Key: tellKey(tellReport, j.Chat.String()), Kind: Tell, Chat: j.Chat, Member: j.Administrator, Due: now}}
		}
		if err := e.saveJoining(ctx, now, j, "", tell); err != nil {
			return next, err
		}
		nudge(e.poke)
	}
	return next, nil
}

// renderJoining says what is told to the administrator of a chat.
func (e *Engine) renderJoining(ctx context.Context, v prompt.Viewer, a Action, what string) (string, []string, error) {
	j, ok, err := e.joining(a.Chat)
	if err != nil || !ok {
		return "", nil, err
	}
	val := e.values(v, j.Name)
	switch what {
	case tellJoining:
		if j.State != Asking {
			return "", nil, nil
		}
		val.Name = v.Texts.FirstName(e.nameOf(ctx, hold.Member{Account: a.Chat.Account, ID: a.Member}))
		q, choices := e.question(v, j)
		return v.Texts.Say("joining_hello", val) + "\n\n" + q, choices, nil
	case tellOn:
		var names []string
		for _, y := range j.Yes {
			names = append(names, prompt.Inert(y.By, 60))
		}
		val.List = v.Texts.Join(names)
		return v.Texts.Say("joining_on", val), nil, nil
	}
	w, err := e.watched(ctx, j)
	if err != nil {
		return "", nil, err
	}
	return e.tellWould(v, j, w), nil, nil
}

// tellWould says what would have been done.
func (e *Engine) tellWould(v prompt.Viewer, j Joining, w Would) string {
	val := e.values(v, j.Name)
	val.What, val.Count = strconv.Itoa(w.Read), w.Asked
	var about []string
	for _, key := range w.About {
		about = append(about, v.Texts.Say(key, val))
	}
	val.List = v.Texts.Join(about)
	key := "joining_would"
	if w.Asked == 0 {
		key = "joining_would_none"
	}
	return v.Texts.Say("joining_week", val) + " " + v.Texts.Say(key, val) + "\n\n" + v.Texts.Say("joining_switch", val)
}

// Settings gives how a chat was joined, and what would have been done in it
// since; false where it was not joined so.
func (e *Engine) Settings(ctx context.Context, id chat.ID) (Joining, Would, bool, error) {
	j, ok := e.joined(id)
	if !ok {
		return j, Would{}, false, nil
	}
	w, err := e.o.Store.Watched(ctx, id, j.Since)
	return j, w, true, err
}

// Joinings lists how chats were joined, by name.
func (e *Engine) Joinings() []Joining {
	e.joined(chat.ID{})
	e.joins.mu.Lock()
	defer e.joins.mu.Unlock()
	var out []Joining
	for _, j := range e.joins.all {
		out = append(out, j)
	}
	slices.SortFunc(out, func(a, b Joining) int { return strings.Compare(a.Chat.String(), b.Chat.String()) })
	return out
}

// SwitchOn records a named person's yes to acting in a chat. The second yes is
// another person's, and it acts from then on (DESIGN invariant 8).
func (e *Engine) SwitchOn(ctx context.Context, id chat.ID, by, assessment string) (Joining, error) {
	j, ok := e.joined(id)
	by, assessment = strings.TrimSpace(by), strings.TrimSpace(assessment)
	switch {
	case e.o.Setting(id).Named:
		return j, fmt.Errorf("the configuration names %s, so it says what happens there: change its mode in the file", id)
	case !ok:
		return j, fmt.Errorf("nobody was asked about %s when the bot joined: list it under chats in the configuration", id)
	case j.State == Asking:
		return j, errors.New("the administrator who added the bot has questions to answer first, and nothing is read before that")
	case j.State == Refused:
		return j, errors.New("this is a trade union's chat, which the bot does not read")
	case j.State == On:
		return j, errors.New("it is switched on already")
	case j.State == Watching:
		return j, fmt.Errorf("it is watched until %s, so that you can see what would be asked", j.Due.Format("2 January 2006"))
	case assessment == "" && len(j.Yes) == 0:
		return j, errors.New("give the reference of the data protection impact assessment")
	case len(j.Administrators) < 2 || j.Answers == "":
		return j, errors.New("two named administrators and a person who answers, day and night, are needed: begin the questions again")
	}
	for _, y := range j.Yes {
		if normal(y.By) == normal(by) {
			return j, fmt.Errorf("%s has said yes already: the second yes is another person's", by)
		}
		assessment = cmp.Or(assessment, y.Assessment)
	}
	now := e.o.Now()
	j.Yes = append(slices.Clone(j.Yes), SwitchedOn{By: by, At: now.UTC(), Assessment: assessment})
	var next []Action
	if len(j.Yes) >= 2 {
		j.State = On
		next = append(next, Action{Key: tellKey(tellOn, j.Chat.String()+now.UTC().String()), Kind: Tell, Chat: id, Member: j.Administrator, Due: now})
	}
	return j, e.saveSwitch(ctx, j, by, next)
}

// SwitchOff lets a chat be only watched from now on. One person is enough.
func (e *Engine) SwitchOff(ctx context.Context, id chat.ID, by string) (Joining, error) {
	j, ok := e.joined(id)
	if !ok || e.o.Setting(id).Named || (j.State != On && len(j.Yes) == 0) {
		return j, fmt.Errorf("%s was not switched on here: the configuration or nobody says that it acts", id)
	}
	j.State, j.Yes = Reported, nil
	return j, e.saveSwitch(ctx, j, by, nil)
}

func (e *Engine) saveSwitch(ctx context.Context, j Joining, by string, next []Action) error {
	if err := e.saveJoining(ctx, e.o.Now(), j, by, next); err != nil {
		return err
	}
	nudge(e.poke)
	e.changed(j.Chat)
	return nil
}

// SettingOf is what holds for a chat: what the configuration says, and else what
// the bot was told when it joined.
func (e *Engine) SettingOf(id chat.ID) Setting { return e.o.Setting(id) }
