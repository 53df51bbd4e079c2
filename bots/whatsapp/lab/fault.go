package lab

import (
	"fmt"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/binary"
)

// FaultKind is something that can go wrong.
type FaultKind string

// What can go wrong with a device, or between it and the server.
const (
	Cut       FaultKind = "cut"        // its connection is lost
	Restart   FaultKind = "restart"    // the server says that it restarts, and hangs up
	Replaced  FaultKind = "replaced"   // another connection of the same device took over
	LoggedOut FaultKind = "logged-out" // the phone unlinked it
	Banned    FaultKind = "banned"     // the account is restricted, for Code seconds
	Outdated  FaultKind = "outdated"   // the client is too old to be let in
	Duplicate FaultKind = "duplicate"  // the next Count messages arrive twice
	Reverse   FaultKind = "reverse"    // the next Count messages arrive in the opposite order
	Garble    FaultKind = "garble"     // the next Count messages cannot be decrypted, when Code others have passed
	Silent    FaultKind = "silent"     // the connection stands, and nothing comes any more
	LoseKeys  FaultKind = "lose-keys"  // its one-time keys are gone from the server
	Refuse    FaultKind = "refuse"     // messages to the person are refused with Code
	Cold      FaultKind = "cold"       // … unless they have written to the sender; Code is 463 where it is not given
)

// Clock is not with one person: what is said from now on is stamped Code seconds
// later than now, or earlier.
const Clock FaultKind = "clock"

// Fault is something that goes wrong. Number and Device say with whom; device 0
// is the phone.
type Fault struct {
	Kind   FaultKind `json:"kind"`
	Number string    `json:"number"`
	Device uint16    `json:"device"`
	Count  int       `json:"count,omitempty"`
	Code   int       `json:"code,omitempty"`
}

// faults is what goes wrong with what a device is sent.
type faults struct {
	duplicate, garble, spare, reverse int
	held                              []binary.Node
	silent                            bool
}

// pass is what becomes of a stanza on its way.
func (f *faults) pass(n binary.Node) []binary.Node {
	if f.silent {
		return nil
	}
	if n.Tag != "message" {
		return []binary.Node{n}
	}
	switch {
	case f.spare > 0:
		f.spare--
	case f.garble > 0:
		f.garble--
		return []binary.Node{garbled(n)}
	case f.duplicate > 0:
		f.duplicate--
		return []binary.Node{n, n}
	case f.reverse > 0:
		f.held = append(f.held, n)
		if f.reverse--; f.reverse > 0 {
			return nil
		}
		out := f.held
		f.held = nil
		slices.Reverse(out)
		return out
	}
	return []binary.Node{n}
}

// garbled spoils what is encrypted, in a copy.
func garbled(n binary.Node) binary.Node {
	kids := slices.Clone(n.GetChildren())
	for i, k := range kids {
		if b := content(k); k.Tag == "enc" && len(b) > 0 {
			b = slices.Clone(b)
			b[len(b)-1] ^= 0xff
			kids[i].Content = b
		}
	}
	n.Content = kids
	return n
}

// Fault makes something go wrong, now or with what comes next.
func (l *Lab) Fault(f Fault) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.Kind == Clock {
		l.clock = time.Duration(f.Code) * time.Second
		return nil
	}
	a := l.accounts[f.Number]
	if a == nil {
		return fmt.Errorf("nobody has the number %q", f.Number)
	}
	switch f.Kind {
	case Refuse:
		l.refuse[a] = f.Code
		return nil
	case Cold:
		if l.cold[a] = f.Code; f.Code == 0 {
			l.cold[a] = 463
		}
		return nil
	}
	d := a.devices[f.Device]
	if d == nil {
		return fmt.Errorf("%s has no device %d", f.Number, f.Device)
	}
	switch f.Kind {
	case Duplicate:
		d.faults.duplicate += f.Count
	case Reverse:
		d.faults.reverse += f.Count
	case Garble:
		d.faults.garble, d.faults.spare = d.faults.garble+f.Count, f.Code
	case Silent:
		d.faults.silent = true
	case LoseKeys:
		d.keys.once = nil
	case LoggedOut:
		l.unlink(d)
	case Cut, Restart, Replaced, Banned, Outdated:
		if d.conn == nil {
			return fmt.Errorf("device %d of %s is not connected", f.Device, f.Number)
		}
		l.disconnect(d, f)
	default:
		return fmt.Errorf("%q is no kind of fault", f.Kind)
	}
	return nil
}

// disconnect ends a connection in one of the ways that it can end.
func (l *Lab) disconnect(d *device, f Fault) {
	c := d.conn
	d.conn, d.faults = nil, faults{}
	switch f.Kind {
	case Cut:
		c.cut()
		return
	case Restart:
		c.send(node("stream:error", binary.Attrs{"code": "503"}))
	case Replaced:
		c.send(replaced())
	case Banned:
		c.send(node("failure", binary.Attrs{"reason": "402", "code": "101", "expire": fmt.Sprint(f.Code)}))
	case Outdated:
		c.send(node("failure", binary.Attrs{"reason": "405", "location": "lla"}))
	}
	c.hangUp()
}

func replaced() binary.Node {
	return node("stream:error", nil, node("conflict", binary.Attrs{"type": "replaced"}))
}

// unlink takes a device away from its person.
func (l *Lab) unlink(d *device) {
	delete(d.account.devices, d.index)
	if c := d.conn; c != nil {
		d.conn = nil
		c.send(node("stream:error", binary.Attrs{"code": "401"}, node("conflict", binary.Attrs{"type": "device_removed"})))
		c.hangUp()
	}
	l.devicesChanged(d)
}

// deaf reports whether what a connection sends reaches nobody: it stands, and is
// dead at the other end.
func (l *Lab) deaf(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return c.device != nil && c.device.faults.silent
}

// refusal is the code that a message from one person to another is refused
// with; 0 is none.
func (l *Lab) refusal(from, to *account) int {
	if code := l.refuse[to]; code != 0 {
		return code
	}
	if code := l.cold[to]; code != 0 && l.wrotes[pairing{to, from}].IsZero() {
		return code
	}
	return 0
}

// pairing is who wrote to whom.
type pairing struct{ from, to *account }

func (l *Lab) wrote(from, to *account) { l.wrotes[pairing{from, to}] = time.Now() }
