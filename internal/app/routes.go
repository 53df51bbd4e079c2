package app

import (
	"chaperone/internal/access"
	"chaperone/internal/console"
)

// practiceRoutes is the practice chat behind the console's doors. Its clock is
// everybody's: moving it makes things due.
func (a *App) practiceRoutes() []console.Route {
	if a.practice == nil {
		return nil
	}
	serve := a.practice.Handler().ServeHTTP
	return []console.Route{
		{Pattern: "/practice/", Needs: access.Practise, Handle: serve},
		{Pattern: "POST /practice/clock", Needs: access.Rehearse, Handle: serve},
		{Pattern: "POST /practice/v1/clock", Needs: access.Rehearse, Handle: serve},
	}
}

// anyone is who everybody is where nobody has to sign in.
func (a *App) anyone() access.Caller {
	if a.door != nil {
		return access.Caller{}
	}
	if a.c.Demo {
		return access.Demo("Demo")
	}
	return access.Reader()
}
