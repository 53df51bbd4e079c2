package app

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"chaperone/bots/whatsapp"
	"chaperone/internal/access"
	"chaperone/internal/control"
)

// WhatsApp says what the bot's number there is to be reached by.
type WhatsApp struct {
	URL, NoiseRoot, Version string
	Pace                    time.Duration
	ColdADay                int
}

// whatsAppFile holds the linked device's keys and what the bot remembers of its
// chats. A copy of it that is brought back later breaks the device's sessions,
// so it stands apart from everything that is backed up.
const whatsAppFile = "whatsapp.db"

// whatsAppKeys holds the keys of what was decrypted and not stored yet.
const whatsAppKeys = "whatsapp.keys"

func (a *App) openWhatsApp(ctx context.Context) (*whatsapp.Bot, error) {
	db, err := a.store.Beside(whatsAppFile)
	if err != nil {
		return nil, err
	}
	w := a.c.WhatsApp
	b, err := whatsapp.New(ctx, whatsapp.Options{
		DB: db, KeyFile: filepath.Join(a.c.Data, whatsAppKeys), URL: w.URL, NoiseRoot: w.NoiseRoot, Version: w.Version, Pace: w.Pace, ColdADay: w.ColdADay, Log: a.c.Log, Now: a.now,
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return b, nil
}

// Linking is how far the linking of the WhatsApp number is.
type Linking struct {
	Number string    `json:"number,omitempty"` // it is linked to this number
	Code   string    `json:"code,omitempty"`   // to be shown as a QR code
	Until  time.Time `json:"until,omitzero"`   // when the next code comes
	Typed  string    `json:"typed,omitempty"`  // to be typed on the phone instead
	Ends   time.Time `json:"ends,omitzero"`    // until when that counts
	Under  bool      `json:"under_way,omitempty"`
	Error  string    `json:"error,omitempty"` // why the last attempt ended
	Off    bool      `json:"off,omitempty"`   // WhatsApp is switched off
}

// linking is the attempt under way.
type linking struct {
	mu   sync.Mutex
	now  Linking
	work sync.WaitGroup
	stop context.CancelFunc // ends the attempt

	asking sync.Mutex // one code to type at a time
	phone  string     // of that code
}

// errNoWhatsApp is what somebody reads who links without having said so.
var errNoWhatsApp = errors.New("WhatsApp is switched off: set bots.whatsapp.enabled to true")

// linkFor is how long an attempt may take: a few codes.
const linkFor = 5 * time.Minute

func (a *App) linkCalls(t control.Table) {
	t["link.whatsapp"] = named(access.Configure, func(ctx context.Context, by string, _ struct{}) (Linking, error) {
		return a.linkWhatsApp(ctx, by)
	})
	t["link.code"] = named(access.Configure, func(ctx context.Context, by string, asked struct{ Phone string }) (Linking, error) {
		return a.linkByCode(ctx, by, asked.Phone)
	})
	t["link.look"] = looks(access.Configure, func(context.Context, struct{}) (Linking, error) {
		if a.whatsapp == nil {
			return Linking{Off: true}, nil
		}
		return a.linkState()
	})
	t["link.standing"] = looks(access.Configure, func(ctx context.Context, _ struct{}) (whatsapp.Standing, error) {
		if a.whatsapp == nil {
			return whatsapp.Standing{}, errNoWhatsApp
		}
		return a.whatsapp.Standing(ctx)
	})
	t["link.state"] = looks(access.Configure, func(context.Context, struct{}) (Linking, error) { return a.linkState() })
}

// linkWhatsApp begins to link, for a named person who accepts what it risks.
func (a *App) linkWhatsApp(ctx context.Context, by string) (Linking, error) {
	if a.whatsapp == nil {
		return Linking{}, errNoWhatsApp
	}
	l := &a.linking
	l.mu.Lock()
	if l.now.Under || a.whatsapp.Number() != "" {
		l.mu.Unlock()
		return a.linkState()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), linkFor)
	l.now, l.stop = Linking{Under: true}, cancel
	l.mu.Unlock()
	a.c.Log.Info("linking WhatsApp was begun")
	l.work.Go(func() {
		defer cancel()
		err := a.whatsapp.Link(ctx, by, func(code string, valid time.Duration) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.now.Code, l.now.Until = code, time.Now().Add(valid)
		})
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.now = (Linking{}); err != nil {
			l.now.Error = err.Error()
		}
	})
	return a.linkState()
}

// linkByCode asks for a code to type on the phone, and begins to link where
// nobody has. The same phone has the same code as long as it counts.
func (a *App) linkByCode(ctx context.Context, by, phone string) (Linking, error) {
	number, err := whatsapp.Digits(phone)
	if err != nil {
		return Linking{}, err
	}
	now, err := a.linkWhatsApp(ctx, by)
	if err != nil || !now.Under {
		return now, err
	}
	l := &a.linking
	l.asking.Lock()
	defer l.asking.Unlock()
	if now, err = a.linkState(); err != nil || !now.Under || now.Typed != "" && l.phone == number {
		return now, err
	}
	code, until, err := a.whatsapp.Code(ctx, number)
	if err != nil {
		return Linking{}, err
	}
	l.mu.Lock()
	if l.now.Under {
		l.now.Typed, l.now.Ends, l.phone = code, until, number
	}
	l.mu.Unlock()
	return a.linkState()
}

// giveUpLinking ends an attempt that is under way, and waits for its end.
func (a *App) giveUpLinking() {
	l := &a.linking
	l.mu.Lock()
	if l.stop != nil {
		l.stop()
	}
	l.mu.Unlock()
	l.work.Wait()
}

func (a *App) linkState() (Linking, error) {
	if a.whatsapp == nil {
		return Linking{}, errNoWhatsApp
	}
	a.linking.mu.Lock()
	defer a.linking.mu.Unlock()
	now := a.linking.now
	if !now.Under {
		now.Number = a.whatsapp.Number()
	}
	return now, nil
}

// LinkWhatsApp links the WhatsApp number: the process that runs does, or this one where
// none does. phone is the number for which a code to type is asked for; empty asks for
// QR codes alone. tell is given what is new, until the number is linked.
func LinkWhatsApp(ctx context.Context, c Config, by, phone string, ask func(call string, args any, into *Linking) error, tell func(Linking)) error {
	begin, args := "link.whatsapp", any(struct{}{})
	if phone != "" {
		begin, args = "link.code", struct{ Phone string }{phone}
	}
	var now Linking
	err := ask(begin, args, &now)
	if errors.Is(err, control.ErrNobody) {
		a, err := open(ctx, c)
		if err != nil {
			return err
		}
		defer func() { a.giveUpLinking(); _ = a.close() }() // what was stored is stored
		if phone == "" {
			now, err = a.linkWhatsApp(ctx, by)
		} else {
			now, err = a.linkByCode(ctx, by, phone)
		}
		if err != nil {
			return err
		}
		ask = func(_ string, _ any, into *Linking) (err error) { *into, err = a.linkState(); return err }
	} else if err != nil {
		return err
	}
	for shown := ""; ; {
		code := now.Code
		if phone != "" {
			code = now.Typed
		}
		if code != shown || now.Number != "" {
			shown = code
			tell(now)
		}
		switch {
		case now.Error != "":
			return errors.New(now.Error)
		case now.Number != "":
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
		now = Linking{}
		if err := ask("link.state", struct{}{}, &now); err != nil {
			return err
		}
	}
}
