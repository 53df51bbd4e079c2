package practice

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chaperone/internal/chat"
)

// MessageView is a message as the contract gives it.
type MessageView struct {
	ID        chat.MessageID `json:"id"`
	Sender    chat.MemberID  `json:"sender"`
	Text      string         `json:"text"`     // empty when deleted
	State     string         `json:"state"`    // posted, edited, deleted
	Decision  string         `json:"decision"` // pending, clean, prompted, watched
	At        time.Time      `json:"at"`
	ReplyTo   chat.MessageID `json:"reply_to,omitempty"`
	Reactions []string       `json:"reactions,omitempty"`
	Aside     string         `json:"aside,omitempty"`
	Record    string         `json:"record,omitempty"`
	Notice    bool           `json:"notice,omitempty"` // posted by the bot; given only with ?notices=1
}

// choice says which messages of a room are wanted. Its zero value wants all
// that people wrote.
type choice struct {
	after, before chat.MessageID
	limit         int // the newest of them; 0 is all
	notices       bool
}

// asking is how many messages the bot is asked about at once.
const asking = 500

// Messages lists a room's messages with what the bot decided.
func (p *Platform) messages(ctx context.Context, roomID string, c choice) ([]MessageView, error) {
	p.mu.RLock()
	r := p.rooms[roomID]
	if r == nil {
		p.mu.RUnlock()
		return nil, fmt.Errorf("%w: room %q", errUnknown, roomID)
	}
	from, to, err := r.choose(c)
	var ask []chat.MessageID
	for i := from; i < to && p.o.Decided != nil; i++ {
		if m := &r.messages[i]; m.sender >= 0 && m.mayChange() {
			ask = append(ask, m.id())
		}
	}
	p.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	for part := range slices.Chunk(ask, asking) {
		found, err := p.o.Decided(ctx, r.chat(), part)
		if err != nil {
			return nil, fmt.Errorf("asking what was decided: %w", err)
		}
		p.learn(r, found)
	}
	p.mu.RLock()
	out := make([]MessageView, 0, to-from)
	texts := make([]span, 0, to-from)
	for i := from; i < to; i++ {
		if m := &r.messages[i]; m.sender >= 0 || c.notices {
			out = append(out, r.view(m))
			texts = append(texts, m.text)
		}
	}
	p.mu.RUnlock()
	near := reader{l: p.file}
	for i, s := range texts {
		if s.size == 0 {
			continue
		}
		b, err := near.read(s)
		if err != nil {
			return nil, err
		}
		out[i].Text = unquote(b)
	}
	return out, nil
}

// choose gives the range of a room's messages that are wanted.
func (r *room) choose(c choice) (from, to int, err error) {
	to = len(r.messages)
	if c.before != "" {
		if to = r.index(c.before); to < 0 {
			return 0, 0, fmt.Errorf("%w: message %q", errUnknown, c.before)
		}
	}
	if c.after != "" {
		i := r.index(c.after)
		if i < 0 {
			return 0, 0, fmt.Errorf("%w: message %q", errUnknown, c.after)
		}
		from = min(i+1, to)
	}
	if c.limit > 0 {
		from = max(from, to-c.limit)
	}
	return from, to, nil
}

// mayChange reports whether the bot may yet say something else about m.
func (m *message) mayChange() bool {
	return m.asked < m.revision || m.decision == pending || m.decision == prompted
}

// learn keeps what the bot decided.
func (p *Platform) learn(r *room, found map[chat.MessageID]Decided) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, d := range found {
		m := r.find(id)
		if m == nil || d.Revision < int64(m.asked) {
			continue
		}
		m.asked = uint32(d.Revision)
		switch d.Decision {
		case "clean":
			m.decision = clean
			r.cleanSay = d.Aside
		case "watched":
			m.decision = watched
		case "prompted":
			m.decision = prompted
		default:
			m.decision = pending
		}
		if m.decision == clean && d.Record == "" {
			delete(r.asides, m.num)
		} else {
			r.asides[m.num] = d
		}
	}
}

// view is a message without its text.
func (r *room) view(m *message) MessageView {
	v := MessageView{
		ID: m.id(), Sender: r.sender(m).ID, State: m.state.String(), Decision: m.decision.String(),
		At: time.UnixMilli(m.at).UTC(), Notice: m.sender < 0,
	}
	if m.reply > 0 {
		v.ReplyTo = messageID(m.reply)
	}
	for _, x := range r.reactions[m.num] {
		v.Reactions = append(v.Reactions, x.sign)
	}
	switch {
	case m.sender < 0:
		v.Decision = clean.String()
	case m.asked < m.revision:
		v.Decision = pending.String()
	default:
		d, ok := r.asides[m.num]
		if v.Aside, v.Record = d.Aside, d.Record; !ok && m.decision == clean {
			v.Aside = r.cleanSay
		}
	}
	return v
}

// PromptView is a prompt as the contract gives it.
type PromptView struct {
	ID       string           `json:"id"`
	Room     string           `json:"room"`
	Messages []chat.MessageID `json:"messages"`
	Text     string           `json:"text"`
	Title    string           `json:"title"`
	Body     string           `json:"body"`
	Steps    []StepView       `json:"steps"`
	Answers  []AnswerView     `json:"answers"`
	State    string           `json:"state"`
	Found    []string         `json:"found"`
	Policy   string           `json:"policy"`
	Ask      string           `json:"ask"`
	Note     string           `json:"note"`
	More     string           `json:"more,omitempty"` // the explanation that the member asked for
	At       time.Time        `json:"at"`
	Reminded bool             `json:"reminded"`
	Answered string           `json:"answered,omitempty"` // the answer that the bot has not reacted to yet
	open     bool
}

// StepView is one step of a prompt.
type StepView struct {
	ID   string `json:"id"`
	Text string `json:"text"`
	Help string `json:"help,omitempty"`
	Done bool   `json:"done"`
}

// AnswerView is one answer that a prompt offers.
type AnswerView struct {
	ID        string `json:"id"`
	Label     string `json:"label"`
	WantsText bool   `json:"wants_text"`
	Expected  bool   `json:"expected,omitempty"`
	More      bool   `json:"more,omitempty"`
}

// Prompts lists what the bot has asked a member, the oldest first.
func (p *Platform) Prompts(member chat.MemberID) ([]PromptView, error) {
	return p.promptsIn(member, "")
}

// promptsIn lists a member's prompts about one room, or about all.
func (p *Platform) promptsIn(member chat.MemberID, roomID string) ([]PromptView, error) {
	p.mu.RLock()
	if len(p.asked[member]) == 0 && !p.known(member) {
		p.mu.RUnlock()
		return nil, fmt.Errorf("%w: member %q", errUnknown, member)
	}
	var all []prompt
	for _, pr := range p.asked[member] {
		if roomID == "" || pr.room.id == roomID {
			now := *pr
			now.ticks = make(map[string]bool, len(pr.ticks))
			for step, done := range pr.ticks {
				now.ticks[step] = done
			}
			all = append(all, now)
		}
	}
	p.mu.RUnlock()
	out := []PromptView{}
	for _, pr := range all {
		line, err := p.file.line(pr.shown)
		if err != nil {
			return nil, err
		}
		out = append(out, pr.view(&line))
	}
	return out, nil
}

// known reports whether somebody is or was in any room.
func (p *Platform) known(member chat.MemberID) bool {
	for _, r := range p.rooms {
		if _, ok := r.places[member]; ok {
			return true
		}
	}
	return false
}

// view is a prompt as it was last shown, with what the member did since.
func (pr *prompt) view(line *op) PromptView {
	s := line.Shown
	v := PromptView{
		ID: s.ID, Room: pr.room.id, Messages: append([]chat.MessageID{}, s.Messages...), Text: s.Title + "\n" + s.Body,
		Title: s.Title, Body: s.Body, Steps: []StepView{}, Answers: []AnswerView{}, State: s.State,
		Found: append([]string{}, s.Found...), Policy: s.Policy, Ask: s.Ask, Note: s.Note, More: s.More, At: pr.at, Reminded: pr.reminded > 0,
		Answered: pr.sent, open: pr.open,
	}
	for _, st := range s.Steps {
		step := StepView(st)
		if done, ok := pr.ticks[st.ID]; ok {
			step.Done = done
		}
		v.Steps = append(v.Steps, step)
	}
	for _, a := range s.Answers {
		v.Answers = append(v.Answers, AnswerView(a))
	}
	return v
}

// roomsNow lists the rooms, in the order they were made.
func (p *Platform) roomsNow() []NewRoom {
	p.mu.RLock()
	defer p.mu.RUnlock()
	out := []NewRoom{}
	for _, id := range p.order {
		r := p.rooms[id]
		out = append(out, NewRoom{ID: r.id, Name: r.name, Kind: r.kind, Members: r.members()})
	}
	return out
}
