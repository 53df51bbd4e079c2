// Package storetest lets the tests of a package run on both databases: on
// SQLite as they stand, and once more on PostgreSQL, where there is one.
// A package takes part with two lines: its stores are opened on Database, and
//
//	func TestOnPostgreSQL(t *testing.T) { storetest.OnPostgreSQL(t) }
//
// CHAPERONE_POSTGRES names a server whose user may make databases; without it
// one is started from the programs that the system's package brings, in a
// folder of its own, for as long as the tests run. To run one test there:
// CHAPERONE_ROWS=postgresql go test -run TestName.
//
// It is for tests only, and must not know the store: the store's own tests use
// it.
package storetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// rows says which database the tests of this process run on; empty is SQLite.
const rows = "CHAPERONE_ROWS"

// Database gives the address of the database that belongs to a data folder,
// which is made when it is first asked for and goes with the test. It is empty
// where the rows live in the folder.
func Database(t testing.TB, dir string) string {
	t.Helper()
	if os.Getenv(rows) != "postgresql" {
		return ""
	}
	sum := sha256.Sum256([]byte(dir))
	return named(t, "chaperone_test_"+hex.EncodeToString(sum[:12]))
}

// OnPostgreSQL runs all other tests of the package on PostgreSQL, each as a
// subtest.
func OnPostgreSQL(t *testing.T) {
	if os.Getenv(rows) != "" {
		t.Skip("skipped: the tests are running there")
	}
	address := address(t)
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.skip", "^"+t.Name()+"$")
	if end, ok := t.Deadline(); ok {
		c.Args = append(c.Args, "-test.timeout", (time.Until(end) * 9 / 10).String()) // and so it says where it stands
	}
	c.Env = append(os.Environ(), rows+"=postgresql", "CHAPERONE_POSTGRES="+address)
	out, err := c.CombinedOutput()
	ended := regexp.MustCompile(`(?m)^--- (PASS|FAIL|SKIP): (\S+)`).FindAllSubmatch(out, -1)
	for _, e := range ended {
		t.Run(string(e[2]), func(t *testing.T) {
			switch string(e[1]) {
			case "FAIL":
				t.Fail()
			case "SKIP":
				t.SkipNow()
			}
		})
	}
	if err != nil || len(ended) == 0 {
		t.Errorf("on PostgreSQL (%v):\n%s", err, out)
	}
}

// Postgres gives the address of an empty PostgreSQL database, which goes with
// the test. Without a server the test is skipped.
func Postgres(t testing.TB) string {
	t.Helper()
	if os.Getenv(rows) != "" {
		t.Skip("skipped: this test runs on PostgreSQL anyway")
	}
	return named(t, "chaperone_test_"+strings.ToLower(rand.Text()))
}

// address is where the server is. Without one the test is skipped.
func address(t testing.TB) string {
	t.Helper()
	base, err := server()
	if errors.Is(err, errNone) {
		t.Skip("skipped: " + err.Error())
	} else if err != nil {
		t.Fatal(err)
	}
	return base
}

// named gives the address of one database, made where it is not there yet. It
// is a schema: making a database takes seconds on a busy machine.
func named(t testing.TB, name string) string {
	t.Helper()
	base := address(t)
	var pg *pgconn.PgError
	switch err := run(t, base, "CREATE SCHEMA "+name); {
	case err == nil:
		t.Cleanup(func() { Exec(t, base, "DROP SCHEMA "+name+" CASCADE") })
	case !errors.As(err, &pg) || pg.Code != "42P06": // not because it is there
		t.Fatal(err)
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// Guarded is the user of the started server who needs a password, which it is.
const Guarded = "guarded"

// Exec runs a statement as an administrator would, beside any store.
func Exec(t testing.TB, address, statement string) {
	t.Helper()
	if err := run(t, address, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func run(t testing.TB, address, statement string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, statement)
	return errors.Join(err, c.Close(ctx))
}

// errNone means that there is no PostgreSQL on this machine.
var errNone = errors.New("there is no PostgreSQL here: install the package postgresql, or name a server in CHAPERONE_POSTGRES")

// server is the address of the server, which is started at most once.
var server = sync.OnceValues(func() (string, error) {
	if address := os.Getenv("CHAPERONE_POSTGRES"); address != "" {
		return address, nil
	}
	bin := programs()
	if bin == "" {
		return "", errNone
	}
	return start(bin)
})

// programs finds the folder with initdb and postgres, the newest.
func programs() string {
	found := ""
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin"} {
		dirs, _ := filepath.Glob(pattern)
		for _, dir := range dirs {
			if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
				found = dir
			}
		}
	}
	if found == "" {
		if path, err := exec.LookPath("initdb"); err == nil {
			found = filepath.Dir(path)
		}
	}
	return found
}

// guardian runs the server until the pipe from the tests breaks, however they
// end, and clears up.
const guardian = `"$1/postgres" -D "$2/data" -k "$2" -p 5432 -c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=200 &
cat; kill -QUIT $!; wait; rm -rf "$2"`

// start makes a server in a folder of its own, which can only be reached
// through a socket there, and which does not wait for the disk.
func start(bin string) (string, error) {
	dir, err := os.MkdirTemp("/tmp", "chaperone-postgres-") // the path of a socket is short
	if err != nil {
		return "", err
	}
	as, err := account(dir)
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	if err := initialise(bin, dir, as); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return "", err
	}
	defer log.Close()
	end, alive, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer end.Close()
	c := exec.Command("sh", "-c", guardian, "sh", bin, dir)
	c.Stdin, c.Stdout, c.Stderr = end, log, log
	as(c)
	if err := c.Start(); err != nil {
		return "", err
	}
	address := "postgres://chaperone@/postgres?host=" + url.QueryEscape(dir) + "&port=5432"
	if err := answers(address); err != nil {
		said, _ := os.ReadFile(log.Name())
		return "", errors.Join(fmt.Errorf("%w\n%s", err, said), alive.Close())
	}
	go hold(alive)
	return address, nil
}

// hold keeps the pipe open until the process ends.
func hold(alive io.Closer) {
	defer alive.Close()
	select {}
}

// initialise makes the files of the server. Where it can, it orders texts as
// people do, so that a query that forgot to say how shows.
func initialise(bin, dir string, as func(*exec.Cmd)) error {
	var said []byte
	var err error
	for _, locale := range [][]string{{"--locale=C", "--locale-provider=icu", "--icu-locale=en-GB"}, {"--locale=C"}} {
		data := filepath.Join(dir, "data")
		c := exec.Command(filepath.Join(bin, "initdb"), append([]string{"-D", data, "-U", "chaperone", "-A", "trust", "-N", "-E", "UTF8"}, locale...)...)
		c.Dir = dir
		as(c)
		if said, err = c.CombinedOutput(); err == nil {
			rules := "local all " + Guarded + " scram-sha-256\nlocal all all trust\n"
			return os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(rules), 0o600)
		}
		if err := os.RemoveAll(data); err != nil {
			return err
		}
	}
	return fmt.Errorf("initdb: %w\n%s", err, said)
}

// answers waits until the server answers.
func answers(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		c, err := pgx.Connect(ctx, address)
		if err == nil {
			_, err = c.Exec(ctx, "CREATE ROLE "+Guarded+" LOGIN PASSWORD '"+Guarded+"'")
			return errors.Join(err, c.Close(ctx))
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the started PostgreSQL does not answer: %w", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// account lets commands run as somebody who is not root, as PostgreSQL asks.
func account(dir string) (func(*exec.Cmd), error) {
	if os.Geteuid() != 0 {
		return func(*exec.Cmd) {}, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", errNone, err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	return func(c *exec.Cmd) { become(c, uint32(uid), uint32(gid)) }, os.Chown(dir, uid, gid)
}
