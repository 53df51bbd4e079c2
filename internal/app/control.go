package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/chat"
	"chaperone/internal/clock"
	"chaperone/internal/control"
	"chaperone/internal/hold"
)

// errName asks for the name without which nothing is done.
var errName = errors.New("say who you are with --by NAME: it is kept with what you do")

// Ask carries out one call: by the process that has the data folder open, or,
// where none is running, by opening it.
func Ask(ctx context.Context, c Config, q control.Request) (json.RawMessage, error) {
	if _, err := os.Stat(c.Data); err != nil {
		return nil, fmt.Errorf("there is no data folder %s. Name it with --data, or start Chaperone first", c.Data)
	}
	out, err := control.Ask(ctx, c.Data, q)
	if !errors.Is(err, control.ErrNobody) {
		return out, err
	}
	if _, err := os.Stat(filepath.Join(c.Data, practiceFile)); err == nil {
		c.Practice = true // whose clock is the demo's
	}
	a, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	// Nobody else has the folder: calls that an ended process left open have
	// ended too, and a hold need not wait for them.
	if err = a.store.AbandonFences(ctx, a.now()); err == nil {
		out, err = a.calls().Do(ctx, access.Owner(q.By), q.Call, q.Args)
	}
	return out, errors.Join(err, a.close())
}

// calls is everything that can be asked of a Chaperone.
func (a *App) calls() control.Table {
	t := control.Table{
		"hold.place":    named(access.Hold, a.holdPlace),
		"hold.release":  named(access.Hold, a.holdRelease),
		"hold.rescope":  named(access.Hold, a.holdRescope),
		"hold.list":     looks(access.See, a.holdList),
		"clock.show":    looks(access.See, a.clockShow),
		"clock.confirm": named(access.Configure, a.clockConfirm),
		"audit.export":  named(access.Machine, a.auditExport), // it writes a file on this machine
	}
	a.chatCalls(t)
	a.retentionCalls(t)
	a.leaverCalls(t)
	a.signInCalls(t)
	a.lookCalls(t)
	a.ruleCalls(t)
	a.policyCalls(t)
	a.joiningCalls(t)
	a.assuranceCalls(t)
	a.learnCalls(t)
	a.linkCalls(t)
	return t
}

// named is a call that needs the name of whoever makes it.
func named[T, R any](needs access.Right, do func(context.Context, string, T) (R, error)) control.Call {
	return control.Call{Needs: needs, Do: func(ctx context.Context, by string, args json.RawMessage) (any, error) {
		if by == "" {
			return nil, errName
		}
		var in T
		if err := strict(args, &in); err != nil {
			return nil, err
		}
		return do(ctx, by, in)
	}}
}

// looks is a call that only looks.
func looks[T, R any](needs access.Right, do func(context.Context, T) (R, error)) control.Call {
	return control.Call{Needs: needs, Do: func(ctx context.Context, _ string, args json.RawMessage) (any, error) {
		var in T
		if err := strict(args, &in); err != nil {
			return nil, err
		}
		return do(ctx, in)
	}}
}

func strict(args json.RawMessage, into any) error {
	d := json.NewDecoder(bytes.NewReader(args))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("the request is not understood: %w", err)
	}
	return nil
}

// Hold is a hold as commands and pages show it.
type Hold struct {
	ID         string     `json:"id"`
	Matter     string     `json:"matter"`
	Owner      string     `json:"owner"`
	Reason     string     `json:"reason"`
	Request    string     `json:"request,omitempty"`
	Review     clock.Date `json:"review"`
	ReviewDue  bool       `json:"review_due"`
	All        bool       `json:"all,omitempty"`
	Chats      []string   `json:"chats,omitempty"`
	Members    []string   `json:"members,omitempty"`
	People     []string   `json:"people,omitempty"`
	Since      time.Time  `json:"since"`
	Placed     time.Time  `json:"placed"`
	PlacedBy   string     `json:"placed_by"`
	Released   *time.Time `json:"released,omitempty"`
	ReleasedBy string     `json:"released_by,omitempty"`
	Why        string     `json:"why,omitempty"`
}

// Placed is a hold that was placed, and what may have slipped by then.
type Placed struct {
	Hold    Hold     `json:"hold"`
	Settled bool     `json:"settled"`           // it keeps everything it covers, less what follows
	Done    []string `json:"done,omitempty"`    // messages destroyed since it claims them: before it was in force
	Unknown []string `json:"unknown,omitempty"` // messages that may have been destroyed: a person looks
	Warning string   `json:"warning,omitempty"` // why it is not settled yet
	People  []string `json:"people,omitempty"`  // what is known of what it covers: the accounts of people, and chats and members that nobody has seen
}

// Scope is what a hold covers, as it is asked for: chats and members as
// account/id, people by their id in the directory.
type Scope struct {
	All     bool     `json:"all,omitempty"`
	Chats   []string `json:"chats,omitempty"`
	Members []string `json:"members,omitempty"`
	People  []string `json:"people,omitempty"`
}

func (s Scope) scope() (hold.Scope, error) {
	out := hold.Scope{All: s.All, People: s.People}
	for _, c := range s.Chats {
		id, err := chatID(c)
		if err != nil {
			return out, err
		}
		out.Chats = append(out.Chats, id)
	}
	for _, m := range s.Members {
		id, err := chatID(m)
		if err != nil {
			return out, fmt.Errorf("%q is no member: write account/id", m)
		}
		out.Members = append(out.Members, hold.Member{Account: id.Account, ID: chat.MemberID(id.Local)})
	}
	return out, nil
}

// chatID reads "account/local"; the account may have a slash of its own.
func chatID(s string) (chat.ID, error) {
	i := bytes.LastIndexByte([]byte(s), '/')
	if i <= 0 || i == len(s)-1 {
		return chat.ID{}, fmt.Errorf("%q is no chat: write account/chat, such as practice/flood-north", s)
	}
	return chat.ID{Account: chat.Account(s[:i]), Local: s[i+1:]}, nil
}

// PlaceHold is a hold to be placed.
type PlaceHold struct {
	Matter  string     `json:"matter"`
	Owner   string     `json:"owner"`
	Reason  string     `json:"reason"`
	Review  clock.Date `json:"review"`
	Request string     `json:"request,omitempty"`
	Since   time.Time  `json:"since,omitzero"`
	Scope
}

func (a *App) holdPlace(ctx context.Context, by string, in PlaceHold) (Placed, error) {
	to, err := in.scope()
	if err != nil {
		return Placed{}, err
	}
	if in.Owner == "" {
		in.Owner = by
	}
	h, r, err := a.engine.PlaceHold(ctx, hold.Hold{
		Matter: in.Matter, Owner: in.Owner, Reason: in.Reason, Review: in.Review, Request: in.Request, Since: in.Since,
		Scope: to, PlacedBy: by,
	})
	return a.placed(ctx, h, r, err)
}

func (a *App) placed(ctx context.Context, h hold.Hold, r hold.Report, err error) (Placed, error) {
	if err != nil && h.ID == "" { // it was not stored
		return Placed{}, err
	}
	p := Placed{Hold: a.view(h), Settled: err == nil && r.Settled(), People: append(a.coveredPeople(h), a.unseen(context.WithoutCancel(ctx), h)...)}
	if err != nil {
		p.Warning = err.Error()
	}
	for _, f := range r.Done {
		p.Done = append(p.Done, f.Subject.Chat.String()+" "+f.Message)
	}
	for _, f := range r.Unknown {
		p.Unknown = append(p.Unknown, f.Subject.Chat.String()+" "+f.Message)
	}
	return p, nil
}

// EndHold says which hold ends, and why; Scope, what another one is to cover
// in its place.
type EndHold struct {
	ID    string `json:"id"`
	Why   string `json:"why"`
	Scope *Scope `json:"scope,omitempty"`
}

func (a *App) holdRelease(ctx context.Context, by string, in EndHold) (Hold, error) {
	h, err := a.engine.ReleaseHold(ctx, in.ID, by, in.Why)
	return a.view(h), err
}

func (a *App) holdRescope(ctx context.Context, by string, in EndHold) (Placed, error) {
	if in.Scope == nil {
		return Placed{}, errors.New("say what it covers from now on")
	}
	to, err := in.Scope.scope()
	if err != nil {
		return Placed{}, err
	}
	h, r, err := a.engine.RescopeHold(ctx, in.ID, to, by, in.Why)
	return a.placed(ctx, h, r, err)
}

func (a *App) holdList(ctx context.Context, _ struct{}) ([]Hold, error) {
	all, err := a.store.Holds(ctx).All()
	out := make([]Hold, 0, len(all))
	for _, h := range all {
		out = append(out, a.view(h))
	}
	return out, err
}

func (a *App) view(h hold.Hold) Hold {
	v := Hold{
		ID: h.ID, Matter: h.Matter, Owner: h.Owner, Reason: h.Reason, Request: h.Request, Review: h.Review,
		ReviewDue: len(hold.ReviewDue([]hold.Hold{h}, a.now(), a.zone)) > 0,
		All:       h.Scope.All, People: h.Scope.People, Since: h.Claims(), Placed: h.Placed, PlacedBy: h.PlacedBy,
		ReleasedBy: h.ReleasedBy, Why: h.Why,
	}
	for _, c := range h.Scope.Chats {
		v.Chats = append(v.Chats, c.String())
	}
	for _, m := range h.Scope.Members {
		v.Members = append(v.Members, string(m.Account)+"/"+string(m.ID))
	}
	if !h.Released.IsZero() {
		v.Released = &h.Released
	}
	return v
}

// Clock is what is known about our own clock.
type Clock struct {
	Now     time.Time `json:"now"`
	Vouched bool      `json:"vouched"`
	Why     string    `json:"why,omitempty"` // what keeps it from being vouched for, and what to do
}

func (a *App) clockShow(ctx context.Context, _ struct{}) (Clock, error) {
	w, err := a.engine.Clock(ctx)
	out := Clock{Now: a.now().UTC(), Vouched: true}
	if why := w.MayDestroy(); why != nil {
		out.Vouched, out.Why = false, why.Error()
	}
	return out, err
}

func (a *App) clockConfirm(ctx context.Context, by string, _ struct{}) (Clock, error) {
	if err := a.engine.ConfirmClock(ctx, by); err != nil {
		return Clock{}, err
	}
	return a.clockShow(ctx, struct{}{})
}

// Exported is an export of the audit log.
type Exported struct {
	File string `json:"file"`
	Key  string `json:"key"` // verifies it; keep it elsewhere than the file
}

// auditExport writes the log to a new file. It replaces none.
func (a *App) auditExport(ctx context.Context, by string, in struct{ File string }) (Exported, error) {
	if !filepath.IsAbs(in.File) {
		return Exported{}, errors.New("name the file by its whole path")
	}
	f, err := os.OpenFile(in.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Exported{}, fmt.Errorf("the export cannot be written: %w", err)
	}
	key, err := a.store.ExportAudit(ctx, a.now(), by, f)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return Exported{}, errors.Join(err, os.Remove(in.File))
	}
	return Exported{File: in.File, Key: key}, nil
}
