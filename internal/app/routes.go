package app

import "net/http"

// routes joins what is served, behind one guard.
func (a *App) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", a.console.Handler())
	if a.practice != nil {
		mux.Handle(practicePages, a.practice.Handler())
	}
	return a.console.Guard(mux)
}

// practicePages is where the practice chat has its pages.
const practicePages = "/practice/"

// fronts says where the practice chat is, if there is one, and what "/" leads
// to: the demo begins in the chat, everything else with what waits.
func fronts(c Config) (chats, home string) {
	if c.Practice {
		chats = practicePages
	}
	if c.Demo {
		home = practicePages
	}
	return chats, home
}
