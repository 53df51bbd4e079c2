package store

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"chaperone/internal/chat"
	"chaperone/internal/store/storetest"
)

func TestOnPostgreSQL(t *testing.T) { storetest.OnPostgreSQL(t) }

// openAt opens a store on a database, and closes it with the test.
func openAt(t *testing.T, dir, address string) *Store {
	t.Helper()
	s, err := OpenOn(t.Context(), dir, dir+".key", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// A database that cannot be had is told apart by why, and no reason tells the
// password.
func TestDatabasesThatAreRefusedAreToldApart(t *testing.T) {
	address := storetest.Postgres(t)
	dir := filepath.Join(t.TempDir(), "data")
	if err := openAt(t, dir, address).Close(); err != nil {
		t.Fatal(err)
	}
	change := func(to func(*url.URL, url.Values)) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		to(u, q)
		u.RawQuery = q.Encode()
		return u.String()
	}
	foreign := storetest.Postgres(t)
	storetest.Exec(t, foreign, "CREATE TABLE invoices (n BIGINT)")
	fresh := func() string { return filepath.Join(t.TempDir(), "new") }
	inFile := fresh()
	if s, err := Open(t.Context(), inFile, inFile+".key"); err != nil {
		t.Fatal(err)
	} else if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, dir, address string
		want               error
		says               string
	}{
		{"no address", fresh(), "postgres://%zz:topsecret@", nil, "is not understood"},
		{"wrong password", fresh(), change(func(u *url.URL, _ url.Values) { u.User = url.UserPassword(storetest.Guarded, "topsecret") }), nil, "does not let the user guarded in"},
		{"nobody answers", fresh(), change(func(u *url.URL, q url.Values) { u.User = url.UserPassword("x", "topsecret"); q.Set("host", "/nowhere") }), nil, "cannot be reached"},
		{"no such database", fresh(), change(func(u *url.URL, _ url.Values) { u.Path = "/nothere" }), nil, "make it with createdb"},
		{"no such schema", fresh(), change(func(_ *url.URL, q url.Values) { q.Set("search_path", "nothere") }), nil, "has no schema"},
		{"something else's database", fresh(), foreign, ErrForeign, "not Chaperone's"},
		{"another folder's database", fresh(), address, ErrForeign, "belongs to another data folder"},
		{"an empty database for a used folder", dir, storetest.Postgres(t), ErrDamaged, "is empty"},
		{"a folder with a file of its own", inFile, storetest.Postgres(t), ErrForeign, "live in a file"},
		{"no database for a folder that has one", dir, "", ErrForeign, "live in a PostgreSQL database"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if os.Getenv("CHAPERONE_POSTGRES") != "" && c.name == "wrong password" {
				t.Skip("skipped: whom the named server lets in is its own affair")
			}
			s, err := OpenOn(t.Context(), c.dir, c.dir+".key", c.address)
			if err == nil {
				s.Close()
				t.Fatal("it was opened")
			}
			if c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %v that says %q", err, c.want, c.says)
			}
			if strings.Contains(err.Error(), "topsecret") {
				t.Error("the reason tells the password")
			}
		})
	}
	openAt(t, dir, address) // none of that harmed it
}

// One process at a time has a database, also from a copy of the folder.
func TestOneProcessHasADatabase(t *testing.T) {
	address := storetest.Postgres(t)
	dir := filepath.Join(t.TempDir(), "data")
	first := openAt(t, dir, address)
	copied := dir + "-copy"
	key, err := os.ReadFile(dir + ".key")
	if err = errors.Join(err, os.CopyFS(copied, os.DirFS(dir)), os.WriteFile(copied+".key", key, 0o600)); err != nil {
		t.Fatal(err)
	}
	if s, err := OpenOn(t.Context(), copied, dir+".key", address); !errors.Is(err, ErrInUse) {
		if err == nil {
			s.Close()
		}
		t.Fatalf("the second got %v, want %v", err, ErrInUse)
	}

	// Its connection is lost: it claims the database again before it writes.
	cut(t, first, address)
	if err := receiveUntil(t, first, "m1"); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, first); len(got) != 1 {
		t.Fatalf("%d events are stored, want 1", len(got))
	}

	// Another one came in between: the first is out for good.
	cut(t, first, address)
	second := openAt(t, copied, address)
	if err := first.Receive(t.Context(), noon, []chat.Event{posted("m2", "x")}); err == nil {
		t.Error("the first wrote although the second has the database")
	}
	if err := second.Receive(t.Context(), noon, []chat.Event{posted("m3", "x")}); err != nil {
		t.Error(err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Receive(t.Context(), noon, []chat.Event{posted("m4", "x")}); !errors.Is(err, ErrInUse) {
		t.Errorf("after the second has gone the first got %v, want %v", err, ErrInUse)
	}
	select {
	case <-first.Ousted():
	default:
		t.Error("the first does not know that it is out")
	}
}

// cut breaks the writer's connection, as a network would.
func cut(t *testing.T, s *Store, address string) {
	t.Helper()
	var pid string
	if err := s.write.conn.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	storetest.Exec(t, address, "SELECT pg_terminate_backend("+pid+", 30000)")
}

// receiveUntil delivers as a platform does: again where it was refused.
func receiveUntil(t *testing.T, s *Store, key string) (err error) {
	for range 3 {
		if err = s.Receive(t.Context(), noon, []chat.Event{posted(key, "x")}); err == nil {
			return nil
		}
	}
	return err
}

// A connection that is lost in the middle of a batch fails the batch, and
// nothing of it is stored.
func TestALostConnectionFailsItsBatch(t *testing.T) {
	address := storetest.Postgres(t)
	s := openAt(t, filepath.Join(t.TempDir(), "data"), address)
	var pid int
	if err := s.write.conn.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	err := s.write.do(t.Context(), func(x *tx) error {
		if err := x.receive(noon, &[]chat.Event{posted("m1", "x")}[0]); err != nil {
			return err
		}
		storetest.Exec(t, address, "SELECT pg_terminate_backend("+strconv.Itoa(pid)+", 30000)")
		return nil
	})
	if err == nil {
		t.Error("a batch was said to be stored whose connection was lost")
	}
	if err := s.Receive(t.Context(), noon, []chat.Event{posted("m2", "y")}); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, s); len(got) != 1 || got[0] != "y" {
		t.Errorf("stored are %q, want only what came after the loss", got)
	}
}

// An interrupted making begins again on the database that it took.
func TestAnInterruptedMakingOnAServerBeginsAgain(t *testing.T) {
	address := storetest.Postgres(t)
	dir := filepath.Join(t.TempDir(), "data")
	s := openAt(t, dir, address)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.home.id.Ready = false // killed just before the end
	if err := s.home.writeIdentity(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir, address)
	if err := s.Receive(t.Context(), noon, []chat.Event{posted("m1", "x")}); err != nil {
		t.Fatal(err)
	}
}

// A statement that failed must not make the commit of the others a silent
// nothing.
func TestACommitThatRolledBackIsAnError(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "data"), storetest.Postgres(t))
	ctx := t.Context()
	for _, query := range []string{"BEGIN", "INSERT INTO ring VALUES (7)"} {
		if _, err := s.write.conn.ExecContext(ctx, query); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.write.conn.ExecContext(ctx, "SELECT 1 / 0"); err == nil {
		t.Fatal("dividing by zero succeeded")
	}
	if _, err := s.write.conn.ExecContext(ctx, "COMMIT"); err == nil {
		t.Error("the commit was said to have succeeded")
	}
}

// Both databases have the same tables and columns.
func TestBothDatabasesHaveTheSameTables(t *testing.T) {
	address := storetest.Postgres(t)
	dir := filepath.Join(t.TempDir(), "data")
	columns := func(s *Store, query string) map[string]bool {
		rows, err := s.read.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		names, err := collect(rows, func(v *string) []any { return []any{v} })
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]bool{}
		for _, n := range names {
			out[n] = true
		}
		return out
	}
	lite := columns(openRows(t, dir+"-lite", file{}), "SELECT m.name || '.' || c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'goose%' AND m.name NOT LIKE 'sqlite%'")
	post := columns(openAt(t, dir, address), "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name NOT LIKE 'goose%' AND table_name NOT IN ('belongs', 'gate')")
	for n := range lite {
		if !post[n] {
			t.Errorf("PostgreSQL lacks %s: write its migration", n)
		}
	}
	for n := range post {
		if !lite[n] {
			t.Errorf("SQLite lacks %s: write its migration", n)
		}
	}
}

func TestQueriesAreTranslated(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT 1":                              "SELECT 1",
		"a = ? AND b = '?' AND c = ?":           "a = $1 AND b = '?' AND c = $2",
		"p.body ->> 'Run' = ?":                  "p.body::json ->> 'Run' = $1",
		"x IN (SELECT value FROM json_each(?))": "x IN (SELECT value FROM json_array_elements_text($1))",
	} {
		if got := translate(query); got != want {
			t.Errorf("%q became %q, want %q", query, got, want)
		}
	}
}
