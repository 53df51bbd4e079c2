package detect_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// corpus writes messages as a council's chats might hold them, about 120 bytes
// each: ordinary talk, clutter and near-misses, about 4 % with something to
// find, about 8 % not plain ASCII. The same seed gives the same messages.
type corpus struct{ r *rand.Rand }

func newCorpus(seed uint64) *corpus { return &corpus{rand.New(rand.NewPCG(seed, 7))} }

func (c *corpus) pick(of []string) string { return of[c.r.IntN(len(of))] }

var (
	openers  = strings.Split("morning all|hi|ok so|just to say|quick one|fyi|sorry|thanks for that|right|heads up|update from the depot|from control|as discussed|yes|no worries|can I check|anyone know|hello both|bore da|evening", "|")
	subjects = strings.Split("the meeting|the rota for next week|the van|the pump at the lower bridge|our new printer|the projector|the road past the school|the hall|the bridge|the river gauge|parking at the hub|the kitchen|the heating|the order of sandbags|the team lunch|the radio kit|the generator|the early crew|the late shift|the training day", "|")
	verbs    = strings.Split("has moved|is still not working|needs somebody to look at it|was fine when we left|should be back by noon|is double booked|will be ready tomorrow|has been put off|is on the second floor|looks better than yesterday|is waiting for parts|starts a bit later|has been topped up|is blocked by a skip|could do with a clean|opens at eight|is closed until further notice|went well I think|is on its way back|needs two more people", "|")
	endings  = strings.Split("let me know|see you there|will update later|no need to reply|shout if you can help|cheers|back in ten|keys are at the desk|same as last time|not urgent|ask at reception|bring a coat|it is on the intranet|I am on my way|diolch|speak soon|that is all for now|more to follow|fingers crossed|can talk after four", "|")
	clutter  = []string{"at %02d:%02d", "on %d/%02d", "room %d floor %d", "ext %d%03d", "£%d.%02d", "ticket #%d%03d", "https://intranet.example.org/p/%d/%d", "<@U0%dAB%dXY>", "bus %d stop %d", "v%d.%d", "%d of %d done", "J%d to J%d"}
	misses   = []string{"order 99900001%d%d", "parcel 77123456%d%d left with a neighbour", "part no AB1%d34%dE", "commit 86d974a5ec7ee17dce139b0afb95%d748f1db%d", "PO 45000%d41%d", "meeting ID 3%d2 868 1%d0"}
	accents  = []string{"café’s open – ", "🙂 ", "diolch yn fawr iawn 🙏 ", "Siân’s off – ", "it’s fine… ", "naïve question: ", "ŵyn a tŷ: "}
	found    = []string{
		"NHS number 999 000 0123 for the referral", "her NI number is AB 12 34 56 C", "ring Mrs Trellis on 07700 900123", "use my card 4111 1111 1111 1111",
		"she lives at 12 Example Road, Anytown AB1 2DE", "DOB 04/05/1961", "the wifi password is Harbour1889!", "door code for the depot is 1129",
		"OFFICIAL-SENSITIVE: note of the call", "Decision: close the rest centre at 18:00 because the river is falling", "write to someone@example.com",
		"Rhiannon Williams's scan came back, it is cancer", "IBAN GB82 WEST 1234 5698 7654 32", "reg AB12 CDE is blocking the gate",
	}
)

func (c *corpus) clutter(kinds []string) string {
	return fmt.Sprintf(c.pick(kinds), 1+c.r.IntN(9), 1+c.r.IntN(9))
}

// ordinary gives a message with nothing to find in it.
func (c *corpus) ordinary() string {
	var b strings.Builder
	if c.r.IntN(12) == 0 {
		b.WriteString(c.pick(accents))
	}
	fmt.Fprintf(&b, "%s, %s %s", c.pick(openers), c.pick(subjects), c.pick(verbs))
	if c.r.IntN(10) < 3 {
		b.WriteString(" " + c.clutter(clutter))
	}
	fmt.Fprintf(&b, ". %s", c.pick(endings))
	for c.r.IntN(100) < 55 {
		fmt.Fprintf(&b, ". %s %s, %s", c.pick(subjects), c.pick(verbs), c.pick(endings))
	}
	return b.String()
}

// message gives any message.
func (c *corpus) message() string {
	switch n := c.r.IntN(100); {
	case n < 4:
		return c.pick(found) + ". " + c.ordinary()
	case n < 5:
		return c.clutter(misses) + ", " + c.ordinary()
	}
	return c.ordinary()
}

// messages gives messages of about so many bytes together.
func (c *corpus) messages(bytes int) []string {
	var out []string
	for n := 0; n < bytes; {
		m := c.message()
		n += len(m)
		out = append(out, m)
	}
	return out
}
