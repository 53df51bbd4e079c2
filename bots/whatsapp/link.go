package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"
)

// Link links the bot to the number of the phone that scans the code. show is
// given each code as it begins to count, and how long it does. by is the named
// person who accepts what that risks, and is kept. Link returns when the bot
// has logged in once and others can write to it.
func (b *Bot) Link(ctx context.Context, by string, show func(code string, valid time.Duration)) error {
	if !b.one.TryLock() {
		return errors.New("the bot is connected, or is being linked")
	}
	defer b.one.Unlock()
	if n := b.Number(); n != "" {
		return fmt.Errorf("the bot is linked to +%s already: unlink it on the phone first", n)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b.become(b.box.NewDevice()) // with keys of its own: those of a device that was unlinked are not used again
	in := make(chan struct{}, 1)
	id := b.client().AddEventHandlerWithSuccessStatus(func(e any) bool {
		switch e := e.(type) {
		case *events.QR:
			until := b.o.Now().Add(codesCount(len(e.Codes)))
			b.offered.Store(&until)
		case *events.PairSuccess:
			b.guard(b.device())
			b.nowLinked(b.device().GetJID().User)
		case *events.Connected:
			select {
			case in <- struct{}{}:
			default:
			}
		}
		return true
	})
	defer b.client().RemoveEventHandler(id)
	defer b.offered.Store(nil)
	codes, err := b.client().GetQRChannel(ctx)
	if err != nil {
		return err
	}
	if err := b.client().ConnectContext(ctx); err != nil {
		return fmt.Errorf("WhatsApp cannot be reached: %w", err)
	}
	defer b.client().Disconnect()
	if err := scanned(codes, show); err != nil {
		return err
	}
	select {
	case <-in:
		select {
		case b.hurry <- struct{}{}:
		default:
		}
		number := b.Number()
		b.last.Store(&number)
		return b.book.linked(ctx, number, by, b.o.Now())
	case <-time.After(answerWithin):
		return errors.New("the phone has linked the bot, and the bot could not log in: start it, and look at its state")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// scanned shows codes until one was scanned.
func scanned(codes <-chan whatsmeow.QRChannelItem, show func(string, time.Duration)) error {
	for c := range codes {
		switch c.Event {
		case whatsmeow.QRChannelEventCode:
			show(c.Code, c.Timeout)
		case whatsmeow.QRChannelSuccess.Event:
			return nil
		case whatsmeow.QRChannelTimeout.Event:
			return errors.New("nobody scanned the code in time: begin anew")
		case whatsmeow.QRChannelClientOutdated.Event:
			return errOutdated
		case whatsmeow.QRChannelScannedWithoutMultidevice.Event:
			return errors.New("the phone that scanned the code is too old for linked devices: update WhatsApp there")
		default:
			if c.Error != nil {
				return fmt.Errorf("linking failed: %w", c.Error)
			}
			return fmt.Errorf("linking failed (%s)", c.Event)
		}
	}
	return errors.New("linking was given up")
}

// codesCount is for how long the library shows so many codes one after another.
func codesCount(codes int) time.Duration { return time.Minute + time.Duration(codes-1)*20*time.Second }

// Code asks for eight characters that link the bot when they are typed on the
// phone with that number, for a phone whose camera is of no use. Link has to be
// under way. They count until the time that is given, as its QR codes do.
func (b *Bot) Code(ctx context.Context, phone string) (code string, until time.Time, err error) {
	number, err := Digits(phone)
	if err != nil {
		return "", until, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	for b.offered.Load() == nil { // before its QR codes the server gives none
		if pause(ctx, 50*time.Millisecond) != nil {
			return "", until, errors.New("WhatsApp offers no code now: begin to link anew")
		}
	}
	if at := b.offered.Load(); at != nil {
		until = *at
	}
	// The server takes the names of common browsers alone.
	code, err = b.client().PairPhone(ctx, number, true, whatsmeow.PairClientChrome, "Chrome (Linux)")
	var refused *whatsmeow.IQError
	switch {
	case err == nil:
		return code, until, nil
	case errors.As(err, &refused) && refused.Code == 404:
		return "", until, fmt.Errorf("WhatsApp knows no account with the number +%s: look at the number on the bot's phone, in Settings", number)
	case errors.As(err, &refused) && refused.Code == 429:
		return "", until, errors.New("WhatsApp gives this number no further code for now: scan the QR code, or try again in an hour")
	case errors.As(err, &refused):
		return "", until, fmt.Errorf("WhatsApp refuses a pairing code for this number (%d): scan the QR code instead", refused.Code)
	}
	return "", until, fmt.Errorf("WhatsApp gave no pairing code: %w", err)
}

// Digits reads the number of a phone as people write it, with the code of its
// country.
func Digits(phone string) (string, error) {
	digits := strings.NewReplacer(" ", "", "\u00a0", "", "-", "", "(", "", ")", "", ".", "", "/", "").Replace(phone)
	digits = strings.TrimPrefix(strings.TrimPrefix(digits, "+"), "00")
	switch {
	case strings.Trim(digits, "0123456789") != "":
		return "", errors.New("this is no number of a phone: write digits, beginning with the country code, like +44 7700 900142")
	case strings.HasPrefix(digits, "0"):
		return "", errors.New("begin with the country code instead of the 0, like +44 7700 900142 for 07700 900142")
	case len(digits) < 7 || len(digits) > 15:
		return "", errors.New("a number has 7 to 15 digits with its country code, like +44 7700 900142")
	}
	return digits, nil
}
