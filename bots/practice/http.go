package practice

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"chaperone/internal/chat"
)

// maxBody is the largest request body, in bytes: a message of a megabyte
// passes, however it is escaped.
const maxBody = 8 << 20

// Handler serves everything under /practice/: the contract, and the pages.
func (p *Platform) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/practice/v1/", p.contract())
	mux.Handle("/practice/", p.pages())
	return mux
}

// contract serves the practice contract under /practice/v1 (DESIGN section 6).
// Requests that a page of another site sends are refused.
func (p *Platform) contract() http.Handler {
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
	mux.HandleFunc("GET /practice/v1/members/{member}/private", p.getPrivate)
	mux.HandleFunc("POST /practice/v1/members/{member}/private", p.postPrivate)
	mux.HandleFunc("GET /practice/v1/ledger", p.getLedger)
	mux.HandleFunc("POST /practice/v1/clock", p.postClock)
	mux.HandleFunc("/practice/v1/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, 0, nil, fmt.Errorf("%w: %s %s is not part of the practice contract", errUnknown, r.Method, r.URL.Path))
	})
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 0, nil, fmt.Errorf("%w: the request comes from a page of another site", errForeign))
	}))
	return guard.Handler(http.MaxBytesHandler(mux, maxBody))
}

var errForeign = errors.New("refused")

// answer writes a result, or says why there is none.
func answer(w http.ResponseWriter, code int, v any, err error) {
	if err != nil {
		code = status(err)
		v = map[string]string{"error": err.Error()}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // the reader has gone: nobody is left to tell
}

func status(err error) int {
	var large *http.MaxBytesError
	switch {
	case errors.Is(err, ErrFull):
		return http.StatusInsufficientStorage
	case errors.Is(err, errClosed):
		return http.StatusServiceUnavailable
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errUnknown):
		return http.StatusNotFound
	case errors.Is(err, errForbidden), errors.Is(err, errForeign):
		return http.StatusForbidden
	case errors.Is(err, errTaken), errors.Is(err, errOver):
		return http.StatusConflict
	case errors.Is(err, errInvalid):
		return http.StatusBadRequest
	default:
		return http.StatusInternalServerError
	}
}

// body reads a JSON request.
func body(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: the body has to be a JSON object as DESIGN section 6 has it (%w)", errInvalid, decodeFault(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows the JSON object", errInvalid)
	}
	return nil
}

// decodeFault says what is wrong with a body without repeating any of it.
func decodeFault(err error) error {
	var large *http.MaxBytesError
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &large):
		return err
	case errors.As(err, &kind):
		return fmt.Errorf("%q is of the wrong type", kind.Field)
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON at byte %d", syntax.Offset)
	default:
		return errors.New("it ends early")
	}
}

func (p *Platform) getRooms(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, p.roomsNow(), nil)
}

func (p *Platform) postRoom(w http.ResponseWriter, r *http.Request) {
	var in NewRoom
	err := body(r, &in)
	if err == nil {
		err = p.NewRoom(in)
	}
	answer(w, http.StatusCreated, in, err)
}

func (p *Platform) postMember(w http.ResponseWriter, r *http.Request) {
	var in Member
	err := body(r, &in)
	if err == nil {
		err = p.Join(r.PathValue("room"), in)
	}
	answer(w, http.StatusCreated, in, err)
}

func (p *Platform) deleteMember(w http.ResponseWriter, r *http.Request) {
	id := chat.MemberID(r.PathValue("member"))
	answer(w, http.StatusOK, map[string]chat.MemberID{"id": id}, p.Leave(r.PathValue("room"), id))
}

// said is a message as a person sends it.
type said struct {
	Sender   chat.MemberID  `json:"sender"`
	Text     string         `json:"text"`
	ReplyTo  chat.MessageID `json:"reply_to"`
	Reaction string         `json:"reaction"`
}

func (p *Platform) postMessage(w http.ResponseWriter, r *http.Request) {
	var in said
	var id chat.MessageID
	err := body(r, &in)
	if err == nil {
		id, err = p.Say(r.PathValue("room"), in.Sender, in.Text, in.ReplyTo)
	}
	answer(w, http.StatusCreated, map[string]chat.MessageID{"id": id}, err)
}

func (p *Platform) patchMessage(w http.ResponseWriter, r *http.Request) {
	var in said
	id := chat.MessageID(r.PathValue("id"))
	err := body(r, &in)
	if err == nil {
		err = p.Edit(r.PathValue("room"), id, in.Sender, in.Text)
	}
	answer(w, http.StatusOK, map[string]chat.MessageID{"id": id}, err)
}

func (p *Platform) deleteMessage(w http.ResponseWriter, r *http.Request) {
	id, sender := chat.MessageID(r.PathValue("id")), chat.MemberID(r.URL.Query().Get("sender"))
	if sender == "" {
		answer(w, 0, nil, fmt.Errorf("%w: say who deletes the message: ?sender=ID", errInvalid))
		return
	}
	answer(w, http.StatusOK, map[string]chat.MessageID{"id": id}, p.Unsay(r.PathValue("room"), id, sender))
}

func (p *Platform) postReaction(w http.ResponseWriter, r *http.Request) {
	var in said
	id := chat.MessageID(r.PathValue("id"))
	err := body(r, &in)
	if err == nil {
		err = p.React(r.PathValue("room"), id, in.Sender, in.Reaction)
	}
	answer(w, http.StatusCreated, map[string]chat.MessageID{"id": id}, err)
}

func (p *Platform) getMessages(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	c := choice{after: chat.MessageID(q.Get("after")), before: chat.MessageID(q.Get("before")), notices: q.Get("notices") != ""}
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			answer(w, 0, nil, fmt.Errorf("%w: limit is a number above 0", errInvalid))
			return
		}
		c.limit = n
	}
	out, err := p.messages(r.Context(), r.PathValue("room"), c)
	answer(w, http.StatusOK, out, err)
}

func (p *Platform) getPrompts(w http.ResponseWriter, r *http.Request) {
	out, err := p.Prompts(chat.MemberID(r.PathValue("member")))
	answer(w, http.StatusOK, out, err)
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
	answer(w, http.StatusOK, map[string]string{"id": r.PathValue("id")}, err)
}

func (p *Platform) postStep(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Done *bool `json:"done"`
	}
	err := body(r, &in)
	if err == nil && in.Done == nil {
		err = fmt.Errorf("%w: say whether the step is done: {\"done\":true}", errInvalid)
	}
	if err == nil {
		err = p.Tick(chat.MemberID(r.PathValue("member")), r.PathValue("id"), r.PathValue("step"), *in.Done)
	}
	answer(w, http.StatusOK, map[string]any{"id": r.PathValue("step"), "done": in.Done}, err)
}

// getLedger gives the calls as they stand in the file, one after the other, so
// that a ledger of any length is read with little memory.
func (p *Platform) getLedger(w http.ResponseWriter, _ *http.Request) {
	p.mu.RLock()
	all := p.ledger[:len(p.ledger):len(p.ledger)]
	p.mu.RUnlock()
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	out := bufio.NewWriterSize(w, 1<<16)
	before := "["
	for _, s := range all {
		b, err := p.file.read(s)
		if err != nil {
			p.o.Log.Error("the ledger cannot be read", "err", err)
			panic(http.ErrAbortHandler) // half a ledger must not look whole
		}
		out.WriteString(before)
		out.Write(b)
		before = ",\n"
	}
	if len(all) == 0 {
		out.WriteString("[")
	}
	out.WriteString("]\n")
	_ = out.Flush() // the reader has gone: nobody is left to tell
}

func (p *Platform) postClock(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Advance string `json:"advance"`
	}
	err := body(r, &in)
	if err == nil {
		err = p.Advance(r.Context(), in.Advance)
	}
	answer(w, http.StatusOK, map[string]time.Time{"now": p.Now().UTC()}, err)
}
