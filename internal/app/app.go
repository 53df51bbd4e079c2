// Package app joins everything: it is the only place where a bot, the engine,
// the store, a record system and the console meet.
//
// It wires and starts and stops; it must not decide anything.
package app

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones are known on a machine without them too

	"chaperone/bots"
	"chaperone/bots/discord"
	"chaperone/bots/practice"
	"chaperone/bots/slack"
	"chaperone/bots/whatsapp"
	"chaperone/config"
	"chaperone/internal/chat"
	"chaperone/internal/console"
	"chaperone/internal/control"
	"chaperone/internal/detect"
	"chaperone/internal/engine"
	"chaperone/internal/prompt"
	"chaperone/internal/record/folder"
	"chaperone/internal/retention"
	"chaperone/internal/store"
)

// Config is everything an App is made from, with all defaults filled in.
type Config struct {
	Data         string // the folder that state lives in
	Database     string // where the address of a PostgreSQL database is, env:NAME or file:PATH; empty: a file in Data
	KeyFile      string // the key that seals it
	Records      string // the folder that records are filed in
	Listen       string // host:port of the console
	SignIn       SignIn // who may use it
	Organisation string
	Ask          string                     // the named person who answers, and how to reach them
	RulesDir     string                     // the organisation's own rules; may be empty
	Zone         string                     // in which times of day are told; empty is Europe/London
	Policies     []string                   // packs that are adopted, by id or file; none: DefaultPolicies
	Schedules    []retention.Schedule       // how long messages stay in chats
	Own          retention.OwnPeriods       // how long the product's own data stay; none: DefaultOwn
	Settings     map[string]string          // a digest of each further part of the configuration, for the log of proof
	Chats        map[chat.ID]engine.Setting // what the configuration says of single chats
	Pace         *prompt.Pace               // when people may be asked; nil: prompt.DefaultPace, in the demo without quiet hours
	Officers     engine.Officers            // who is told because of prompts
	Directory    *Directory                 // where people come from; nil: nobody is known to leave
	Slack        *Slack                     // the Slack workspace; nil: none
	Discord      *Discord                   // the Discord application; nil: none
	Practice     bool                       // the practice platform is there
	WhatsApp     *WhatsApp                  // the bot's number there; nil: none
	NewRoomsAct  bool                       // practice rooms that the configuration does not name are switched on
	Demo         bool                       // invented rooms and people are there from the start
	Guidance     string                     // the policy that every notice links to
	SpeakUp      string                     // how to report wrongdoing past one's manager
	Languages    []string                   // that posts to chats are written in; none: English
	Files        engine.Files               // how the files are read that people post; zero: none is
	Log          *slog.Logger

	Circumstances engine.Circumstances // whom and what the conditions of policies are about
	PoliciesOf    map[string][]string  // the packs that other organisations adopted for their people
	Consent       string               // where the photo consent form is
}

// App is one running Chaperone.
type App struct {
	c        Config
	store    *store.Store
	engine   *engine.Engine
	records  *folder.Filer
	zone     *time.Location
	console  *console.Console
	door     *console.Door // nil where nobody has to sign in
	control  *control.Server
	practice *practice.Platform
	slack    *slack.Bot
	whatsapp *whatsapp.Bot // nil where it is switched off
	linking  linking
	discord  *discord.Bot
	server   *http.Server
	listener net.Listener
	stop     context.CancelFunc
	stopped  chan struct{}
	now      func() time.Time
	plans    sync.Map // digest of a plan to its counts
	ahead    ahead    // the calendar of disposals
}

// New opens everything that can fail, and starts nothing.
func New(ctx context.Context, c Config) (*App, error) {
	if err := c.reach(); err != nil {
		return nil, err
	}
	a, err := open(ctx, c) // before the address: of two on one folder and address the folder is what matters
	if err != nil {
		return nil, err
	}
	if a.listener, err = net.Listen("tcp", c.Listen); err != nil {
		err = fmt.Errorf("the console's address cannot be used: %w. Choose another with --listen", err)
		return nil, errors.Join(err, a.close())
	}
	if a.control, err = control.Listen(c.Data); err != nil {
		return nil, errors.Join(err, a.close())
	}
	if err := a.letIn(); err != nil {
		return nil, errors.Join(err, a.close())
	}
	pages := console.Options{
		Organisation: c.Organisation, Ask: c.Ask, Store: a.store, Records: a.records, Path: a.engine,
		Zone: a.zone, Now: a.now, Log: c.Log, Door: a.door, Anyone: a.anyone(), Calls: a.calls(), Also: a.practiceRoutes(), Export: a.export,
	}
	if c.Practice {
		pages.Practice = "/practice/"
	}
	if c.Demo {
		pages.Home = pages.Practice
	}
	a.console = console.New(pages)
	a.server = &http.Server{Handler: a.doors(a.console.Handler()), ReadHeaderTimeout: 10 * time.Second}
	return a, nil
}

// open opens everything but the doors to other programs.
func open(ctx context.Context, c Config) (*App, error) {
	if c.Own == nil {
		c.Own = retention.DefaultOwn()
	}
	a := &App{c: c, now: time.Now, stopped: make(chan struct{})}
	packs, viewer, set, err := parts(c)
	if err != nil {
		return nil, err
	}
	a.zone = viewer.Zone
	address, err := c.Address()
	if err != nil {
		return nil, err
	}
	if a.store, err = store.OpenOn(ctx, c.Data, c.KeyFile, address); err != nil {
		return nil, errors.Join(err, a.close())
	}
	a.store.KeepOwn(c.Own)
	if a.records, err = folder.New(c.Records); err != nil {
		return nil, errors.Join(err, a.close())
	}
	accounts, err := a.join(ctx)
	if err != nil {
		return nil, errors.Join(err, a.close())
	}
	people, err := a.directory()
	if err != nil {
		return nil, errors.Join(err, a.close())
	}
	circumstances, err := c.circumstances(packs)
	if err != nil {
		return nil, errors.Join(err, a.close())
	}
	a.engine = engine.New(engine.Options{
		Circumstances: circumstances,
		Store:         a.store, Scanner: set, Packs: packs, Viewer: viewer, Filer: a.records, Bots: accounts,
		Pace: c.pace(viewer.Zone), Officers: c.Officers,
		Schedules: c.Schedules, Own: c.Own, Settings: c.Settings, Directory: people, Setting: a.setting, Words: c.words(), Now: a.now, NewID: newID, Changed: a.changed, Log: c.Log,
		Files: c.Files,
	})
	return a, nil
}

// join makes a bot for each platform that is switched on.
func (a *App) join(ctx context.Context) (accounts []bots.Bot, err error) {
	if a.c.Practice {
		if a.practice, err = practice.Open(filepath.Join(a.c.Data, practiceFile), a.practiceOptions(a.zone)); err != nil {
			return nil, err
		}
		a.now = a.practice.Now
		accounts = append(accounts, a.practice)
	}
	if a.c.WhatsApp != nil {
		if a.whatsapp, err = a.openWhatsApp(ctx); err != nil {
			return nil, err
		}
		accounts = append(accounts, a.whatsapp)
	}
	if a.c.Slack != nil {
		if err := a.joinSlack(); err != nil {
			return nil, err
		}
		accounts = append(accounts, a.slack)
	}
	if a.c.Discord != nil {
		if err := a.joinDiscord(); err != nil {
			return nil, err
		}
		accounts = append(accounts, a.discord)
	}
	return accounts, nil
}

// Address is that of the PostgreSQL database; empty where there is none.
func (c Config) Address() (string, error) {
	if c.Database == "" {
		return "", nil
	}
	address, err := secret(c.Database)
	if err != nil {
		return "", fmt.Errorf("database: %w", err)
	}
	return address, nil
}

// Ousted is closed when another process has taken the database over: this one
// has to stop.
func (a *App) Ousted() <-chan struct{} { return a.store.Ousted() }

// pace is when people may be asked. A demo whose configuration says nothing of
// it asks at any time and every time: whoever tries a fourth message is to see
// what happens.
func (c Config) pace(zone *time.Location) prompt.Pace {
	p := prompt.DefaultPace(zone)
	switch {
	case c.Pace != nil:
		p = *c.Pace
	case c.Demo:
		p = prompt.Pace{}
	}
	p.Zone = zone
	return p
}

// practiceFile stands for a platform's servers; it lies in the data folder
// only so that the demo is one folder.
const practiceFile = "practice.jsonl"

// Start begins to serve and to take everything along the path.
func (a *App) Start(ctx context.Context) error {
	ctx, a.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(a.stopped)
		if err := a.engine.Run(ctx); err != nil {
			a.c.Log.Error("the path stopped", "err", err)
		}
	}()
	if a.c.Demo {
		if err := a.seed(); err != nil {
			return err
		}
	}
	go func() {
		if err := a.control.Serve(ctx, a.calls()); err != nil {
			a.c.Log.Error("commands cannot reach this process any more", "err", err)
		}
	}()
	go func() {
		if err := a.server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			a.c.Log.Error("the console stopped", "err", err)
		}
	}()
	return nil
}

// Addr is where the console is, as host:port.
func (a *App) Addr() string { return a.listener.Addr().String() }

// Stop ends everything in order: streams, requests, the path, the store. What
// was acknowledged is stored; what was not is delivered again.
func (a *App) Stop(ctx context.Context) error {
	if a.practice != nil {
		a.practice.CloseStreams()
	}
	err := a.server.Shutdown(ctx)
	if a.stop != nil {
		a.stop()
		select {
		case <-a.stopped:
		case <-ctx.Done():
			err = errors.Join(err, ctx.Err())
		}
	}
	return errors.Join(err, a.close())
}

func (a *App) close() error {
	var err error
	if a.listener != nil {
		_ = a.listener.Close() // the server may have closed it
	}
	if a.control != nil {
		_ = a.control.Close() // its server may have closed it
	}
	if a.practice != nil {
		err = a.practice.Close()
	}
	if a.whatsapp != nil {
		err = errors.Join(err, a.whatsapp.Close())
	}
	if a.store != nil {
		err = errors.Join(err, a.store.Close())
	}
	return err
}

// setting is what the configuration says of a chat. One that nobody switched
// on is watched (DESIGN invariant 8).
func (a *App) setting(id chat.ID) engine.Setting {
	if set, named := a.c.Chats[id]; named {
		return set
	}
	return engine.Setting{Acting: a.practice != nil && id.Account == a.practice.Account() && a.c.NewRoomsAct}
}

func (a *App) changed(id chat.ID) {
	if a.practice != nil && id.Account == a.practice.Account() {
		a.practice.Touch(id)
	}
}

func texts(c Config) (prompt.Viewer, error) {
	words, err := prompt.ReadWords(func(lang string) (io.ReadCloser, error) { return config.Files.Open("prompts/" + lang + ".yaml") }, prompt.Languages()...)
	if err != nil {
		return prompt.Viewer{}, err
	}
	zone := c.Zone
	if zone == "" {
		zone = "Europe/London"
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return prompt.Viewer{}, fmt.Errorf("time zone %q is not known", zone)
	}
	return prompt.Viewer{Texts: words[prompt.English], Words: words, Ask: c.Ask, Zone: loc, Form: c.Consent}, nil
}

func scanner(dir string) (*detect.Set, error) {
	set, _, err := detect.Load(dir)
	return set, err
}

// words is what the notices in chats say of this configuration.
func (c Config) words() engine.Notice {
	return engine.Notice{Organisation: c.Organisation, Ask: c.Ask, Link: c.Guidance, SpeakUp: c.SpeakUp, Languages: c.Languages}
}

var alphabet = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// newID is a number that is unique, cannot be guessed and begins with its day.
func newID(now time.Time) string {
	var b [10]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err) // the standard library never returns one
	}
	return now.UTC().Format("20060102") + "-" + strings.ToUpper(alphabet.EncodeToString(b[:]))
}
