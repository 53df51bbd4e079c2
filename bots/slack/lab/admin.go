package lab

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// What administrators of an organisation may do: methods below admin. and SCIM
// (https://api.slack.com/scim). They are there with Options.Enterprise alone.

func (l *Lab) removeUser(q *request) (answer, string) {
	p := l.people[q.args["user_id"]]
	switch {
	case !l.o.Enterprise:
		return nil, "feature_not_enabled"
	case !l.admin(q.token.User):
		return nil, "invalid_permissions"
	case q.args["team_id"] != l.team:
		return nil, "team_not_found"
	case p == nil:
		return nil, "user_not_found"
	case p.Owner:
		return nil, "cannot_modify_primary_owner"
	case p.Deleted:
		return nil, "user_already_deleted"
	}
	l.retire(p)
	return answer{}, ""
}

// retire ends somebody's account. The caller holds the lock.
func (l *Lab) retire(p *Person) {
	for _, c := range l.channels {
		if c.typ() != "im" && c.has(p.ID) {
			l.exit(c, p.ID)
		}
	}
	p.Deleted = true
}

// scim answers PATCH /scim/v1/Users/{id}, which deactivates an account or
// activates it again.
func (l *Lab) scim(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // it went away
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var in struct {
		Schemas []string `json:"schemas"`
		Active  *bool    `json:"active"`
	}
	who := r.PathValue("id")
	if json.Unmarshal(body, &in) != nil || !slices.Contains(in.Schemas, "urn:scim:schemas:core:1.0") || in.Active == nil {
		l.note("a client patched a user through SCIM with what that does not know")
	}
	q := &request{method: "scim.Users.patch"}
	token, _ := cutBearer(r)
	status, what := l.patch(q, token, who, in.Active)
	c := Call{At: time.Now(), Method: q.method, Args: map[string]string{"id": who, "body": string(body)}, Status: status}
	if q.token != nil {
		c.Token, c.User = q.token.Kind, q.token.User
	}
	if status == http.StatusOK {
		what = ""
	}
	c.Error = what
	l.calls = append(l.calls, c)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	if what != "" {
		_ = json.NewEncoder(w).Encode(answer{"Errors": answer{"description": what, "code": status}}) // a client that went away
		return
	}
	p := l.people[who]
	_ = json.NewEncoder(w).Encode(answer{"schemas": []string{"urn:scim:schemas:core:1.0"}, "id": p.ID, "userName": p.Name, "active": !p.Deleted})
}

// patch is what SCIM makes of a request. Whoever the token is of can act on
// accounts with no more rights than their own.
func (l *Lab) patch(q *request, bearer, who string, active *bool) (int, string) {
	t, p := l.tokens[bearer], l.people[who]
	if t == nil || t.Revoked || t.Kind != "user" {
		return http.StatusUnauthorized, "invalid_authentication"
	}
	q.token = t
	f := l.fault(q.method)
	switch {
	case f != nil && f.After > 0:
		return http.StatusTooManyRequests, "ratelimited"
	case f != nil && f.Status != 0:
		return f.Status, "internal_error"
	case !l.o.Enterprise:
		return http.StatusForbidden, "not_enabled"
	case !slices.Contains(t.Scopes, "admin") || !l.admin(t.User):
		return http.StatusForbidden, "missing_scope"
	case p == nil:
		return http.StatusNotFound, "user_not_found"
	case p.Owner && !l.people[t.User].Owner:
		return http.StatusForbidden, fmt.Sprintf("%s may not be changed", who)
	case active != nil && !*active && !p.Deleted:
		l.retire(p)
	case active != nil && *active:
		p.Deleted = false
	}
	return http.StatusOK, ""
}
