package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"chaperone/config"
	"chaperone/internal/app"
	"chaperone/internal/store"
)

// stopWithin is how long an orderly stop may take.
const stopWithin = 10 * time.Second

// maker makes an app; app.New does.
type maker func(context.Context, app.Config) (*app.App, error)

// place is where a run keeps its things, as flags say; empty is not said.
type place struct{ config, data, database, key, listen string }

func (p *place) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&p.config, "config", "", "configuration file (chaperone.yaml, where there is one)")
	f.StringVar(&p.data, "data", "", "folder that state lives in; made where it is not there")
	p.databaseFlag(cmd)
	f.StringVar(&p.key, "key-file", "", "file with the key that seals the data folder (the folder's name with .key)")
	f.StringVar(&p.listen, "listen", "", "address of the console, host:port; port 0 takes any free one")
}

func (p *place) databaseFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.database, "database", "", "where the address of a PostgreSQL database is: env:NAME or file:PATH (the rows live in a file in the data folder)")
}

func demoCommand(make maker) *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Try Chaperone on the practice chat, with invented people",
		Long: `Starts Chaperone with an encrypted database and the practice chat, a team chat
and an emergency chat with invented members, and prints one address. Nothing
leaves this machine.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.load(false)
			if err != nil {
				return exitError{exitConfig, err}
			}
			c.Practice, c.NewRoomsAct, c.Demo = true, true, true
			setDefault(&c.Data, "chaperone-demo")
			setDefault(&c.Listen, "127.0.0.1:8420")
			setDefault(&c.Organisation, "Calderwick Borough Council (invented)")
			setDefault(&c.Ask, "Morag Sinclair, 01632 960120")
			return serve(cmd, make, c)
		},
	}
	p.flags(cmd)
	return cmd
}

func runCommand(make maker) *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run Chaperone as the configuration says",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.load(true)
			if err != nil {
				return exitError{exitConfig, err}
			}
			setDefault(&c.Data, "chaperone-data")
			setDefault(&c.Listen, "127.0.0.1:8420")
			return serve(cmd, make, c)
		},
	}
	p.flags(cmd)
	return cmd
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

// load reads the configuration; flags win. Without a file that was asked for
// by name, or that the command needs, it is an error.
func (p *place) load(needed bool) (app.Config, error) {
	name := p.config
	if name == "" {
		name = config.DefaultName
	}
	var c app.Config
	f, err := config.Load(name)
	switch {
	case err == nil:
		if c, err = fromFile(f); err == nil && needed {
			err = joinsOne(c)
		}
		if err != nil {
			return c, err
		}
	case errors.Is(err, fs.ErrNotExist) && p.config == "" && !needed:
	case errors.Is(err, fs.ErrNotExist):
		return c, fmt.Errorf("there is no configuration %s. Write one with: chaperone init", name)
	default:
		return c, err
	}
	for _, o := range []struct {
		flag string
		into *string
	}{{p.data, &c.Data}, {p.database, &c.Database}, {p.key, &c.KeyFile}, {p.listen, &c.Listen}} {
		if o.flag != "" {
			*o.into = o.flag
		}
	}
	return c, nil
}

// memoryOfRun is where the collector begins to save: what a directory of a million
// people takes, which is the most that this program holds at once.
const memoryOfRun = 400 << 20

// serve runs an app until it is told to stop.
func serve(cmd *cobra.Command, make maker, c app.Config) error {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 { // GOMEMLIMIT is not set
		debug.SetMemoryLimit(memoryOfRun)
	}
	setDefault(&c.KeyFile, c.Data+".key")
	setDefault(&c.Records, c.Data+"-records")
	log, err := logger(cmd)
	if err != nil {
		return exitError{exitConfig, err}
	}
	c.Log = log
	ctx := cmd.Context()
	a, err := make(ctx, c)
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return errors.Join(err, stop(a))
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Chaperone is here: %s\n", a.URL())
	if err := invite(ctx, cmd.OutOrStdout(), a); err != nil {
		return errors.Join(err, stop(a))
	}
	select {
	case <-ctx.Done():
		return stop(a)
	case <-a.Ousted():
		return errors.Join(store.ErrInUse, stop(a))
	}
}

// invite prints the link that makes the first account, where nobody can sign in
// yet.
func invite(ctx context.Context, out io.Writer, a *app.App) error {
	link, err := a.FirstLink(ctx)
	if err != nil || link == "" {
		return err
	}
	_, err = fmt.Fprintf(out, "Nobody can sign in yet. This link works once, for an hour, and makes the first account, an administrator:\n\n  %s\n\n"+
		"Let others in with: chaperone signin link --role information-governance --name \"Their Name\" --by \"Your Name\"\n", link)
	return err
}

func stop(a *app.App) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	return a.Stop(ctx)
}

// logger writes to standard error, as the flags say.
func logger(cmd *cobra.Command) (*slog.Logger, error) {
	format, _ := cmd.Flags().GetString("log-format")
	name, _ := cmd.Flags().GetString("log-level")
	var level slog.Level
	if err := level.UnmarshalText([]byte(name)); err != nil {
		return nil, fmt.Errorf("--log-level %q: use debug, info, warn or error", name)
	}
	o := &slog.HandlerOptions{Level: level}
	var out io.Writer = cmd.ErrOrStderr()
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(out, o)), nil
	case "text":
		return slog.New(slog.NewTextHandler(out, o)), nil
	}
	return nil, fmt.Errorf("--log-format %q: use text or json", format)
}
