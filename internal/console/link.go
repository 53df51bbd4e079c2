package console

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/skip2/go-qrcode"

	"chaperone/internal/access"
)

func (c *Console) linkRoutes() []Route {
	return []Route{
		{"GET /link", access.Configure, c.linkPhone},
		{"POST /link/begin", access.Configure, c.linkPhoneBegin},
		{"POST /link/code", access.Configure, c.linkPhoneCode},
	}
}

// linkingView is how far the linking of the WhatsApp number is.
type linkingView struct {
	Off    bool      `json:"off"`
	Number string    `json:"number"`
	Code   string    `json:"code"`
	Until  time.Time `json:"until"`
	Typed  string    `json:"typed"`
	Ends   time.Time `json:"ends"`
	Under  bool      `json:"under_way"`
	Error  string    `json:"error"`
}

// numberView is how it stands with the number.
type numberView struct {
	Connected bool      `json:"connected"`
	By        string    `json:"by"`
	At        time.Time `json:"at"`
	Hello     string    `json:"hello"`
	Chats     []struct {
		Name string `json:"name"`
		Said int    `json:"said"`
		Of   int    `json:"of"`
	} `json:"chats"`
}

type linkPage struct {
	form
	Organisation string
	Link         linkingView
	Now          numberView
	QR           *square // the code that counts
	Hello        *square
	Why          string // what is not well with the number
	Asked        bool   // somebody writes the phone's number: the page keeps still
}

// Step is the step that is under way.
func (p linkPage) Step() int {
	switch {
	case p.Link.Number == "" && !p.Link.Under:
		return 1
	case p.Link.Number == "":
		return 2
	case len(p.Now.Chats) == 0:
		return 4
	}
	return 3
}

// square is a QR code as the path of a picture: one square of it is one unit.
type square struct {
	Side int
	Path string
}

// Box is the side of the picture, which has a quiet margin of four units.
func (s square) Box() int { return s.Side + 8 }

// Ground is the side of what is white.
func (s square) Ground() string { return fmt.Sprintf("%d.8", s.Side+7) }

// whatsAppWaits is how soon the page looks again while a code is shown.
const whatsAppWaits = "4"

func (c *Console) linkPhone(w http.ResponseWriter, r *http.Request) {
	c.showLink(w, r, http.StatusOK, form{})
}

func (c *Console) showLink(w http.ResponseWriter, r *http.Request, status int, f form) {
	p := linkPage{form: f, Organisation: c.o.Organisation, Why: c.o.Path.Troubles()["account whatsapp"], Asked: r.URL.Query().Get("by") == "number"}
	var err error
	if p.Link, err = ask[linkingView](c, r, "link.look", nil); err == nil && !p.Link.Off {
		p.Now, err = ask[numberView](c, r, "link.standing", nil)
	}
	if err == nil && p.Link.Code != "" {
		p.QR, err = drawn(p.Link.Code)
	}
	if err == nil && p.Now.Hello != "" {
		p.Hello, err = drawn(p.Now.Hello)
	}
	if err != nil {
		c.broken(w, r, err)
		return
	}
	if p.Link.Under && !p.Asked && len(f.Faults) == 0 {
		w.Header().Set("Refresh", whatsAppWaits)
	}
	c.page(w, r, status, "link.html", "Link WhatsApp", p)
}

func (c *Console) linkPhoneBegin(w http.ResponseWriter, r *http.Request) {
	f, ok := filled(w, r)
	if ok {
		f.need(f.Has("accept", "yes"), "accept", "Tick this to accept the risk for your organisation. Without it nothing is linked.")
	}
	if len(f.Faults) == 0 {
		if _, err := ask[linkingView](c, r, "link.whatsapp", struct{}{}); err != nil {
			f.need(false, "", c.says(err))
		}
	}
	if len(f.Faults) > 0 {
		c.showLink(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	http.Redirect(w, r, "/link", http.StatusSeeOther)
}

// linkPhoneCode asks for eight characters to type on the phone.
func (c *Console) linkPhoneCode(w http.ResponseWriter, r *http.Request) {
	f, ok := filled(w, r)
	if ok {
		if _, err := ask[linkingView](c, r, "link.code", struct{ Phone string }{f.Get("phone")}); err != nil {
			f.need(false, "phone", c.says(err))
		}
	}
	if len(f.Faults) > 0 {
		c.showLink(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	http.Redirect(w, r, "/link", http.StatusSeeOther)
}

// drawn makes the QR code of a text.
func drawn(text string) (*square, error) {
	q, err := qrcode.New(text, qrcode.Low)
	if err != nil {
		return nil, err
	}
	q.DisableBorder = true
	dots := q.Bitmap()
	var path strings.Builder
	for y, row := range dots {
		for x := 0; x < len(row); x++ {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1H%dz", from, y, x-from, from)
			}
		}
	}
	return &square{Side: len(dots), Path: path.String()}, nil
}
