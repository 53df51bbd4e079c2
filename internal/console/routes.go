package console

import (
	"encoding/json"
	"net/http"
	"slices"

	"chaperone/internal/access"
)

// Route is one thing that is served, and the right that it needs. There is no
// way to serve anything without saying which.
type Route struct {
	Pattern string // as http.ServeMux reads it
	Needs   access.Right
	Handle  http.HandlerFunc
}

// Routes is everything that the console serves.
func (c *Console) Routes() []Route {
	return slices.Concat(
		[]Route{
			{"GET /{$}", access.Enter, c.home},
			{"GET /today", access.See, c.today},
			{"GET /records", access.See, c.records},
			{"GET /records/{id}", access.ReadText, c.record},
			{"GET /set-aside", access.See, c.setAside},
			{"GET /healthz", access.Public, c.health},
			{"GET /assets/", access.Public, asset},
			{"/", access.Enter, c.missing},
		},
		c.holdRoutes(), c.retentionRoutes(), c.proofRoutes(), c.peopleRoutes(), c.qualityRoutes(), c.policyRoutes(), c.chatRoutes(), c.breachRoutes(), c.measureRoutes(), c.linkRoutes(),
		c.signInRoutes(),
		c.o.Also,
	)
}

// Handler serves the routes, each to those who have the right.
func (c *Console) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, route := range c.Routes() {
		var h http.Handler = route.Handle
		if route.Needs != access.Public {
			h = c.identify(c.check(route))
		}
		mux.Handle(route.Pattern, h)
	}
	return c.Guard(mux)
}

// callerKey is where a request carries who makes it.
type callerKey struct{}

// who is who makes the request. The zero Caller has not signed in.
func (c *Console) who(r *http.Request) access.Caller {
	who, _ := r.Context().Value(callerKey{}).(access.Caller)
	return who
}

// check serves a route to those who have its right.
func (c *Console) check(route Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.who(r).May(route.Needs) {
			c.refuse(w, r, route.Needs)
			return
		}
		route.Handle(w, r)
	})
}

// ask makes a call for whoever asked for the page: the same call as the command
// line's, with the rights and the name of the one who has signed in.
func ask[T any](c *Console, r *http.Request, call string, args any) (T, error) {
	var out T
	b, err := c.o.Calls.Do(r.Context(), c.who(r), call, args)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(b, &out)
}
