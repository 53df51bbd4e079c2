// Package corpus writes messages for tests and measurements of detection. It
// must not be used by the product, and its messages never name anybody real.
package corpus

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// Corpus writes messages as an organisation's chats might hold them, about 120
// bytes each: ordinary talk, clutter and near-misses, about 4 % with something
// to find, about 8 % not plain ASCII. The same seed gives the same messages.
type Corpus struct {
	r *rand.Rand
	b strings.Builder
}

// New begins a corpus.
func New(seed uint64) *Corpus { return &Corpus{r: rand.New(rand.NewPCG(seed, 7))} }

// Messages gives messages of about so many bytes together. They lie one after
// the other in memory, as those of an import do.
func (c *Corpus) Messages(bytes int) []string {
	var all strings.Builder
	var ends []int
	for all.Len() < bytes {
		all.WriteString(c.Message())
		ends = append(ends, all.Len())
	}
	out := make([]string, len(ends))
	from := 0
	for i, to := range ends {
		out[i], from = all.String()[from:to], to
	}
	return out
}

// Message gives any message.
func (c *Corpus) Message() string {
	c.b.Reset()
	switch n := c.r.IntN(100); {
	case n < 4:
		c.fill(c.pick(sensitive))
		c.b.WriteString(". ")
	case n < 5:
		c.fill(c.pick(misses))
		c.b.WriteString(", ")
	}
	c.talk()
	return c.b.String()
}

// Ordinary gives a message with nothing to find in it.
func (c *Corpus) Ordinary() string {
	c.b.Reset()
	c.talk()
	return c.b.String()
}

// Clean gives a message with nothing to find in it, plain ASCII.
func (c *Corpus) Clean() string {
	c.b.Reset()
	c.sentence()
	c.b.WriteString(". ")
	c.sentence()
	return c.b.String()
}

func (c *Corpus) pick(of []string) string { return of[c.r.IntN(len(of))] }

// talk adds what most messages are: one to four sentences.
func (c *Corpus) talk() {
	if c.r.IntN(100) < 6 { // and the pound signs
		c.b.WriteString(c.pick(accents))
	}
	for {
		if c.r.IntN(2) == 0 {
			c.phrase()
		} else {
			c.sentence()
		}
		if c.r.IntN(10) < 2 {
			c.b.WriteByte(' ')
			c.fill(c.pick(clutter))
		}
		if c.r.IntN(100) >= 58 {
			return
		}
		c.b.WriteString(c.pick(joints))
	}
}

// phrase adds one of the things that are said at work every day.
func (c *Corpus) phrase() {
	if c.r.IntN(3) == 0 {
		c.b.WriteString(c.pick(openers))
		c.b.WriteString(", ")
	}
	c.b.WriteString(c.pick(subjects))
	c.b.WriteByte(' ')
	c.b.WriteString(c.pick(verbs))
	if c.r.IntN(2) == 0 {
		c.b.WriteString(", ")
		c.b.WriteString(c.pick(endings))
	}
}

// sentence adds some words, common ones more often; now and then one that is
// misspelt, in capitals, or in no dictionary.
func (c *Corpus) sentence() {
	for n := 3 + c.r.IntN(10); n > 0; n-- {
		w := words[min(c.r.IntN(len(words)), c.r.IntN(len(words)))]
		switch c.r.IntN(40) {
		case 0:
			i := c.r.IntN(len(w))
			c.b.WriteString(w[:i])
			c.b.WriteByte(byte('a' + c.r.IntN(26)))
			c.b.WriteString(w[i:])
		case 1:
			c.b.WriteString(strings.ToUpper(w[:1]))
			c.b.WriteString(w[1:])
		case 2:
			for range 2 + c.r.IntN(3) {
				c.b.WriteString(c.pick(syllables))
			}
		default:
			c.b.WriteString(w)
		}
		if n > 1 {
			c.b.WriteByte(' ')
		}
	}
}

// fill adds form with its marks filled in: # is a digit, ~ a small letter, ^ a
// capital.
func (c *Corpus) fill(form string) {
	for i := range len(form) {
		switch form[i] {
		case '#':
			c.b.WriteString(strconv.Itoa(c.r.IntN(10)))
		case '~':
			c.b.WriteByte(byte('a' + c.r.IntN(26)))
		case '^':
			c.b.WriteByte(byte('A' + c.r.IntN(26)))
		default:
			c.b.WriteByte(form[i])
		}
	}
}

func list(s string) []string { return strings.Split(s, "|") }

var (
	openers  = list("morning all|hi|ok so|just to say|quick one|fyi|sorry|thanks for that|right|heads up|update from the depot|from control|as discussed|yes|no worries|can I check|anyone know|hello both|bore da|evening")
	subjects = list("the meeting|the rota for next week|the van|the pump at the lower bridge|our new printer|the projector|the road past the school|the hall|the bridge|the river gauge|parking at the hub|the kitchen|the heating|the order of sandbags|the team lunch|the radio kit|the generator|the early crew|the late shift|the training day")
	verbs    = list("has moved|is still not working|needs somebody to look at it|was fine when we left|should be back by noon|is double booked|will be ready tomorrow|has been put off|is on the second floor|looks better than yesterday|is waiting for parts|starts a bit later|has been topped up|is blocked by a skip|could do with a clean|opens at eight|is closed until further notice|went well I think|is on its way back|needs two more people")
	endings  = list("let me know|see you there|will update later|no need to reply|shout if you can help|cheers|back in ten|keys are at the desk|same as last time|not urgent|ask at reception|bring a coat|it is on the intranet|I am on my way|diolch|speak soon|that is all for now|more to follow|fingers crossed|can talk after four")
	joints   = []string{". ", ". ", ". ", "\n", " - ", "! ", "? ", ", "}
	clutter  = []string{"at 1#:0#", "on #/0#", "room # floor #", "ext ####", "£#.##", "ticket #####", "https://intranet.example.org/p/##/~~~~", "<@U0#^B#^YZ>", "bus ## stop #",
		"v#.#", "# of ## done", "J# to J##", "#/## people", "##%", "#pm", "A4##", "x##", "(## mins)", "#th floor", "~~##~.png"}
	misses = []string{"order 99900001##", "parcel 77123456## left with a neighbour", "part no AB1##34#E", "commit 86d974a5ec7ee17dce139b0afb95#~748f1db#", "PO 45000#41#",
		"meeting ID 3#2 868 1#0", "serial ^^^^-####-^^##", "case 2026/######", "batch ##########", "10.#.#.##", "lat 51 long 3"}
	accents   = []string{"café’s open – ", "🙂 ", "diolch yn fawr iawn 🙏 ", "Siân’s off – ", "it’s fine… ", "naïve question: ", "ŵyn a tŷ: ", "that’s “great” ", "👍👍 ", "déjà vu, ", "½ an hour – ", "it’s ok "}
	sensitive = []string{
		"NHS number 999 000 0123 for the referral", "her NI number is AB 12 34 56 C", "ring Mrs Trellis on 07700 900###", "use my card 4111 1111 1111 1111",
		"she lives at ## Example Road, Anytown AB1 2DE", "DOB 04/05/196#", "the wifi password is Harbour####!", "door code for the depot is ##2#",
		"OFFICIAL-SENSITIVE: note of the call", "Decision: close the rest centre at 18:00 because the river is falling", "write to ~~~~~~~@example.com",
		"Rhiannon Williams's scan came back, it is cancer", "IBAN GB82 WEST 1234 5698 7654 32", "reg AB12 C^^ is blocking the gate",
	}
	syllables = strings.Fields("ba be bo ca ce co da de dro el en er fa fi ga go ha hin ing is ka la len li ma men mi na nor ol on pa per po ra ri ro sa sel si ta ter ti tra un va ven wa wen")
	words     = strings.Fields(`the to and a you i of in is it for on that be at we are have not this with will was can so if do me my but all your
		they just get no up what out from when there now go or he she as one then by been our some has about time an here how
		them us would good know back need see think today more who had did like could make over still well him her off after
		tomorrow want going got any only down again too come really let take should before home work thanks please sure week
		day morning night last next day two way other where right too much new early late same people first into than because which
		why already even down these very ask call tell help long look find give keep left might must never old own part place
		put said start stop sorry thing three try turn until use used went were while working year yet able also always another
		anyone away bad best better big bit both bring bus busy car change check clean clear close cold coming cover crew
		cup date dinner done door drive each easy eight else email end enough every evening everyone fact far fast few fill fine
		five floor food forget forward found four free friday front full game gate gave glad gone great group guys half hall
		hand happy hard head hear heard heavy hello high hold hope hour hours house idea inside issue job join kind kit
		later least leave lift light list little live lost lot lunch main many maybe mean meet meeting middle mind minute
		miss moment monday money month most move name near nice nobody none noon nothing number office often once open order
		outside page paper park past pick plan play plenty point possible problem quick quiet rain read ready real reply rest
		ring river road room rota round run running safe saturday save school seat seen send sent set seven share shift shop
		short show side since sit site six sleep slow small snow someone something soon sound spare stairs stand station stay
		step stuff such sunday supposed table talk tea team ten text thought thursday ticket tired together told top town
		traffic train true tuesday under unless upstairs van visit wait walk wall warm water wednesday weekend welcome whole
		window winter without wondering word world worth write wrong yard yesterday young accept across add afternoon against
		agree almost alone along angle answer appear area arrive article attach audience autumn average avoid balance bank
		barrier basket battery beach because bench bicycle blanket board boat borrow bottle branch bread breakfast bridge bright
		broken brush bucket budget builder cabin cable calendar camera canteen careful carpet carry catch centre certain chair
		channel cheap cheese choice circle classroom clever clock coach coffee collect colour comfortable company compare
		complete computer concrete condition contract copy corner correct council count course cream cross current curtain
		customer damage danger decide deliver depend depot desk detail digger dirty discuss distance double drain draw drawer
		driver dust easily east electric empty engine enjoy enter entrance envelope escape event exactly example excellent
		expect explain extra fence festival field figure finish flood folder follow footpath forecast forest forklift frame
		freezer fridge fuel funny furniture garage garden generator gently ground guess hammer handle harbour heating hedge
		helmet helpful hill hire history holiday horse hotel hungry imagine important include increase instead interesting
		invite jacket journey judge junction keyboard kitchen knife ladder language laptop large laundry leaflet learn lesson
		letter level library litter loader local lorry luckily machine manage manual market material measure message metal
		mirror mixture mobile motor mountain moving museum music narrow natural neighbour network newspaper normal north notice
		object offer online opinion orange organise original painting panel parcel parking partner passenger pattern pavement
		perfect performance permit phone photo piece pipe planet plastic plate platform pleasant plug pocket popular portable
		poster practice prefer prepare present press pretty printer private probably project promise proper protect provide pump
		quarter question radio railway reach receive recipe record recycle reduce regular remember remove repair repeat report
		request return roof rubbish sandbag sandwich scaffold schedule screen seal season second serious service several shadow
		shelf shelter shovel shower signal silver simple skip slope smooth soap social soft soil south space special speed
		spoon spring square staff stage stamp steel storage storm straight strange stream street strong subject suggest summer
		supply surface sweep switch system tank target teacher temporary thick thin through tidy timetable toilet tool torch
		tower track trailer training travel tree trip trolley trouble truck tunnel tyre umbrella uniform useful usual valley
		valve vehicle vest village volunteer warehouse warning waste weather west wheel wide wooden worker workshop yellow zone`)
)
