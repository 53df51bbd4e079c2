package console

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// visitKey is where a request carries what is known of its session.
type visitKey struct{}

// visit is the session of one request.
type visit struct {
	token string // digest of the token of a session that was found
	body  []byte
	quiet bool // a script asked, not a person: that keeps nobody signed in
}

// visits loads and saves the session around a request. failed tells people that
// it could not.
func (d *Door) visits(failed func(http.ResponseWriter, *http.Request, error), next http.Handler) http.Handler {
	d.sessions.ErrorFunc = failed
	load := d.sessions.LoadAndSave(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		quiet := r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Dest") == "empty"
		load.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, &visit{quiet: quiet})))
	})
}

// shelf keeps sessions in the store.
type shelf struct {
	store Sessions
	now   func() time.Time
}

// slack is how much of the idle time may pass before a session that did not
// change is written again.
const slack = time.Minute

// FindCtx reads a session.
func (s shelf) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	b, err := s.store.Session(ctx, s.now(), token)
	if v, ok := ctx.Value(visitKey{}).(*visit); ok && b != nil {
		v.token, v.body = token, b
	}
	return b, b != nil, err
}

// CommitCtx writes a session. One that was found and has been ended since is
// not begun again.
func (s shelf) CommitCtx(ctx context.Context, token string, b []byte, expires time.Time) error {
	was, err := read(b)
	if err != nil {
		return err
	}
	v, ok := ctx.Value(visitKey{}).(*visit)
	if !ok || v.token != token {
		return s.store.AddSession(ctx, s.now(), token, was.account(), b, expires)
	}
	before, err := read(v.body)
	if err != nil {
		return err
	}
	same := before.equal(was)
	if same && (v.quiet || s.now().Sub(before.Seen) < slack) {
		return nil
	}
	return s.store.KeepSession(ctx, token, was.account(), b, expires)
}

// DeleteCtx ends a session.
func (s shelf) DeleteCtx(ctx context.Context, token string) error {
	return s.store.DropSession(ctx, token)
}

// The three without a context are never called: the session manager prefers
// the others.

// Find reads a session.
func (s shelf) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit writes a session.
func (s shelf) Commit(token string, b []byte, expires time.Time) error {
	return s.CommitCtx(context.Background(), token, b, expires)
}

// Delete ends a session.
func (s shelf) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

// kept is a session as it is stored.
type kept struct {
	Deadline time.Time         `json:"deadline"` // when it ends, whatever happens
	Seen     time.Time         `json:"seen"`
	Values   map[string]string `json:"values"`
}

func read(b []byte) (k kept, err error) { return k, json.Unmarshal(b, &k) }

func (k kept) account() string { return k.Values[inAccount] }

func (k kept) equal(other kept) bool {
	a, errA := json.Marshal(k.Values)
	b, errB := json.Marshal(other.Values)
	return errA == nil && errB == nil && string(a) == string(b) && k.Deadline.Equal(other.Deadline)
}

// codec writes sessions as JSON; their values are texts.
type codec struct{}

// Encode writes a session.
func (codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	k := kept{Deadline: deadline, Seen: time.Now(), Values: map[string]string{}}
	for name, v := range values {
		if s, ok := v.(string); ok {
			k.Values[name] = s
		}
	}
	return json.Marshal(k)
}

// Decode reads a session.
func (codec) Decode(b []byte) (time.Time, map[string]any, error) {
	k, err := read(b)
	values := make(map[string]any, len(k.Values))
	for name, v := range k.Values {
		values[name] = v
	}
	return k.Deadline, values, err
}

// live is what each account has under way, such as a page that stays open for
// news, so that it ends with the session.
type live struct {
	mu  sync.Mutex
	all map[string]map[*context.CancelFunc]bool
}

func (l *live) begin(ctx context.Context, account string) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[string]map[*context.CancelFunc]bool{}
	}
	if l.all[account] == nil {
		l.all[account] = map[*context.CancelFunc]bool{}
	}
	mine := &cancel
	l.all[account][mine] = true
	return ctx, func() {
		cancel()
		l.mu.Lock()
		defer l.mu.Unlock()
		if delete(l.all[account], mine); len(l.all[account]) == 0 {
			delete(l.all, account)
		}
	}
}

func (l *live) end(account string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for cancel := range l.all[account] {
		(*cancel)()
	}
}
