package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
	"chaperone/internal/store"
)

// advice is what doctor found about one thing.
type advice struct {
	level string // ok, caution, serious
	what  string
	fix   string
}

var marks = map[string]string{"ok": "✓", "caution": "▲", "serious": "◆"}

// doctorCommand looks at everything that a run needs and says how to mend what
// is not well. It changes nothing.
func doctorCommand() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at everything a run needs, and say how to mend it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := p.examine()
			worst := 0
			for _, a := range all {
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", marks[a.level], a.what)
				if a.fix != "" {
					fmt.Fprintf(cmd.OutOrStdout(), "    %s\n", a.fix)
				}
				if a.level == "serious" {
					worst = 1
				}
			}
			if worst > 0 {
				return exitError{code: 1}
			}
			return nil
		},
	}
	p.flags(cmd)
	return cmd
}

func (p *place) examine() []advice {
	c, err := p.load(true)
	if err != nil {
		return []advice{{"serious", err.Error(), ""}}
	}
	setDefault(&c.Data, "chaperone-data")
	setDefault(&c.Listen, "127.0.0.1:8420")
	setDefault(&c.KeyFile, c.Data+".key")
	setDefault(&c.Records, c.Data+"-records")
	out := []advice{{level: "ok", what: "The configuration is sound."}}
	if err := app.Check(c); err != nil {
		out = append(out, advice{"serious", err.Error(), "Run chaperone rules test to see which rule it is."})
	}
	return append(out, examineClock(), examineKey(c), examineData(c), examineDatabase(c), examineFolder("records", c.Records), examinePort(c.Listen), examineAsk(c), examinePolicies(c, time.Now()))
}

func examineClock() advice {
	if y := time.Now().Year(); y < 2026 {
		return advice{"serious", fmt.Sprintf("This machine's clock says %d.", y), "Set it: what is due depends on it."}
	}
	return advice{level: "ok", what: "The clock says " + time.Now().Format("Monday 2 January 2006, 15:04") + "."}
}

func examineKey(c app.Config) advice {
	info, err := os.Stat(c.KeyFile)
	_, dataErr := os.Stat(filepath.Join(c.Data, "identity.json"))
	switch {
	case errors.Is(err, fs.ErrNotExist) && dataErr == nil:
		return advice{"serious", "The key file " + c.KeyFile + " is missing.", "Put it back: without it the data folder cannot be opened."}
	case errors.Is(err, fs.ErrNotExist):
		return advice{level: "ok", what: "There is no key yet: the first run makes " + c.KeyFile + "."}
	case err != nil:
		return advice{"serious", "The key file cannot be looked at: " + err.Error(), ""}
	case info.Mode().Perm()&0o077 != 0:
		return advice{"caution", "The key file " + c.KeyFile + " can be read by others.", "chmod 600 " + c.KeyFile}
	}
	return advice{level: "ok", what: "The key file is there and only its owner can read it."}
}

func examineData(c app.Config) advice {
	info, err := os.Stat(c.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return advice{level: "ok", what: "There is no data folder yet: the first run makes " + c.Data + "."}
	} else if err != nil || !info.IsDir() {
		return advice{"serious", c.Data + " is not a folder that can be used.", "Name another with data, or --data."}
	}
	if info.Mode().Perm()&0o077 != 0 {
		return advice{"caution", "The data folder " + c.Data + " can be read by others.", "chmod 700 " + c.Data}
	}
	return examineFolder("data", c.Data)
}

// examineDatabase looks at the server that the rows live on.
func examineDatabase(c app.Config) advice {
	const write = "The address is a PostgreSQL one: postgres://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full"
	if c.Database == "" {
		return advice{level: "ok", what: "The rows live in an encrypted file in the data folder."}
	}
	address, err := c.Address()
	if err != nil {
		return advice{"serious", err.Error(), write}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	found, err := store.Look(ctx, address)
	if err != nil {
		return advice{"serious", "No database: " + err.Error(), write}
	}
	if !found.Encrypted {
		return advice{"caution", "The rows live in " + found.Where + ", and travel there in the clear.", "Add sslmode=verify-full to its address: chats and members can be read on the way, and only texts are sealed."}
	}
	return advice{level: "ok", what: "The rows live in " + found.Where + "."}
}

// examineFolder tries to write where a run would.
func examineFolder(what, dir string) advice {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at) {
			continue
		}
		f, err := os.CreateTemp(at, ".chaperone-doctor-*")
		if err != nil {
			return advice{"serious", fmt.Sprintf("The %s folder %s cannot be written to.", what, dir), "Give the account that runs Chaperone the right to, or name another folder."}
		}
		f.Close()
		if err := os.Remove(f.Name()); err != nil {
			return advice{"caution", "A trial file could not be removed: " + f.Name(), ""}
		}
		return examineSpace(at, fmt.Sprintf("The %s folder %s", what, dir))
	}
}

// Below these an administrator should know, or a run would soon stop.
const (
	littleSpace = 1 << 30
	noSpace     = 100 << 20
)

// examineSpace looks at what is free where a folder is, or will be.
func examineSpace(at, folder string) advice {
	free, err := freeSpace(at)
	switch {
	case err != nil: // this system does not say
		return advice{level: "ok", what: folder + " can be written to."}
	case free < noSpace:
		return advice{"serious", fmt.Sprintf("%s has %d MB free.", folder, free>>20), "Make room, or name another folder: with none left no message is taken in."}
	case free < littleSpace:
		return advice{"caution", fmt.Sprintf("%s has %d MB free.", folder, free>>20), "Make room soon."}
	}
	return advice{level: "ok", what: fmt.Sprintf("%s can be written to and has %d GB free.", folder, free>>30)}
}

func examinePort(addr string) advice {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return advice{"caution", "The console's address " + addr + " is taken or cannot be used.", "Stop what uses it (it may be Chaperone itself), or choose another with listen."}
	}
	l.Close()
	host, _, _ := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return advice{"serious", "The console would be open to other machines at " + addr + ", without sign-in.", "Set listen to 127.0.0.1 and a port."}
	}
	return advice{level: "ok", what: "The console's address " + addr + " is free."}
}

func examineAsk(c app.Config) advice {
	if c.Ask == "" {
		return advice{"caution", "No named person answers for the bot.", "Set contact.name and contact.how: nothing can be switched on without."}
	}
	return advice{level: "ok", what: "A named person answers."}
}
