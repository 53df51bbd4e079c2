package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// request is one call that is being answered. The lock is held.
type request struct {
	lab    *Lab
	app    *App // nil where the route needs no token
	http   *http.Request
	body   []byte
	reason string
}

// failure is an error as Discord tells it.
type failure struct {
	status int
	code   int
	text   string
	after  *float64 // of a 429, in seconds
	global bool
}

// MarshalJSON implements json.Marshaler.
func (f *failure) MarshalJSON() ([]byte, error) {
	if f.after != nil {
		return json.Marshal(map[string]any{"message": f.text, "retry_after": *f.after, "global": f.global})
	}
	return json.Marshal(map[string]any{"message": f.text, "code": f.code})
}

func refusal(status, code int, text string) *failure {
	return &failure{status: status, code: code, text: text}
}

var (
	errToken      = refusal(401, 0, "401: Unauthorized")
	errAccess     = refusal(403, 50001, "Missing Access")
	errPermission = refusal(403, 50013, "Missing Permissions")
	errCannotDM   = refusal(403, 50007, "Cannot send messages to this user")
	errNoMutual   = refusal(403, 50278, "Cannot send messages to this user due to having no mutual guilds")
	errChannel    = refusal(404, 10003, "Unknown Channel")
	errGuild      = refusal(404, 10004, "Unknown Guild")
	errMember     = refusal(404, 10007, "Unknown Member")
	errMessage    = refusal(404, 10008, "Unknown Message")
	errUser       = refusal(404, 10013, "Unknown User")
	errWebhook    = refusal(404, 10015, "Unknown Webhook")
	errExpired    = refusal(401, 50027, "Invalid Webhook Token")
	errAsked      = refusal(404, 10062, "Unknown interaction")
	errAnswered   = refusal(400, 40060, "Interaction has already been acknowledged.")
	errEmpty      = refusal(400, 50006, "Cannot send an empty message")
	errForm       = refusal(400, 50035, "Invalid Form Body")
	errAuthor     = refusal(403, 50005, "Cannot edit a message authored by another user")
	errOld        = refusal(400, 50034, "A message provided was too old to bulk delete")
	errBlocked    = refusal(400, 200000, "Message was blocked by automatic moderation")
)

// answer is a status and a body; a nil body is none at all.
type answer struct {
	status int
	body   any
}

func ok(body any) (answer, *failure) { return answer{200, body}, nil }
func nothing() (answer, *failure)    { return answer{204, nil}, nil }
func no(f *failure) (answer, *failure) {
	return answer{}, f
}

type handler func(*request) (answer, *failure)

// routes is the whole of the HTTP interface.
func (l *Lab) routes() http.Handler {
	mux := http.NewServeMux()
	open := func(route string, h handler) { mux.Handle(route, l.route(route, false, h)) }
	bot := func(route string, h handler) { mux.Handle(route, l.route(route, true, h)) }
	open("GET /gateway", getGateway)
	bot("GET /gateway/bot", getGatewayBot)
	bot("GET /users/@me", getMe)
	bot("GET /users/@me/guilds", getMyGuilds)
	bot("POST /users/@me/channels", postDirect)
	bot("GET /oauth2/applications/@me", getApplication)
	bot("GET /applications/@me", getApplication)
	bot("GET /guilds/{guild}", getGuild)
	bot("GET /guilds/{guild}/channels", getGuildChannels)
	bot("GET /guilds/{guild}/roles", getRoles)
	bot("GET /guilds/{guild}/members", getMembers)
	bot("GET /guilds/{guild}/members/{user}", getMember)
	bot("DELETE /guilds/{guild}/members/{user}", deleteMember)
	bot("GET /guilds/{guild}/threads/active", getActiveThreads)
	bot("GET /guilds/{guild}/audit-logs", getAudit)
	bot("GET /guilds/{guild}/auto-moderation/rules", getRules)
	bot("POST /guilds/{guild}/auto-moderation/rules", postRule)
	bot("PATCH /guilds/{guild}/auto-moderation/rules/{rule}", patchRule)
	bot("DELETE /guilds/{guild}/auto-moderation/rules/{rule}", deleteRule)
	bot("GET /channels/{channel}", getChannel)
	bot("GET /channels/{channel}/messages", getMessages)
	bot("POST /channels/{channel}/messages", postMessage)
	bot("POST /channels/{channel}/messages/bulk-delete", bulkDelete)
	bot("GET /channels/{channel}/messages/{message}", getMessage)
	bot("PATCH /channels/{channel}/messages/{message}", patchMessage)
	bot("DELETE /channels/{channel}/messages/{message}", deleteMessage)
	bot("GET /channels/{channel}/threads/archived/public", getArchived)
	bot("POST /channels/{channel}/threads", postThread)
	bot("PUT /channels/{channel}/messages/{message}/reactions/{emoji}/@me", putReaction)
	bot("GET /applications/{application}/commands", getCommands)
	bot("PUT /applications/{application}/commands", putCommands)
	open("POST /interactions/{interaction}/{token}/callback", postCallback)
	open("POST /webhooks/{application}/{token}", postFollowup)
	open("GET /webhooks/{application}/{token}/messages/{message}", getFollowup)
	open("PATCH /webhooks/{application}/{token}/messages/{message}", patchFollowup)
	open("DELETE /webhooks/{application}/{token}/messages/{message}", deleteFollowup)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		l.unknown = append(l.unknown, r.Method+" "+r.URL.Path)
		l.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"message": "404: Not Found", "code": 0}`)
	})
	return mux
}

// most is the largest body that a client may send.
const most = 26 << 20

// route wraps one line of the table: token, faults, limits, ledger.
func (l *Lab) route(route string, token bool, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, most))
		if err != nil {
			return
		}
		if fault := l.strikes(route); fault != nil && fault.strike(w) {
			l.ledger(route, r, body, nil, fault.Status)
			return
		}
		l.mu.Lock()
		req := &request{lab: l, http: r, body: body, app: l.bearer(r)}
		req.reason, _ = url.QueryUnescape(r.Header.Get("X-Audit-Log-Reason"))
		var a answer
		f := l.limits.take(w.Header(), route, r, l.now(), req.app)
		switch {
		case f != nil:
		case token && req.app == nil:
			f = errToken
		default:
			a, f = h(req)
		}
		var out []byte
		if f != nil {
			a = answer{f.status, f}
		}
		if a.body != nil {
			out, err = json.Marshal(a.body)
		}
		l.mu.Unlock()
		if err != nil {
			panic(err)
		}
		l.ledger(route, r, body, req.app, a.status)
		l.held(route, a.status, out)
		if len(out) > 0 { // 204 has neither a body nor a type
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(a.status)
		w.Write(out)
	})
}

// held notes where an answer is not as Discord describes it.
func (l *Lab) held(route string, status int, body []byte) {
	if err := l.gate.hold(route, status, body); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.unknown = append(l.unknown, fmt.Sprintf("an answer of %s that Discord describes otherwise: %v", route, err))
	}
}

func (l *Lab) bearer(r *http.Request) *App {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bot ")
	if !ok {
		return nil
	}
	return l.apps[token]
}

func (l *Lab) ledger(route string, r *http.Request, body []byte, app *App, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := Call{At: l.now(), Method: r.Method, Path: r.URL.RequestURI(), Route: route, Body: string(body), Status: status}
	c.Reason, _ = url.QueryUnescape(r.Header.Get("X-Audit-Log-Reason"))
	if app != nil {
		c.Bot = app.User.ID
	}
	l.calls = append(l.calls, c)
}

// in reads the body: JSON, or the payload_json of a form with files.
func (r *request) in(into any) *failure {
	b := r.body
	if kind := r.http.Header.Get("Content-Type"); strings.HasPrefix(kind, "multipart/form-data") {
		r.http.Body = io.NopCloser(bytes.NewReader(r.body))
		if err := r.http.ParseMultipartForm(most); err != nil {
			return errForm
		}
		b = []byte(r.http.FormValue("payload_json"))
	}
	if len(b) == 0 {
		return nil
	}
	if json.Unmarshal(b, into) != nil {
		return errForm
	}
	return nil
}

func (r *request) id(name string) ID {
	id, _ := ParseID(r.http.PathValue(name))
	return id
}

// channel finds the channel of a call, if the bot may do in it what it wants.
func (r *request) channel(want Permissions) (*Channel, *failure) {
	c := r.lab.channels[r.id("channel")]
	if c == nil {
		return nil, errChannel
	}
	may := r.lab.may(r.app.User.ID, c)
	switch {
	case !may.Has(View):
		return nil, errAccess
	case !may.Has(want):
		return nil, errPermission
	}
	return c, nil
}

// guild finds the guild of a call, if the bot is in it and may do there what it
// wants.
func (r *request) guild(want Permissions) (*Guild, *Member, *failure) {
	g := r.lab.guilds[r.id("guild")]
	if g == nil {
		return nil, nil, errGuild
	}
	m := g.member(r.app.User.ID)
	switch {
	case m == nil:
		return nil, nil, errAccess
	case !r.lab.base(g, m).Has(want):
		return nil, nil, errPermission
	}
	return g, m, nil
}
