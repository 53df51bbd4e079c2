package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"text/template"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"chaperone/config"
)

// replies are the answers to the questions of init.
type replies struct {
	Organisation, Name, How, Records, Data string
}

// initCommand writes a working configuration after at most five questions.
func initCommand() *cobra.Command {
	var r replies
	var name string
	var force bool
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a configuration after at most five questions",
		Long: `Asks at most five questions and writes a working, commented configuration. A
question whose answer is given as a flag is not asked. Without a terminal the
defaults stand for answers that are not given.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := os.Stat(name); err == nil && !force {
				return fmt.Errorf("%s is there already and was left as it is. To write over it: chaperone init --force", name)
			} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if err := r.ask(cmd); err != nil {
				return err
			}
			return r.write(cmd.OutOrStdout(), name)
		},
	}
	f := cmd.Flags()
	f.StringVar(&name, "config", config.DefaultName, "the `FILE` to write")
	f.BoolVar(&force, "force", false, "write over a file that is there")
	f.StringVar(&r.Organisation, "organisation", "", "who runs the bot")
	f.StringVar(&r.Name, "contact", "", "the named person who answers")
	f.StringVar(&r.How, "how", "", "how to reach them, day and night")
	f.StringVar(&r.Records, "records", "", "folder that captures are filed in")
	f.StringVar(&r.Data, "data", "", "folder that state lives in")
	cmd.AddCommand(initSlackCommand(), initDiscordCommand())
	return cmd
}

func (r *replies) ask(cmd *cobra.Command) error {
	in := bufio.NewReader(cmd.InOrStdin())
	talk := terminal(cmd.InOrStdin())
	for _, q := range []struct {
		flag, question, value string
		into                  *string
	}{
		{"organisation", "Which organisation runs the bot?", "My organisation", &r.Organisation},
		{"contact", "Who answers questions about it, by name?", "", &r.Name},
		{"how", "How are they reached, day and night?", "", &r.How},
		{"records", "In which folder are records filed?", "chaperone-records", &r.Records},
		{"data", "In which folder does state live?", "chaperone-data", &r.Data},
	} {
		if cmd.Flags().Changed(q.flag) {
			continue
		}
		*q.into = q.value
		if !talk {
			continue
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s [%s] ", q.question, q.value)
		line, err := in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if line = strings.TrimSpace(line); line != "" {
			*q.into = line
		}
	}
	return nil
}

var configText = template.Must(template.New("config").Funcs(template.FuncMap{"quote": quote}).Parse(`# Chaperone's configuration, written by "chaperone init".
# Check it after a change with: chaperone check

# Who runs the bot. The notice in each chat says so.
organisation: {{quote .Organisation}}

# The named person who answers, day and night. Nothing can be switched on
# without one.
contact:
  name: {{quote .Name}}
  how: {{quote .How}}

# Where the console is. It stays on this machine until it has an address.
listen: 127.0.0.1:8420

# Everybody signs in: the first start prints a link. Without this the console is
# read and nothing can be done there.
sign_in:
  required: true

# The folder that state lives in, and the key that seals it. Without the key
# the data cannot be opened: keep a copy of it elsewhere.
data: {{quote .Data}}
key_file: {{quote (print .Data ".key")}}

time_zone: Europe/London

# Where captures are filed.
records:
  folder: {{quote .Records}}

# The policy packs that you adopt.
policies: [council]

bots:
  # The built-in chat, for training and rehearsal. It sends nothing anywhere.
  practice:
    enabled: true
    new_rooms: watch # watch: decide and count. act: ask people.

# A chat is watched until it is switched on here. For example:
# chats:
#   - id: practice/flood-north
#     kind: emergency
#     mode: act
#     administrators: [two, named officers]
#     assessment: reference of your data protection impact assessment
`))

// quote writes a YAML scalar that reads back as the same text.
func quote(s string) string {
	return fmt.Sprintf("%q", strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s))
}

func (r *replies) write(out io.Writer, name string) error {
	var b strings.Builder
	if err := configText.Execute(&b, r); err != nil {
		return err
	}
	if _, err := config.Read(name, []byte(b.String())); err != nil {
		return err
	}
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "Wrote %s. Next: chaperone check, then chaperone run\n", name)
	return err
}

// terminal reports whether a stream is a terminal that a person sits at.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}
