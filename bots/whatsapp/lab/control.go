package lab

import (
	"context"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
)

// Doc describes the control API, with an example for each call.
//
//go:embed control.md
var Doc string

// doing is what one call of the control API asks for. Each call reads the
// fields it needs.
type doing struct {
	Number, Name, Chat, Author, Message, Text, Code, How string
	Ghost                                                bool
	Options, Who                                         []string
	File                                                 string
	Data                                                 []byte
	Gone                                                 bool // from the server, before anybody fetches it
}

// reply is what a call is answered with.
type reply map[string]string

// mostAsked bounds a call of the control API.
const mostAsked = 1 << 20

// Control is the control API (Doc).
func (l *Lab) Control() http.Handler {
	mux := http.NewServeMux()
	for name, do := range map[string]func(context.Context, doing) (reply, error){
		"people": l.doPerson, "scan": l.doScan, "code": l.doCode, "offline": l.doOffline, "online": l.doOnline, "forget": l.doForget,
		"say": l.as(doSay), "edit": l.as(doEdit), "delete": l.as(doDelete), "react": l.as(doReact), "poll": l.as(doPoll),
		"share": l.as(doShare), "read": l.as(doRead), "leave": l.as(doLeave), "change": l.as(doChange),
	} {
		mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) { carryOut(w, r, do) })
	}
	mux.HandleFunc("POST /groups", func(w http.ResponseWriter, r *http.Request) {
		carryOut(w, r, func(_ context.Context, n NewGroup) (reply, error) {
			j, err := l.AddGroup(n)
			return reply{"group": j.String()}, err
		})
	})
	mux.HandleFunc("POST /faults", func(w http.ResponseWriter, r *http.Request) {
		carryOut(w, r, func(_ context.Context, f Fault) (reply, error) { return reply{}, l.Fault(f) })
	})
	mux.HandleFunc("GET /about", func(w http.ResponseWriter, _ *http.Request) {
		key := Root()
		answer(w, reply{"url": l.URL(), "noise_root": hex.EncodeToString(key[:])})
	})
	mux.HandleFunc("GET /seen/{number}", func(w http.ResponseWriter, r *http.Request) {
		if p := l.Person(r.PathValue("number")); p != nil {
			answer(w, since(r, p.Seen()))
		} else {
			refused(w, fmt.Errorf("nobody with a phone has the number %q", r.PathValue("number")))
		}
	})
	mux.HandleFunc("GET /show/{number}", l.page)
	mux.HandleFunc("GET /members/{chat}", func(w http.ResponseWriter, r *http.Request) {
		j, err := types.ParseJID(r.PathValue("chat"))
		if err != nil {
			refused(w, err)
			return
		}
		answer(w, l.Members(j))
	})
	mux.HandleFunc("GET /groups", func(w http.ResponseWriter, _ *http.Request) { answer(w, append([]Group{}, l.Groups()...)) })
	mux.HandleFunc("GET /devices/{number}", func(w http.ResponseWriter, r *http.Request) {
		type state struct {
			Device    uint16 `json:"device"`
			Listening bool   `json:"listening"`
			Waiting   int    `json:"waiting"`
		}
		number, out := r.PathValue("number"), []state{}
		for _, d := range l.Devices(number) {
			out = append(out, state{d, l.Listening(number, d), l.Waiting(number, d)})
		}
		answer(w, out)
	})
	mux.HandleFunc("GET /traffic", func(w http.ResponseWriter, r *http.Request) { answer(w, since(r, l.Traffic())) })
	mux.HandleFunc("GET /notes", func(w http.ResponseWriter, _ *http.Request) { answer(w, append([]string{}, l.Notes()...)) })
	return mux
}

// carryOut reads what is asked for, does it and answers.
func carryOut[T any](w http.ResponseWriter, r *http.Request, do func(context.Context, T) (reply, error)) {
	var asked T
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostAsked))
	d.DisallowUnknownFields()
	if err := d.Decode(&asked); err != nil {
		refused(w, err)
		return
	}
	out, err := do(r.Context(), asked)
	if err != nil {
		refused(w, err)
		return
	}
	answer(w, out)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // whoever asked has gone
}

func refused(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(reply{"error": err.Error()})
}

// doShare posts a document, or a picture.
func doShare(ctx context.Context, p *Person, d doing) (string, error) {
	if strings.HasSuffix(d.File, ".jpg") {
		return p.Picture(ctx, d.Chat, d.Text, d.Data)
	}
	return p.share(ctx, d.Chat, d.File, "application/octet-stream", d.Text, d.Data, d.Gone)
}

// since leaves out what was read before.
func since[T any](r *http.Request, all []T) []T {
	from, err := strconv.Atoi(r.URL.Query().Get("from"))
	if err != nil || from < 0 {
		from = 0
	}
	return append([]T{}, all[min(from, len(all)):]...)
}

// as finds the person who does something.
func (l *Lab) as(do func(context.Context, *Person, doing) (string, error)) func(context.Context, doing) (reply, error) {
	return func(ctx context.Context, d doing) (reply, error) {
		p := l.Person(d.Number)
		if p == nil {
			return nil, fmt.Errorf("nobody with a phone has the number %q", d.Number)
		}
		message, err := do(ctx, p, d)
		if message == "" {
			return reply{}, err
		}
		return reply{"message": message}, err
	}
}

func (l *Lab) doPerson(ctx context.Context, d doing) (reply, error) {
	var err error
	if d.Ghost {
		err = l.AddNumber(d.Number, d.Name)
	} else {
		_, err = l.AddPerson(context.WithoutCancel(ctx), d.Number, d.Name)
	}
	return reply{"hidden": l.Hidden(d.Number).String()}, err
}

func (l *Lab) doScan(_ context.Context, d doing) (reply, error) {
	return reply{}, l.ScanQR(d.Number, d.Code)
}

func (l *Lab) doCode(ctx context.Context, d doing) (reply, error) {
	return reply{}, l.TypeCode(ctx, d.Number, d.Code)
}

func (l *Lab) doForget(context.Context, doing) (reply, error) {
	l.ForgetMedia()
	return reply{}, nil
}

func (l *Lab) doOffline(ctx context.Context, d doing) (reply, error) {
	return l.as(func(_ context.Context, p *Person, _ doing) (string, error) { p.Disconnect(); return "", nil })(ctx, d)
}

func (l *Lab) doOnline(ctx context.Context, d doing) (reply, error) {
	return l.as(func(ctx context.Context, p *Person, _ doing) (string, error) { return "", p.Connect(ctx) })(ctx, d)
}

func doSay(ctx context.Context, p *Person, d doing) (string, error) {
	if d.Message != "" {
		return p.Reply(ctx, d.Chat, d.Author, d.Message, d.Text)
	}
	return p.Say(ctx, d.Chat, d.Text)
}

func doEdit(ctx context.Context, p *Person, d doing) (string, error) {
	return "", p.Edit(ctx, d.Chat, d.Message, d.Text)
}

func doDelete(ctx context.Context, p *Person, d doing) (string, error) {
	return "", p.Revoke(ctx, d.Chat, d.Author, d.Message)
}

func doReact(ctx context.Context, p *Person, d doing) (string, error) {
	return "", p.React(ctx, d.Chat, d.Author, d.Message, d.Text)
}

func doPoll(ctx context.Context, p *Person, d doing) (string, error) {
	return p.Poll(ctx, d.Chat, d.Text, d.Options)
}

func doRead(ctx context.Context, p *Person, d doing) (string, error) {
	return "", p.Read(ctx, d.Chat, d.Author, d.Message)
}

func doLeave(ctx context.Context, p *Person, d doing) (string, error) {
	return "", p.Leave(ctx, d.Chat)
}

func doChange(ctx context.Context, p *Person, d doing) (string, error) {
	return "", p.Change(ctx, d.Chat, whatsmeow.ParticipantChange(d.How), d.Who...)
}
