package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"chaperone/internal/access"
	"chaperone/internal/control"
)

// matrixRow is a command of the matrix.
type matrixRow struct {
	call string
	args []string
}

// commandRows reads the commands of the matrix, and the names of its calls.
func commandRows(t *testing.T) (rows []matrixRow, calls []string) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "access", "testdata", "matrix.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		switch words := strings.Fields(s.Text()); {
		case len(words) > 2 && words[0] == "command":
			rows = append(rows, matrixRow{words[1], words[2:]})
		case len(words) > 2 && words[0] == "call":
			calls = append(calls, words[2])
		}
	}
	return rows, calls
}

// TestEveryCommandMakesTheCallOfItsRow gives every command to a socket that
// only writes down what is asked for: none has a way of its own to what a
// folder holds.
func TestEveryCommandMakesTheCallOfItsRow(t *testing.T) {
	rows, calls := commandRows(t)
	dir := t.TempDir()
	s, err := control.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var asked []string
	table := control.Table{}
	for _, name := range calls {
		table[name] = control.Call{Needs: access.See, Do: func(context.Context, string, json.RawMessage) (any, error) {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, name)
			return nil, errors.New("written down")
		}}
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx, table) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	seen := map[string]bool{}
	for _, r := range rows {
		root := rootCommand()
		cmd, _, err := root.Find(r.args)
		if err != nil || !cmd.Runnable() {
			t.Errorf("the matrix has a command %q that there is not (%v)", strings.Join(r.args, " "), err)
			continue
		}
		seen[cmd.CommandPath()] = true
		if r.call == "-" {
			if cmd.Flags().Lookup("by") != nil {
				t.Errorf("%s asks who you are, and its row says that it makes no call", cmd.CommandPath())
			}
			continue
		}
		asked = nil
		root.SetArgs(append(slices.Clone(r.args), "--data", dir))
		root.SetOut(io.Discard)
		root.SetErr(io.Discard)
		within, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		err = root.ExecuteContext(within)
		cancel()
		if err == nil || !strings.HasSuffix(err.Error(), "written down") || !slices.Equal(asked, []string{r.call}) {
			t.Errorf("%s asks for %v (%v), and its row says %s", strings.Join(r.args, " "), asked, err, r.call)
		}
	}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Runnable() && !seen[c.CommandPath()] && c.Name() != "help" && c.Name() != "completion" {
			t.Errorf("the command %q has no row in internal/access/testdata/matrix.txt: say which call it makes", c.CommandPath())
		}
		for _, below := range c.Commands() {
			walk(below)
		}
	}
	walk(rootCommand())
}
