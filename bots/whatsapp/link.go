package whatsapp

import (
	"context"
	"errors"
	"fmt"
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
		switch e.(type) {
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
