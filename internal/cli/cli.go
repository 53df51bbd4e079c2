// Package cli is the command line: one file for each sub-command. It turns
// flags into calls and results into words and exit codes.
//
// It must not decide anything and never talks to a platform.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
	"chaperone/internal/document"
	"chaperone/internal/store"
)

// Exit codes of run and demo (DESIGN section 6). Other commands use 0, 1 and 2
// as their help says.
const (
	exitConfig = 2 // the configuration or the command line is at fault
	exitInUse  = 3 // another process has the data folder
	exitData   = 4 // the data folder is damaged, foreign, or its key is wrong
)

// exitError ends the program with a code of its own. With no err nothing more
// is said: the command has said it.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

// Main runs the command line and returns the exit code.
func Main(args []string, in io.Reader, out, errs io.Writer) int {
	if len(args) == 1 && args[0] == readPDF {
		return document.ReadPDF(in, out)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ignoreFileLimit()
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	code, silent := exitCode(err)
	if !silent {
		fmt.Fprintln(errs, "chaperone:", err)
	}
	return code
}

// exitCode tells how an error ends the program, and whether it has been said.
func exitCode(err error) (code int, silent bool) {
	var e exitError
	switch {
	case errors.As(err, &e):
		return e.code, e.err == nil
	case errors.Is(err, store.ErrInUse):
		return exitInUse, false
	case errors.Is(err, store.ErrDamaged), errors.Is(err, store.ErrForeign),
		errors.Is(err, store.ErrWrongKey), errors.Is(err, store.ErrNoKey):
		return exitData, false
	}
	return exitConfig, false
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "chaperone",
		Short: "A compliance bot for group chats",
		Long: `Chaperone joins team chats and emergency-response groups, finds personal data,
protective markings and decisions, and asks the sender privately to keep what
must be kept and to delete what must not be there.

Try it: chaperone demo`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().String("log-format", "text", "how the log is written: text or json, one object a line")
	root.PersistentFlags().String("log-level", "info", "how much is logged: debug, info, warn or error")
	root.AddCommand(
		demoCommand(app.New), runCommand(app.New), initCommand(), checkCommand(), doctorCommand(), explainCommand(),
		scanCommand(), rulesCommand(), policyCommand(), chatsCommand(), assuranceCommand(), holdCommand(), requestCommand(), retentionCommand(), membersCommand(), leaversCommand(), clockCommand(), auditCommand(), suppressionsCommand(), breachCommand(), promptsCommand(), signInCommand(), linkCommand(), versionCommand(),
	)
	return root
}
