// Package config is the configuration that people write: one YAML file, read
// strictly, with every fault reported at once and by its line; and the policies
// and texts that come with the product.
//
// It must not open anything that the file names, and never holds a secret: the
// file names where a secret is (env:NAME or file:PATH).
package config

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"chaperone/internal/chat"
	"chaperone/internal/retention"
)

// DefaultName is the file that is read where none is named.
const DefaultName = "chaperone.yaml"

// File is the configuration. The zero value of each field is the quiet one.
type File struct {
	Organisation string              `yaml:"organisation" json:"organisation,omitempty" jsonschema_description:"Who runs the bot, as the notice in each chat says."`
	Guidance     string              `yaml:"guidance" json:"guidance,omitempty" jsonschema_description:"Where people read the organisation's policy on chats, as every notice says. Link there to the government guidance that it rests on."`
	SpeakUp      string              `yaml:"speak_up" json:"speak_up,omitempty" jsonschema_description:"How to report wrongdoing without going through a line manager: who, and how to reach them. Notices and help say it."`
	Languages    []string            `yaml:"languages" json:"languages,omitempty" jsonschema:"enum=cy,enum=gd,enum=en" jsonschema_description:"What posts to chats are written in: cy, gd, en. Several go into one post, Welsh first. None is English."`
	Contact      Contact             `yaml:"contact" json:"contact,omitempty" jsonschema_description:"The named person who answers, day and night."`
	Listen       string              `yaml:"listen" json:"listen,omitempty" jsonschema_description:"Address of the console, host:port. Loopback, unless address is set."`
	Address      string              `yaml:"address" json:"address,omitempty" jsonschema_description:"Where people find the console, such as https://chaperone.example.gov.uk. A reverse proxy there passes requests on."`
	SignIn       SignIn              `yaml:"sign_in" json:"sign_in,omitempty" jsonschema_description:"Who may use the console. Needed wherever it is not on this machine alone."`
	Data         string              `yaml:"data" json:"data,omitempty" jsonschema_description:"Folder that state lives in."`
	Database     string              `yaml:"database" json:"database,omitempty" jsonschema_description:"Where the address of a PostgreSQL database is, env:NAME or file:PATH. Without one the rows live in an encrypted file in the data folder."`
	KeyFile      string              `yaml:"key_file" json:"key_file,omitempty" jsonschema_description:"File with the key that seals the data folder. Keep it elsewhere than the backups."`
	TimeZone     string              `yaml:"time_zone" json:"time_zone,omitempty" jsonschema_description:"In which times of day are told, such as Europe/London."`
	Records      Records             `yaml:"records" json:"records,omitempty" jsonschema_description:"Where captures are filed."`
	Rules        Rules               `yaml:"rules" json:"rules,omitempty" jsonschema_description:"The organisation's own rules."`
	Policies     []string            `yaml:"policies" json:"policies,omitempty" jsonschema_description:"Policy packs that are adopted, by id or by the name of a YAML file. None named adopts council and emergency."`
	Readers      Readers             `yaml:"readers" json:"readers,omitempty" jsonschema_description:"Who reads the chats, from which organisations, on which devices: what the conditions of policies are about."`
	Exceptions   []Exception         `yaml:"exceptions" json:"exceptions,omitempty" jsonschema_description:"Dated permissions to do otherwise than a pack says. They end themselves."`
	Files        FileReading         `yaml:"files" json:"files,omitempty" jsonschema_description:"How the files are read that people post. They are read in memory and dropped; what was not read is listed as a gap."`
	Bots         Bots                `yaml:"bots" json:"bots,omitempty" jsonschema_description:"The platforms that the bot joins."`
	Retention    []retention.Written `yaml:"retention" json:"retention,omitempty" jsonschema_description:"How long messages stay in chats, and what happens then."`
	OwnData      map[string]string   `yaml:"own_data" json:"own_data,omitempty" jsonschema_description:"How long the product's own data stay, such as findings: 90 days; of findings, prompts, set-aside, arrivals, people and judgements."`
	Prompts      Prompts             `yaml:"prompts" json:"prompts,omitempty" jsonschema_description:"When people may be asked, and who is told because of it."`
	Directory    Directory           `yaml:"directory" json:"directory,omitempty" jsonschema_description:"The staff directory: who the members are, and who leaves."`
	Chats        []Chat              `yaml:"chats" json:"chats,omitempty" jsonschema_description:"Chats that are more than watched, or of a kind that their platform does not say."`
}

// Contact is a person whom staff can ask.
type Contact struct {
	Name string `yaml:"name" json:"name,omitempty" jsonschema_description:"Their name."`
	How  string `yaml:"how" json:"how,omitempty" jsonschema_description:"How to reach them, day and night."`
}

// Records says where captures are filed.
type Records struct {
	Folder string `yaml:"folder" json:"folder,omitempty" jsonschema_description:"A folder on a disk or file share, outside the data folder."`
}

// Rules says where the organisation's own rules are.
type Rules struct {
	Directory string `yaml:"directory" json:"directory,omitempty" jsonschema_description:"Folder of YAML files that add to, override or switch off the built-in rules."`
}

// Bots holds each platform's settings.
type Bots struct {
	WhatsApp WhatsApp `yaml:"whatsapp" json:"whatsapp,omitempty" jsonschema_description:"A number of the bot's own on WhatsApp."`
	Practice Practice `yaml:"practice" json:"practice,omitempty" jsonschema_description:"The built-in practice chat."`
	Discord  Discord  `yaml:"discord" json:"discord,omitempty" jsonschema_description:"A Discord application."`
	Slack    Slack    `yaml:"slack" json:"slack,omitempty" jsonschema_description:"A Slack workspace."`
}

// Practice is the built-in platform.
type Practice struct {
	Enabled  bool `yaml:"enabled" json:"enabled,omitempty" jsonschema_description:"Serve the practice chat at /practice/."`
	NewRooms Mode `yaml:"new_rooms" json:"new_rooms,omitempty" jsonschema:"enum=watch,enum=act" jsonschema_description:"What the bot does in rooms that are not listed under chats."`
}

// Mode says whether the bot acts in a chat, or only watches and counts.
type Mode string

// The modes; empty is Watch.
const (
	Watch Mode = "watch"
	Act   Mode = "act"
)

// Chat is one chat.
type Chat struct {
	ID             string    `yaml:"id" json:"id" jsonschema:"required" jsonschema_description:"account/chat, such as practice/flood-north."`
	Kind           chat.Kind `yaml:"kind" json:"kind,omitempty" jsonschema:"enum=team,enum=emergency,enum=partner,enum=public,enum=private" jsonschema_description:"What the chat is for. private: out of scope, such as a club."`
	Mode           Mode      `yaml:"mode" json:"mode,omitempty" jsonschema:"enum=watch,enum=act" jsonschema_description:"watch: decide and count. act: ask people."`
	Administrators []string  `yaml:"administrators" json:"administrators,omitempty" jsonschema_description:"Two named officers at least."`
	Audience       string    `yaml:"audience" json:"audience,omitempty" jsonschema:"enum=internal,enum=partner,enum=customer,enum=public" jsonschema_description:"What members of whom nothing is known count as. Empty: unknown, which is the public."`
	Answers        string    `yaml:"answers" json:"answers,omitempty" jsonschema_description:"The named person who answers for this chat, day and night."`
	People         People    `yaml:"people" json:"people,omitempty" jsonschema_description:"Who is told, or asked in the place of another."`
	Incident       bool      `yaml:"incident" json:"incident,omitempty" jsonschema_description:"An incident is declared: people are asked less often."`
	Union          bool      `yaml:"union" json:"union,omitempty" jsonschema_description:"A trade union's chat: the bot says so there, and reads nothing."`
	Languages      []string  `yaml:"languages" json:"languages,omitempty" jsonschema:"enum=cy,enum=gd,enum=en" jsonschema_description:"What posts to this chat are written in, where it differs."`
	Assessment     string    `yaml:"assessment" json:"assessment,omitempty" jsonschema_description:"Reference of the data protection impact assessment."`
}

// Name is the chat's account and its id within it.
func (c Chat) Name() chat.ID {
	account, local, _ := strings.Cut(c.ID, "/")
	return chat.ID{Account: chat.Account(account), Local: local}
}

// Fault is one thing that is wrong with a file.
type Fault struct {
	Line int // 0 where it has none
	What string
}

// Faults is everything that is wrong with a file, in the order of its lines.
type Faults struct {
	Name string
	List []Fault
}

func (f *Faults) Error() string {
	lines := []string{fmt.Sprintf("%s has %d fault(s); nothing was started:", f.Name, len(f.List))}
	for _, x := range f.List {
		if x.Line > 0 {
			lines = append(lines, fmt.Sprintf("  line %d: %s", x.Line, x.What))
		} else {
			lines = append(lines, "  "+x.What)
		}
	}
	return strings.Join(lines, "\n")
}

// maxSize bounds a configuration.
const maxSize = 4 << 20

// Load reads a configuration file. Its faults are one *Faults.
func Load(name string) (*File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() || info.Size() > maxSize {
		return nil, &Faults{Name: name, List: []Fault{{What: "this is not a configuration file"}}}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return Read(name, b)
}

// Read reads a configuration; name is only for telling faults.
func Read(name string, b []byte) (*File, error) {
	var f File
	var faults []Fault
	l, err := yaml.NewLoader(bytes.NewReader(b), yaml.WithKnownFields(), yaml.WithUniqueKeys())
	if err != nil {
		return nil, err
	}
	if err := l.Load(&f); err != nil && len(bytes.TrimSpace(b)) > 0 {
		faults = parse(err)
	}
	c := checker{file: &f, lines: lines(b)}
	c.check()
	first := faults // of two faults in a line, the reader's is the cause
	for _, x := range c.faults {
		if !slices.ContainsFunc(first, func(y Fault) bool { return y.Line == x.Line && x.Line > 0 }) {
			faults = append(faults, x)
		}
	}
	if len(faults) == 0 {
		return &f, nil
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return a.Line - b.Line })
	return nil, &Faults{Name: name, List: faults}
}

// parse turns what the YAML reader says into faults.
func parse(err error) []Fault {
	var each *yaml.LoadErrors
	if errors.As(err, &each) {
		var out []Fault
		for _, e := range each.Errors {
			out = append(out, Fault{Line: e.Mark.Line, What: e.Message})
		}
		return out
	}
	var out []Fault
	for _, line := range strings.Split(strings.TrimPrefix(err.Error(), "yaml: "), "\n") {
		x := Fault{What: strings.TrimSpace(line)}
		if _, scanErr := fmt.Sscanf(x.What, "line %d:", &x.Line); scanErr == nil {
			_, x.What, _ = strings.Cut(x.What, ": ")
		}
		if x.What != "" {
			out = append(out, x)
		}
	}
	return out
}

// lines finds the line of each key by its path, such as "chats.0.kind".
func lines(b []byte) map[string]int {
	var root yaml.Node
	out := map[string]int{}
	if yaml.Unmarshal(b, &root) != nil {
		return out
	}
	var walk func(n *yaml.Node, path string, depth int)
	walk = func(n *yaml.Node, path string, depth int) {
		if _, known := out[path]; !known {
			out[path] = n.Line
		}
		if depth > 20 {
			return
		}
		switch n.Kind {
		case yaml.DocumentNode:
			for _, c := range n.Content {
				walk(c, path, depth+1)
			}
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				key := strings.TrimPrefix(path+"."+n.Content[i].Value, ".")
				out[key] = n.Content[i].Line
				walk(n.Content[i+1], key, depth+1)
			}
		case yaml.SequenceNode:
			for i, c := range n.Content {
				walk(c, fmt.Sprintf("%s.%d", path, i), depth+1)
			}
		}
	}
	walk(&root, "", 0)
	return out
}

// checker finds what is wrong beyond names and types.
type checker struct {
	file   *File
	lines  map[string]int
	faults []Fault
}

func (c *checker) fault(path, format string, args ...any) {
	line := c.lines[path]
	for p := path; line == 0 && p != ""; {
		i := strings.LastIndexByte(p, '.')
		if i < 0 {
			break
		}
		p = p[:i]
		line = c.lines[p]
	}
	c.faults = append(c.faults, Fault{Line: line, What: fmt.Sprintf(format, args...)})
}

func (c *checker) check() {
	f := c.file
	if f.Listen != "" {
		if _, port, err := net.SplitHostPort(f.Listen); err != nil || port == "" {
			c.fault("listen", "listen %q: write host:port, such as 127.0.0.1:8420", f.Listen)
		}
	}
	if f.TimeZone != "" {
		if _, err := time.LoadLocation(f.TimeZone); err != nil {
			c.fault("time_zone", "time_zone %q is not known: write one such as Europe/London", f.TimeZone)
		}
	}
	c.signIn()
	if d := f.Database; d != "" && !strings.HasPrefix(d, "env:") && !strings.HasPrefix(d, "file:") {
		c.fault("database", "database: an address holds a password and never stands in this file. Write env:NAME or file:PATH, and change the password")
	}
	c.languages("languages", f.Languages)
	if f.Guidance != "" && !strings.HasPrefix(f.Guidance, "https://") {
		c.fault("guidance", "guidance: write a whole address, such as https://intranet.example.gov.uk/chats")
	}
	c.mode("bots.practice.new_rooms", f.Bots.Practice.NewRooms)
	c.files()
	c.slack()
	c.whatsApp()
	c.discord()
	c.retention()
	c.prompts()
	c.directory()
	c.readers()
	seen := map[string]bool{}
	for i, ch := range f.Chats {
		c.chat(fmt.Sprintf("chats.%d", i), ch, seen)
	}
}

func (c *checker) retention() {
	seen := map[string]bool{}
	for i, w := range c.file.Retention {
		path := fmt.Sprintf("retention.%d", i)
		_, wrong := w.Schedule()
		for _, say := range wrong {
			c.fault(path, "retention schedule %q: %s", w.ID, say)
		}
		if w.ID != "" && seen[w.ID] {
			c.fault(path, "retention schedule %q is listed twice", w.ID)
		}
		seen[w.ID] = true
	}
	_, wrong := retention.ReadOwn(c.file.OwnData)
	for _, say := range wrong {
		c.fault("own_data", "own_data: %s", say)
	}
}

func (c *checker) mode(path string, m Mode) {
	if m != "" && m != Watch && m != Act {
		c.fault(path, "%q is no mode: write watch or act", m)
	}
}

// languages checks what posts are written in.
func (c *checker) languages(path string, all []string) {
	for _, lang := range all {
		if lang != "cy" && lang != "gd" && lang != "en" {
			c.fault(path, "%q is no language that people are written to in: write cy, gd or en", lang)
		}
	}
}

// chat checks one chat. Acting needs people who stand for it (DESIGN invariant 8).
func (c *checker) chat(path string, ch Chat, seen map[string]bool) {
	account, local, ok := strings.Cut(ch.ID, "/")
	if !ok || account == "" || local == "" {
		c.fault(path+".id", "id %q: write account/chat, such as practice/flood-north", ch.ID)
	}
	if seen[ch.ID] {
		c.fault(path+".id", "%q is listed twice", ch.ID)
	}
	seen[ch.ID] = true
	if ch.Kind != "" && !ch.Kind.Valid() {
		c.fault(path+".kind", "%q is no kind of chat: write team, emergency, partner, public or private", ch.Kind)
	}
	if a := ch.Audience; a != "" && a != "internal" && a != "partner" && a != "customer" && a != "public" {
		c.fault(path+".audience", "%q is no audience: write internal, partner, customer or public", a)
	}
	c.mode(path+".mode", ch.Mode)
	c.languages(path+".languages", ch.Languages)
	if ch.Union && ch.Mode == Act {
		c.fault(path+".mode", "a trade union's chat is never read, so nothing is done there: take mode out")
		return
	}
	if ch.Mode != Act {
		return
	}
	if ch.Answers == "" && c.file.Contact.Name == "" {
		c.fault(path+".mode", "mode act needs a named person who answers, day and night: add answers here, or contact")
	}
	if ch.Assessment == "" {
		c.fault(path+".mode", "mode act needs the reference of an assessment: add assessment")
	}
	if len(ch.Administrators) < 2 {
		c.fault(path+".mode", "mode act needs two named administrators at least")
	}
}
