package practice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"chaperone/internal/chat"
)

// maxBody is the largest request body: a message of a megabyte passes, however
// it is escaped.
const maxBody = 8 << 20

// Handler serves the practice contract under /practice/v1 (DESIGN section 6).
// Requests that a page of another site sends are refused.
func (p *Platform) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /practice/v1/rooms", p.getRooms)
	mux.HandleFunc("POST /practice/v1/rooms", p.postRoom)
	mux.HandleFunc("POST /practice/v1/rooms/{room}/members", p.postMember)
	mux.HandleFunc("DELETE /practice/v1/rooms/{room}/members/{member}", p.deleteMember)
	mux.HandleFunc("GET /practice/v1/rooms/{room}/messages", p.getMessages)
	mux.HandleFunc("POST /practice/v1/rooms/{room}/messages", p.postMessage)
	mux.HandleFunc("PATCH /practice/v1/rooms/{room}/messages/{id}", p.patchMessage)
	mux.HandleFunc("DELETE /practice/v1/rooms/{room}/messages/{id}", p.deleteMessage)
	mux.HandleFunc("POST /practice/v1/rooms/{room}/messages/{id}/reactions", p.postReaction)
	mux.HandleFunc("GET /practice/v1/members/{member}/prompts", p.getPrompts)
	mux.HandleFunc("POST /practice/v1/members/{member}/prompts/{id}/answer", p.postAnswer)
	mux.HandleFunc("POST /practice/v1/members/{member}/prompts/{id}/steps/{step}", p.postStep)
	mux.HandleFunc("GET /practice/v1/ledger", p.getLedger)
	mux.HandleFunc("POST /practice/v1/clock", p.postClock)
	mux.HandleFunc("/practice/v1/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, nil, errors.Join(errUnknown, fmt.Errorf("%s %s is not part of the practice contract", r.Method, r.URL.Path)))
	})
	return http.NewCrossOriginProtection().Handler(http.MaxBytesHandler(mux, maxBody))
}

// answer writes a result, or says why there is none.
func answer(w http.ResponseWriter, v any, err error) {
	code := http.StatusOK
	if err != nil {
		code = status(err)
		v = map[string]string{"error": err.Error()}
	}
	write(w, code, v)
}

func write(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // the reader has gone: nobody is left to tell
}

func status(err error) int {
	var large *http.MaxBytesError
	switch {
	case errors.Is(err, ErrFull):
		return http.StatusInsufficientStorage
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errUnknown):
		return http.StatusNotFound
	case errors.Is(err, errForbidden):
		return http.StatusForbidden
	case errors.Is(err, errTaken), errors.Is(err, errOver):
		return http.StatusConflict
	case errors.Is(err, errInvalid):
		return http.StatusBadRequest
	default:
		return http.StatusInternalServerError
	}
}

// body reads a JSON request. A message's text may be any bytes: what JSON
// cannot carry has been replaced by the reader.
func body(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: the body has to be a JSON object (%w)", errInvalid, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows the JSON object", errInvalid)
	}
	return nil
}

func (p *Platform) getRooms(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	out := []NewRoom{}
	for _, id := range p.order {
		r := p.rooms[id]
		out = append(out, NewRoom{ID: r.id, Name: r.name, Kind: r.kind, Members: append([]Member{}, r.members...)})
	}
	p.mu.Unlock()
	answer(w, out, nil)
}

func (p *Platform) postRoom(w http.ResponseWriter, r *http.Request) {
	var in NewRoom
	err := body(r, &in)
	if err == nil {
		err = p.NewRoom(in)
	}
	if err != nil {
		answer(w, nil, err)
		return
	}
	write(w, http.StatusCreated, in)
}

// NewRoom makes a room with its members. errTaken when there is one of that id.
// AddRoom makes a room unless it is there.
// inRoom finds the room of an operation before it is checked further.
func (p *Platform) postMember(w http.ResponseWriter, r *http.Request) {
	var in Member
	err := body(r, &in)
	if err == nil {
		err = p.join(r.PathValue("room"), in)
	}
	if err != nil {
		answer(w, nil, err)
		return
	}
	write(w, http.StatusCreated, in)
}

func (p *Platform) deleteMember(w http.ResponseWriter, r *http.Request) {
	id := chat.MemberID(r.PathValue("member"))
	_, err := p.record(op{Op: "leave", Room: r.PathValue("room"), Member: id}, p.inRoom(func(o *op, r *room) error {
		if !r.member(o.Member) {
			return fmt.Errorf("%w: member %q", errUnknown, o.Member)
		}
		return nil
	}))
	answer(w, map[string]chat.MemberID{"id": id}, err)
}

// said is a message as a person sends it.
type said struct {
	Sender  chat.MemberID  `json:"sender"`
	Text    string         `json:"text"`
	ReplyTo chat.MessageID `json:"reply_to"`
}

func (p *Platform) postMessage(w http.ResponseWriter, r *http.Request) {
	var in said
	err := body(r, &in)
	if err == nil {
		var id chat.MessageID
		if id, err = p.Say(r.PathValue("room"), in.Sender, in.Text, in.ReplyTo); err == nil {
			write(w, http.StatusCreated, map[string]chat.MessageID{"id": id})
			return
		}
	}
	answer(w, nil, err)
}

// Say posts a message as a member.
// Edit changes a member's own message.
// Unsay deletes a member's own message.
func (p *Platform) patchMessage(w http.ResponseWriter, r *http.Request) {
	var in said
	id := chat.MessageID(r.PathValue("id"))
	err := body(r, &in)
	if err == nil {
		err = p.Edit(r.PathValue("room"), id, in.Sender, in.Text)
	}
	answer(w, map[string]chat.MessageID{"id": id}, err)
}

func (p *Platform) deleteMessage(w http.ResponseWriter, r *http.Request) {
	id := chat.MessageID(r.PathValue("id"))
	err := p.Unsay(r.PathValue("room"), id, chat.MemberID(r.URL.Query().Get("sender")))
	answer(w, map[string]chat.MessageID{"id": id}, err)
}

func (p *Platform) postReaction(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Sender   chat.MemberID `json:"sender"`
		Reaction string        `json:"reaction"`
	}
	id := chat.MessageID(r.PathValue("id"))
	err := body(r, &in)
	if err == nil {
		err = p.React(r.PathValue("room"), id, in.Sender, in.Reaction)
	}
	if err != nil {
		answer(w, nil, err)
		return
	}
	write(w, http.StatusCreated, map[string]chat.MessageID{"id": id})
}

// React adds a member's reaction to a message.
// MessageView is a message as the contract gives it.
type MessageView struct {
	ID        chat.MessageID `json:"id"`
	Sender    chat.MemberID  `json:"sender"`
	Text      string         `json:"text"`
	State     string         `json:"state"`    // posted, edited, deleted
	Decision  string         `json:"decision"` // pending, clean, prompted, watched
	At        time.Time      `json:"at"`
	ReplyTo   chat.MessageID `json:"reply_to,omitempty"`
	Reactions []string       `json:"reactions,omitempty"`
	Aside     string         `json:"aside,omitempty"`
	Record    string         `json:"record,omitempty"`
	Notice    bool           `json:"notice,omitempty"` // posted by the bot; given only with ?notices=1
}

func (p *Platform) getMessages(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit := 0
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			answer(w, nil, fmt.Errorf("%w: limit is a number above 0", errInvalid))
			return
		}
		limit = n
	}
	out, err := p.Messages(r.Context(), r.PathValue("room"), chat.MessageID(q.Get("after")), limit, q.Get("notices") != "")
	answer(w, out, err)
}

// Messages lists a room's messages, those after one where it is named, the
// newest limit of them where limit is not 0, with what the bot decided.
func (p *Platform) Messages(ctx context.Context, roomID string, after chat.MessageID, limit int, notices bool) ([]MessageView, error) {
	p.mu.Lock()
	r := p.rooms[roomID]
	if r == nil {
		p.mu.Unlock()
		return nil, fmt.Errorf("%w: room %q", errUnknown, roomID)
	}
	all := r.messages
	if after != "" {
		at := slices.IndexFunc(all, func(m *message) bool { return m.id == after })
		if at < 0 {
			p.mu.Unlock()
			return nil, fmt.Errorf("%w: message %q", errUnknown, after)
		}
		all = all[at+1:]
	}
	if limit > 0 && len(all) > limit {
		all = all[len(all)-limit:]
	}
	p.mu.Unlock()
	if err := p.refresh(ctx, r, all); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]MessageView, 0, len(all))
	for _, m := range all {
		if m.sender == "" && !notices {
			continue
		}
		out = append(out, m.view())
	}
	return out, nil
}

func (m *message) view() MessageView {
	v := MessageView{
		ID: m.id, Sender: m.sender, Text: m.text, State: m.state, Decision: "pending", At: m.at, ReplyTo: m.reply,
		Reactions: append([]string(nil), m.reacted...), Notice: m.sender == "",
	}
	if m.sender == "" {
		v.Decision = "clean"
	} else if m.decided.Decision != "" && m.decided.Revision >= m.revision {
		v.Decision, v.Aside, v.Record = m.decided.Decision, m.decided.Aside, m.decided.Record
	}
	return v
}

// refresh asks the bot about messages whose decision may have changed. What
// was decided clean stays so until the message is edited.
func (p *Platform) refresh(ctx context.Context, r *room, messages []*message) error {
	if p.o.Decided == nil {
		return nil
	}
	p.mu.Lock()
	var ask []chat.MessageID
	for _, m := range messages {
		if m.sender != "" && (m.decided.Decision != "clean" || m.decided.Revision < m.revision) {
			ask = append(ask, m.id)
		}
	}
	p.mu.Unlock()
	if len(ask) == 0 {
		return nil
	}
	found, err := p.o.Decided(ctx, chat.ID{Account: account, Local: r.id}, ask)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, d := range found {
		if m := r.index[id]; m != nil && d.Revision >= m.decided.Revision {
			m.decided = d
		}
	}
	return nil
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
	At       time.Time        `json:"at"`
	Reminded bool             `json:"reminded"`
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

func (p *Platform) getPrompts(w http.ResponseWriter, r *http.Request) {
	out, err := p.Prompts(chat.MemberID(r.PathValue("member")))
	answer(w, out, err)
}

// Prompts lists what the bot has asked a member, the oldest first.
func (p *Platform) Prompts(member chat.MemberID) ([]PromptView, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asked[member]) == 0 && !p.known(member) {
		return nil, fmt.Errorf("%w: member %q", errUnknown, member)
	}
	out := []PromptView{}
	for _, id := range p.asked[member] {
		out = append(out, p.prompts[id].view())
	}
	return out, nil
}

func (p *Platform) known(member chat.MemberID) bool {
	for _, r := range p.rooms {
		if r.member(member) {
			return true
		}
	}
	return false
}

func (pr *prompt) view() PromptView {
	s := pr.shown
	v := PromptView{
		ID: s.ID, Room: pr.room, Messages: append([]chat.MessageID{}, s.Messages...), Text: s.Title + "\n" + s.Body,
		Title: s.Title, Body: s.Body, Steps: []StepView{}, Answers: []AnswerView{}, State: s.State,
		Found: append([]string{}, s.Found...), Policy: s.Policy, Ask: s.Ask, Note: s.Note, At: pr.at, Reminded: pr.reminded,
	}
	for _, st := range s.Steps {
		v.Steps = append(v.Steps, StepView(st))
	}
	for _, a := range s.Answers {
		v.Answers = append(v.Answers, AnswerView(a))
	}
	return v
}

func (p *Platform) postAnswer(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Answer string `json:"answer"`
		Text   string `json:"text"`
	}
	err := body(r, &in)
	if err == nil {
		err = p.Answer(chat.MemberID(r.PathValue("member")), r.PathValue("id"), in.Answer, in.Text)
	}
	answer(w, map[string]string{"id": r.PathValue("id")}, err)
}

// Answer gives a member's answer to their own prompt. What it changes is the
// bot's to say: it revises the prompt.
func (p *Platform) postStep(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Done bool `json:"done"`
	}
	err := body(r, &in)
	if err == nil {
		err = p.Tick(chat.MemberID(r.PathValue("member")), r.PathValue("id"), r.PathValue("step"), in.Done)
	}
	answer(w, map[string]any{"id": r.PathValue("step"), "done": in.Done}, err)
}

// Tick notes that a member did, or undid, a step of their own prompt.
// respond records what a member does with a prompt. Another member's prompt is
// unknown to them.
func (p *Platform) getLedger(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	out := append([]Entry{}, p.ledger...)
	p.mu.Unlock()
	answer(w, out, nil)
}

func (p *Platform) postClock(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Advance string `json:"advance"`
	}
	err := body(r, &in)
	if err == nil {
		err = p.Advance(r.Context(), in.Advance)
	}
	answer(w, map[string]time.Time{"now": p.Now().UTC()}, err)
}

// maxAdvance bounds one move of the clock.
// Advance moves the demo's clock forward, durably, and returns when what fell
// due is done.
