package cli

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chaperone/config"
	"chaperone/internal/app"
	"chaperone/internal/chat"
	"chaperone/internal/console"
	"chaperone/internal/directory"
	"chaperone/internal/directory/csv"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
	"chaperone/internal/policy"
	"chaperone/internal/retention"
)

// fromFile turns a configuration into what an app is made from.
func fromFile(f *config.File) (app.Config, error) {
	c := app.Config{
		Data: f.Data, Database: f.Database, KeyFile: f.KeyFile, Records: f.Records.Folder, Listen: f.Listen, Organisation: f.Organisation,
		RulesDir: f.Rules.Directory, Zone: f.TimeZone, Guidance: f.Guidance, SpeakUp: f.SpeakUp, Languages: f.Languages, Policies: f.Policies, Chats: map[chat.ID]engine.Setting{},
		Practice: f.Bots.Practice.Enabled, NewRoomsAct: f.Bots.Practice.NewRooms == config.Act,
		Files: files(f.Files),
	}
	if f.Contact.Name != "" {
		c.Ask = f.Contact.Name
		if f.Contact.How != "" {
			c.Ask += ", " + f.Contact.How
		}
	}
	var err error
	if c.SignIn, err = signIn(f); err != nil {
		return c, err
	}
	for _, w := range f.Retention {
		s, wrong := w.Schedule()
		if len(wrong) > 0 {
			return c, fmt.Errorf("retention schedule %q: %s", w.ID, wrong[0])
		}
		c.Schedules = append(c.Schedules, s)
	}
	own, wrong := retention.ReadOwn(f.OwnData)
	if len(wrong) > 0 {
		return c, fmt.Errorf("own_data: %s", wrong[0])
	}
	c.Own = own
	if c.Settings, err = digests(f); err != nil {
		return c, err
	}
	for _, ch := range f.Chats {
		c.Chats[ch.Name()] = engine.Setting{
			Acting: ch.Mode == config.Act && !ch.Union, Kind: ch.Kind, Administrators: ch.Administrators, Contacts: contacts(ch.People), Incident: ch.Incident, Audience: policy.Audience(ch.Audience),
			Named: true, Union: ch.Union, Stands: ch.Answers, Assessment: ch.Assessment, Languages: ch.Languages,
		}
	}
	if f.Prompts != (config.Prompts{}) {
		pace, err := f.Prompts.Pace(nil)
		if err != nil {
			return c, fmt.Errorf("prompts: %w", err)
		}
		c.Pace, c.Officers = &pace, officers(f.Prompts)
	}
	if c.Directory, err = staff(f); err != nil {
		return c, err
	}
	if err := circumstances(f, &c); err != nil {
		return c, err
	}
	if err := platforms(f, &c); err != nil {
		return c, err
	}
	return c, nil
}

// platforms reads what the bot joins, beside the practice chat.
func platforms(f *config.File, c *app.Config) (err error) {
	if s := f.Bots.Slack; s.Set() {
		c.Slack = &app.Slack{
			BotToken: s.BotToken, AppToken: s.AppToken, SigningSecret: s.SigningSecret, Administrator: s.Administrator, Senders: s.Senders,
			HTTP: s.Events == "http", Delete: s.Delete, APIURL: s.APIURL, Leavers: s.Leavers, Organisation: s.Organisation, SCIM: s.SCIM,
		}
	}
	if d := f.Bots.Discord; d.Set() {
		c.Discord = &app.Discord{Token: d.Token, APIURL: d.APIURL, Block: d.Block}
	}
	c.WhatsApp, err = whatsApp(f.Bots.WhatsApp)
	return err
}

// joinsOne refuses a configuration that joins no platform. The demo needs none:
// it switches the practice chat on by itself.
func joinsOne(c app.Config) error {
	if !c.Practice && c.Slack == nil && c.Discord == nil && c.WhatsApp == nil {
		return errors.New("no platform is switched on: set bots.practice.enabled to true, name the tokens in bots.slack or bots.discord, or set bots.whatsapp.enabled to true")
	}
	return nil
}

// contacts reads who is told in a chat.
func contacts(p config.People) engine.Contacts {
	out := engine.Contacts{Answers: chat.MemberID(p.Answers), Receives: chat.MemberID(p.Receives), Delegates: map[chat.MemberID]chat.MemberID{}}
	for _, m := range p.Outsiders {
		out.Outsiders = append(out.Outsiders, chat.MemberID(m))
	}
	for of, to := range p.Delegates {
		out.Delegates[chat.MemberID(of)] = chat.MemberID(to)
	}
	return out
}

// officers reads who is told whatever the chat.
func officers(p config.Prompts) engine.Officers {
	member := func(s string) hold.Member {
		account, id, _ := config.Member(s)
		return hold.Member{Account: account, ID: id}
	}
	return engine.Officers{
		Answers: member(p.Answers), Governance: member(p.Governance), Security: member(p.Security),
		RecordsTeam: member(p.RecordsTeam), HeadOfUnit: member(p.HeadOfUnit),
	}
}

// staff reads where people come from; nil where no file is named.
func staff(f *config.File) (*app.Directory, error) {
	d := f.Directory
	if d.File == "" {
		return nil, nil
	}
	zone, err := time.LoadLocation(cmp.Or(d.Zone, f.TimeZone, "Europe/London"))
	if err != nil {
		return nil, err
	}
	out := &app.Directory{File: d.File, Mapping: mapping(d.Mapping), Rules: directory.DefaultRules(zone), Protected: map[directory.PersonID]string{}}
	if d.Mapping.Dates != "" && !slices.Contains(csv.Forms(), d.Mapping.Dates) {
		return nil, fmt.Errorf("directory.mapping.dates %q: choose one of %s", d.Mapping.Dates, strings.Join(csv.Forms(), ", "))
	}
	out.Rules.Approve = d.Approve
	for _, l := range []struct {
		text string
		into *time.Duration
	}{{d.Ahead, &out.Rules.Ahead}, {d.Grace, &out.Rules.Grace}, {d.StaleAfter, &out.Rules.StaleAfter}} {
		length, ok := config.Length(l.text, *l.into)
		if !ok {
			return nil, fmt.Errorf("directory: %q is no length of time", l.text)
		}
		*l.into = length
	}
	for id, why := range d.Protected {
		out.Protected[directory.Key(id)] = why
	}
	return out, nil
}

func mapping(m config.Mapping) csv.Mapping {
	return csv.Mapping{
		ID: m.ID, Name: m.Name, Phones: m.Phones, Emails: m.Emails, Role: m.Role, Unit: m.Unit, Started: m.Started,
		Device: m.Device, Language: m.Language, Leaves: m.Leaves, Dismissed: m.Dismissed, Dates: m.Dates, Country: m.Country, Separator: m.Separator,
	}
}

// signIn reads who may use the console.
func signIn(f *config.File) (app.SignIn, error) {
	s := app.SignIn{Required: f.SignIn.Required}
	var err error
	if f.Address != "" {
		if s.Address, err = config.PublicAddress(f.Address); err != nil {
			return s, err
		}
	}
	for _, p := range f.SignIn.Proxies {
		n, err := config.Network(p)
		if err != nil {
			return s, err
		}
		s.Proxies = append(s.Proxies, n)
	}
	if o := f.SignIn.OIDC; o.Set() {
		s.Secret = o.ClientSecret
		s.Provider = &console.Provider{
			Label: o.Label, Issuer: o.Issuer, ClientID: o.ClientID, Claim: o.Claim, Roles: o.Roles.ByValue(), Scopes: o.Scopes,
		}
	}
	return s, nil
}

// digests gives a digest of each part of a configuration that says what the bot
// may do, so that every change of one is in the log of proof.
func digests(f *config.File) (map[string]string, error) {
	out := map[string]string{}
	for part, v := range map[string]any{
		"chats": f.Chats, "policies": f.Policies, "rules": f.Rules, "records": f.Records, "bots": f.Bots, "directory": f.Directory, "readers": f.Readers, "exceptions": f.Exceptions, "prompts": f.Prompts,
		"sign-in": []any{f.SignIn, f.Address}, "contact": f.Contact, "files": f.Files, "words": []any{f.Organisation, f.Guidance, f.Languages},
	} {
		b, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(b)
		out[part] = "sha256:" + hex.EncodeToString(sum[:16])
	}
	return out, nil
}
