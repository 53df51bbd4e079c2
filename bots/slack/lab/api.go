package lab

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// answer is what a method answers; its error is a name of Slack's, or empty.
type answer map[string]any

// request is one call of a method.
type request struct {
	method string
	args   map[string]string
	token  *Token
	host   string
	now    time.Time
}

func (r *request) is(name string) bool { return r.args[name] == "true" || r.args[name] == "1" }

// methods are those that the server has.
func methods() map[string]func(*Lab, *request) (answer, string) {
	return map[string]func(*Lab, *request) (answer, string){
		"auth.test": (*Lab).authTest, "apps.connections.open": (*Lab).open,
		"conversations.list": (*Lab).list, "users.conversations": (*Lab).mine, "conversations.info": (*Lab).info,
		"conversations.members": (*Lab).members, "conversations.history": (*Lab).history, "conversations.replies": (*Lab).replies,
		"conversations.join": (*Lab).join, "conversations.leave": (*Lab).leave, "conversations.kick": (*Lab).kick,
		"conversations.invite": (*Lab).invite, "conversations.open": (*Lab).openIM,
		"chat.postMessage": (*Lab).post, "chat.postEphemeral": (*Lab).ephemeral, "chat.update": (*Lab).update,
		"chat.delete": (*Lab).remove, "chat.getPermalink": (*Lab).permalink,
		"views.open": (*Lab).viewOpen, "views.update": (*Lab).viewUpdate, "views.publish": (*Lab).viewPublish,
		"reactions.add": (*Lab).reactionAdd, "reactions.remove": (*Lab).reactionRemove,
		"admin.users.remove": (*Lab).removeUser,
		"users.list":         (*Lab).usersList, "users.info": (*Lab).userInfo, "users.lookupByEmail": (*Lab).byEmail,
	}
}

// common are errors that every method may answer with.
var common = []string{"not_authed", "invalid_auth", "token_revoked", "account_inactive", "missing_scope", "not_allowed_token_type",
	"invalid_arguments", "ratelimited", "unknown_method", "internal_error", "invalid_cursor", "channel_not_found", "not_in_channel",
	"is_archived", "user_not_found", "cannot_dm_bot"}

// api answers a call of the Web API.
func (l *Lab) api(w http.ResponseWriter, r *http.Request) {
	args, err := arguments(r)
	if err != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	q := &request{method: strings.TrimPrefix(r.URL.Path, "/api/"), args: args, host: r.Host, now: time.Now()}
	bearer, ok := cutBearer(r)
	if !ok {
		bearer = args["token"]
	}
	delete(args, "token")
	l.mu.Lock()
	l.host = r.Host
	if wait := l.slow(q.method); wait > 0 {
		l.mu.Unlock()
		time.Sleep(wait)
		l.mu.Lock()
	}
	status, out, after := l.call(q, bearer)
	c := Call{At: q.now, Method: q.method, Args: args, Status: status}
	c.Error, _ = out["error"].(string)
	var scopes string
	if q.token != nil {
		c.Token, c.User, scopes = q.token.Kind, q.token.User, strings.Join(q.token.Scopes, ",")
	}
	l.calls = append(l.calls, c)
	body, err := json.Marshal(out)
	if err == nil && status == http.StatusOK {
		for _, fault := range l.gate.answer(q.method, body) {
			l.note("answer of %s: %s", q.method, fault)
		}
	}
	lost := status == lostAnswer
	l.mu.Unlock()
	if lost {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-OAuth-Scopes", scopes)
	if after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(after.Seconds()))))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that went away
}

// cutBearer finds the token in the header of a request.
func cutBearer(r *http.Request) (string, bool) {
	return strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
}

// lostAnswer stands for an answer that never arrives although the call had its
// effect.
const lostAnswer = 599

// call looks whether a call may be made, and makes it. The caller holds the
// lock.
func (l *Lab) call(q *request, bearer string) (int, answer, time.Duration) {
	failed := func(name string) (int, answer, time.Duration) {
		return http.StatusOK, answer{"ok": false, "error": name}, 0
	}
	run := methods()[q.method]
	if run == nil {
		l.note("a client called %s, which this server does not have", q.method)
		return failed("unknown_method")
	}
	if name := l.authenticate(q, bearer); name != "" {
		return failed(name)
	}
	f := l.fault(q.method)
	if f != nil && f.After > 0 {
		return http.StatusTooManyRequests, answer{"ok": false, "error": "ratelimited"}, time.Duration(f.After) * time.Second
	}
	if f != nil && f.Status != 0 && f.Status != lostAnswer {
		return f.Status, answer{"ok": false, "error": "internal_error"}, 0
	}
	if f != nil && f.Error != "" {
		return failed(f.Error)
	}
	if wait := l.over(q.method, q.args["channel"], q.now); wait > 0 {
		return http.StatusTooManyRequests, answer{"ok": false, "error": "ratelimited"}, wait
	}
	facts := l.facts[q.method]
	if q.token.Kind == "bot" && len(facts.Bot) == 0 && len(facts.User) > 0 {
		return failed("not_allowed_token_type")
	}
	for _, name := range facts.Required {
		if q.args[name] == "" {
			l.note("%s was called without %s", q.method, name)
			return failed("invalid_arguments")
		}
	}
	ch := l.channels[q.args["channel"]]
	if missing := facts.needs(q.token, ch); missing != "" && q.token.Kind != "app" {
		return http.StatusOK, answer{"ok": false, "error": "missing_scope", "needed": missing, "provided": strings.Join(q.token.Scopes, ",")}, 0
	}
	out, name := run(l, q)
	if name != "" {
		if !slices.Contains(facts.Errors, name) && !slices.Contains(common, name) {
			l.note("%s answered %s, which its description does not know", q.method, name)
		}
		return failed(name)
	}
	full := answer{"ok": true}
	maps.Copy(full, out)
	if f != nil && f.Status == lostAnswer {
		return lostAnswer, full, 0
	}
	return http.StatusOK, full, 0
}

// authenticate finds the token of a call, and says what is wrong with it.
func (l *Lab) authenticate(q *request, bearer string) string {
	if bearer == "" {
		return "not_authed"
	}
	t := l.tokens[bearer]
	switch {
	case t == nil:
		return "invalid_auth"
	case t.Revoked:
		return "token_revoked"
	case (t.Kind == "app") != (q.method == "apps.connections.open"):
		return "not_allowed_token_type"
	}
	q.token = t
	if p := l.people[t.User]; p != nil && p.Deleted {
		return "account_inactive"
	}
	return ""
}

// arguments reads them from wherever clients put them.
func arguments(r *http.Request) (map[string]string, error) {
	out := map[string]string{}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		b, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
		if err != nil {
			return nil, err
		}
		var raw map[string]json.RawMessage
		if len(b) > 0 {
			if err := json.Unmarshal(b, &raw); err != nil {
				return nil, err
			}
		}
		for k, v := range raw {
			var s string
			if json.Unmarshal(v, &s) != nil {
				s = string(v)
			}
			out[k] = s
		}
	} else if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		if err := r.ParseMultipartForm(4 << 20); err != nil {
			return nil, err
		}
	} else if err := r.ParseForm(); err != nil {
		return nil, err
	}
	for k, v := range r.Form {
		out[k] = v[0]
	}
	for k, v := range r.URL.Query() {
		out[k] = v[0]
	}
	return out, nil
}

// Fault is what is to go wrong with calls of a method.
type Fault struct {
	Method string `json:"method"`                // empty: every method
	Times  int    `json:"times"`                 // how many calls; 0 is 1
	After  int    `json:"retry_after,omitempty"` // 429 with so many seconds
	Status int    `json:"status,omitempty"`      // such as 503; 599: it has its effect and the answer is lost
	Error  string `json:"error,omitempty"`       // a name of Slack's
	Slow   int    `json:"slow_ms,omitempty"`     // the answer takes so long
}

// Fail lets calls go wrong.
func (l *Lab) Fail(f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f.Times = max(f.Times, 1)
	l.faults = append(l.faults, &f)
}

// fault takes the next fault of a method. The caller holds the lock.
func (l *Lab) fault(method string) *Fault {
	for i, f := range l.faults {
		if f.Slow == 0 && (f.Method == "" || f.Method == method) {
			if f.Times--; f.Times <= 0 {
				l.faults = slices.Delete(l.faults, i, i+1)
			}
			return f
		}
	}
	return nil
}

func (l *Lab) slow(method string) time.Duration {
	for i, f := range l.faults {
		if f.Slow > 0 && (f.Method == "" || f.Method == method) {
			if f.Times--; f.Times <= 0 {
				l.faults = slices.Delete(l.faults, i, i+1)
			}
			return time.Duration(f.Slow) * time.Millisecond
		}
	}
	return 0
}

// page cuts a list at a cursor.
func page[T any](all []T, q *request, standard int) ([]T, string, string) {
	at, limit := 0, standard
	if c := q.args["cursor"]; c != "" {
		if _, err := fmt.Sscanf(c, "at:%d", &at); err != nil || at > len(all) {
			return nil, "", "invalid_cursor"
		}
	}
	if n, err := strconv.Atoi(q.args["limit"]); err == nil && n > 0 {
		limit = min(n, 1000)
	}
	end, next := min(at+limit, len(all)), ""
	if end < len(all) {
		next = fmt.Sprintf("at:%d", end)
	}
	return all[at:end], next, ""
}
