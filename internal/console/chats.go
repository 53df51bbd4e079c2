package console

import (
	"html/template"
	"net/http"
	"time"

	"chaperone/internal/access"
)

func (c *Console) chatRoutes() []Route {
	return []Route{
		{"GET /chats", access.See, c.chatsJoined},
		{"POST /chats/switch-on", access.Configure, c.switchOn},
		{"POST /chats/switch-off", access.Stop, c.switchOff},
		{"GET /assurance", access.See, c.assurance},
		{"GET /assurance/{page}", access.See, c.assurancePage},
	}
}

// joinedView is a chat that was joined by questions.
type joinedView struct {
	Chat           string     `json:"chat"`
	Name           string     `json:"name"`
	State          string     `json:"state"`
	Mode           string     `json:"mode"`
	Kind           string     `json:"kind"`
	Administrators []string   `json:"administrators"`
	Answers        string     `json:"answers"`
	People         string     `json:"people"`
	Records        string     `json:"records"`
	Until          *time.Time `json:"watched_until"`
	Read           int        `json:"read"`
	WouldAsk       int        `json:"would_ask"`
	Yes            []string   `json:"yes"`
	Needs          int        `json:"needs"`
	Assessment     string     `json:"assessment"`
}

// wishView is that a member wants to be taken out of a chat.
type wishView struct {
	Chat  string    `json:"chat"`
	Name  string    `json:"name"`
	Who   string    `json:"member"`
	Asked time.Time `json:"asked"`
}

type chatsPage struct {
	form
	Joined       []joinedView
	Wishes       []wishView
	May, MayStop bool
	Said         string
}

func (c *Console) chatsJoined(w http.ResponseWriter, r *http.Request) {
	c.showChats(w, r, http.StatusOK, form{})
}

func (c *Console) showChats(w http.ResponseWriter, r *http.Request, status int, f form) {
	who := c.who(r)
	p := chatsPage{form: f, May: who.May(access.Configure), MayStop: who.May(access.Stop), Said: saids(r.URL.Query().Get("said"))}
	var err error
	if p.Joined, err = ask[[]joinedView](c, r, "chat.joinings", nil); err == nil {
		p.Wishes, err = ask[[]wishView](c, r, "chat.wishes", nil)
	}
	if err != nil {
		c.broken(w, r, err)
		return
	}
	c.page(w, r, status, "chats.html", "Chats", p)
}

// chatAct names a chat, and what is to be known of it.
type chatAct struct {
	Chat       string `json:"chat"`
	Assessment string `json:"assessment,omitempty"`
}

func (c *Console) switchOn(w http.ResponseWriter, r *http.Request) {
	f, _ := filled(w, r)
	c.switchChat(w, r, f, "chat.switch-on", "switched-on")
}

func (c *Console) switchOff(w http.ResponseWriter, r *http.Request) {
	f, _ := filled(w, r)
	c.switchChat(w, r, f, "chat.switch-off", "switched-off")
}

func (c *Console) switchChat(w http.ResponseWriter, r *http.Request, f form, call, said string) {
	after, err := ask[joinedView](c, r, call, chatAct{Chat: f.Get("chat"), Assessment: f.Get("assessment")})
	if err != nil {
		f.need(false, "", c.says(err))
		c.showChats(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	if said == "switched-on" && after.Mode != "act" {
		said = "first-yes"
	}
	http.Redirect(w, r, "/chats?said="+said, http.StatusSeeOther)
}

// joining puts chats that wait for people on the page of today.
func (p *todayPage) joining(c *Console, r *http.Request) error {
	all, err := ask[[]joinedView](c, r, "chat.joinings", nil)
	if err != nil {
		return err
	}
	wishes, err := ask[[]wishView](c, r, "chat.wishes", nil)
	if err != nil {
		return err
	}
	for _, j := range all {
		switch j.State {
		case "asking":
			p.Soon = append(p.Soon, item{
				Mark: "note", Kind: "Chat", Title: "Questions about " + j.Name + " wait for its administrator",
				Fact: "Nothing is read there before they are answered.", Button: "See the chat", Path: "/chats",
			})
		case "reported":
			p.Soon = append(p.Soon, item{
				Mark: "note", Kind: "Chat", Title: counted(j.Needs, "person is needed", "people are needed") + " to switch on " + j.Name,
				Fact: "A week of watching is over: it would have asked " + counted(j.WouldAsk, "time", "times") + ".", Button: "See what it would have done", Path: "/chats",
			})
		}
	}
	p.look(len(wishes), item{
		Mark: "caution", Kind: "Chat", Title: count(len(wishes), "member asks", "members ask") + " to be taken out of a chat",
		Fact: "They need not say why.", Button: "See who", Path: "/chats",
	}, "Leaving", "nobody asks to be taken out of a chat")
	return nil
}

// packView is the assurance pack.
type packView struct {
	Digest    string
	Made      time.Time
	Missing   []string
	Documents []struct {
		Name, Title, For string
		Body             template.HTML
	}
}

func (c *Console) assurance(w http.ResponseWriter, r *http.Request) {
	p, err := ask[packView](c, r, "assurance.pack", nil)
	if err != nil {
		c.broken(w, r, err)
		return
	}
	c.page(w, r, http.StatusOK, "assurance.html", "Assurance pack", p)
}

func (c *Console) assurancePage(w http.ResponseWriter, r *http.Request) {
	p, err := ask[packView](c, r, "assurance.pack", nil)
	if err != nil {
		c.broken(w, r, err)
		return
	}
	for i, d := range p.Documents {
		if d.Name == r.PathValue("page") {
			p.Documents = p.Documents[i : i+1]
			c.page(w, r, http.StatusOK, "assurance-page.html", d.Title, p)
			return
		}
	}
	c.fail(w, r, http.StatusNotFound, "There is no such page in the pack", "Open the pack and choose one of its pages.")
}
