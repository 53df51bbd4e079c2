package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"chaperone/internal/chat"
)

// server is a database on a PostgreSQL server.
type server struct {
	config *pgx.ConnConfig
	where  string // the database, without a password
	term   int64  // which opening of the database this is; 0: not yet claimed
	alone  bool   // the lock that keeps others out is taken; tests open without
}

// How long is waited: for the lock of a process that has ended and whose
// connection the server has not noticed to be gone; for a connection; and for
// a commit.
const (
	lockWithin    = 3 * time.Second
	connectWithin = 10 * time.Second
	commitWithin  = time.Minute
)

// newServer reads an address. Where it does not say how, a server on another
// machine is reached by TLS or not at all.
func newServer(address string) (*server, error) {
	c, err := pgx.ParseConfig(address)
	if err != nil { // whose words may hold a part of the password
		return nil, errors.New("the database's address is not understood: write postgres://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full")
	}
	if !strings.Contains(address, "sslmode") && os.Getenv("PGSSLMODE") == "" && !local(c.Host) {
		c.Fallbacks = nil // the first try is by TLS
	}
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, connectWithin)
	for name, value := range map[string]string{
		"application_name": "chaperone", "timezone": "UTC", "client_encoding": "UTF8",
		"synchronous_commit":            "on", // stored before acknowledged (DESIGN invariant 1), whatever the server's habit
		"default_transaction_isolation": "read committed",
	} {
		c.RuntimeParams[name] = value
	}
	return &server{config: c, where: fmt.Sprintf("%s on %s", c.Database, c.Host), alone: true}, nil
}

// local reports whether a host is this machine.
func local(host string) bool {
	ip := net.ParseIP(host)
	return strings.HasPrefix(host, "/") || host == "localhost" || ip != nil && ip.IsLoopback()
}

func (s *server) dialect() dialect {
	return dialect{
		goose: goose.DialectPostgres, folder: "migrations/postgres", begin: "BEGIN",
		gate: "SELECT one FROM gate FOR UPDATE", within: commitWithin,
	}
}

func (s *server) prepare(h *home) error {
	switch {
	case !h.fresh && h.id.Database == "":
		return refusal{ErrForeign, "the rows of the data folder " + h.dir + " live in a file of its own, and are not moved to a server. Choose another folder with --data, or leave out the database"}
	case !h.fresh:
		return h.present()
	case h.id.Database == "":
		h.id.Database = rand.Text()
	}
	return errors.Join(h.writeIdentity(), h.clear())
}

func (s *server) open(*home) (*sql.DB, error) {
	return sql.OpenDB(connector{stdlib.GetConnector(*s.config)}), nil
}

// beside has nothing to do: the server looks after its own files.
func (*server) beside(_ *sql.DB, quit <-chan struct{}) { <-quit }

// claim takes the lock that one process at a time holds, for as long as its
// connection lives: what is written goes over that connection, so a process that
// lost it writes no more. A second process that wrote in between has counted
// the term up, and the first is out for good.
func (s *server) claim(ctx context.Context, h *home, db *sql.DB) (*sql.Conn, error) {
	db.SetMaxIdleConns(-1) // a connection that is let go of ends, and with it the lock
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, s.explain(err)
	}
	if err := s.own(ctx, h, c); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (s *server) own(ctx context.Context, h *home, c *sql.Conn) error {
	if err := s.reach(ctx, c); err != nil {
		return err
	}
	if !s.alone {
		return s.begin(ctx, h, c)
	}
	got, err := s.lock(ctx, c)
	switch {
	case err != nil:
		return err
	case got && s.term == 0:
		return s.begin(ctx, h, c)
	case s.term == 0:
		return s.inUse()
	}
	var term int64
	if err := c.QueryRowContext(ctx, "SELECT term FROM belongs").Scan(&term); err != nil {
		return err
	}
	switch {
	case term != s.term:
		return s.inUse()
	case !got: // by our own lost connection, which the server still takes for alive
		return fmt.Errorf("the database %s is still locked by a connection that was lost: it is tried again", s.where)
	}
	return nil
}

// reach says in words why a database cannot be had.
func (s *server) reach(ctx context.Context, c *sql.Conn) error {
	var encoding string
	var schema sql.NullString
	var standby bool
	err := c.QueryRowContext(ctx, "SELECT current_setting('server_encoding'), current_schema(), pg_is_in_recovery()").Scan(&encoding, &schema, &standby)
	switch {
	case err != nil:
		return s.explain(err)
	case encoding != "UTF8":
		return fmt.Errorf("the database %s keeps texts as %s: make one with ENCODING 'UTF8' TEMPLATE template0", s.where, encoding)
	case !schema.Valid:
		return fmt.Errorf("the database %s has no schema that its user may use: make one, or set search_path in its address", s.where)
	case standby:
		return fmt.Errorf("the database %s is a standby and cannot be written to: name the primary", s.where)
	}
	return nil
}

// lock waits a while for the lock, and tells whether it was got.
func (s *server) lock(ctx context.Context, c *sql.Conn) (got bool, err error) {
	for until := time.Now().Add(lockWithin); ; {
		err = c.QueryRowContext(ctx, "SELECT pg_try_advisory_lock(hashtextextended('chaperone ' || current_schema(), 0))").Scan(&got)
		if err != nil || got || time.Now().After(until) {
			return got, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *server) inUse() error {
	return refusal{ErrInUse, "the database " + s.where + " is in use by another Chaperone. Stop that one, or name another database"}
}

// begin sees that the database and the folder belong together, and begins a
// new term. A new folder takes an empty database, or the one that its
// interrupted making took.
func (s *server) begin(ctx context.Context, h *home, c *sql.Conn) error {
	var tables, ours int
	err := c.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE tablename = 'belongs') FROM pg_catalog.pg_tables WHERE schemaname = current_schema()`).Scan(&tables, &ours)
	switch {
	case err != nil:
		return err
	case tables == 0 && !h.fresh:
		return fmt.Errorf("%w: the database %s is empty, and the data folder %s has been used with one. Name that one, or restore it from a backup", ErrDamaged, s.where, h.dir)
	case tables > 0 && ours == 0:
		return refusal{ErrForeign, "the database " + s.where + " holds something that is not Chaperone's. Name an empty one; nothing was changed"}
	case tables == 0:
		_, err := c.ExecContext(ctx, `CREATE TABLE belongs (one BIGINT PRIMARY KEY CHECK (one = 1), name TEXT COLLATE "C" NOT NULL, fingerprint TEXT COLLATE "C" NOT NULL, term BIGINT NOT NULL);
			INSERT INTO belongs VALUES (1, '`+h.id.Database+`', '`+h.id.Fingerprint+`', 0)`) // both are letters and digits, and two statements take no parameters
		if err != nil {
			return s.explain(err)
		}
	}
	err = c.QueryRowContext(ctx, "UPDATE belongs SET term = term + 1 WHERE name = ? AND fingerprint = ? RETURNING term", h.id.Database, h.id.Fingerprint).Scan(&s.term)
	if errors.Is(err, sql.ErrNoRows) {
		return refusal{ErrForeign, "the database " + s.where + " belongs to another data folder than " + h.dir + ". Name the folder and the database that go together; nothing was changed"}
	}
	return err
}

// explain puts the reasons that an administrator meets into words. pgx's own
// name the user and the host, and never the password.
func (s *server) explain(err error) error {
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case errors.As(err, &pg) && strings.HasPrefix(pg.Code, "28"):
		return fmt.Errorf("the database %s does not let the user %s in: look at the password and the server's pg_hba.conf (%s)", s.where, s.config.User, pg.Message)
	case errors.As(err, &pg) && pg.Code == "3D000":
		return fmt.Errorf("the database %s is not there: make it with createdb", s.where)
	case errors.As(err, &pg) && pg.Code == "42501":
		return fmt.Errorf("the user %s may not make tables in the database %s: grant CREATE on its schema (%s)", s.config.User, s.where, pg.Message)
	case errors.As(err, &connect):
		return fmt.Errorf("the database %s cannot be reached: %w", s.where, connect.Unwrap())
	}
	return fmt.Errorf("the database %s: %w", s.where, err)
}

// Looked is what is known of a database that nobody opened.
type Looked struct {
	Where     string
	Encrypted bool // on the way there, or it does not leave this machine
}

// Look reaches a database without changing anything there.
func Look(ctx context.Context, address string) (Looked, error) {
	s, err := newServer(address)
	if err != nil {
		return Looked{}, err
	}
	db, err := s.open(nil)
	if err != nil {
		return Looked{}, err
	}
	defer db.Close()
	c, err := db.Conn(ctx)
	if err != nil {
		return Looked{}, s.explain(err)
	}
	defer c.Close()
	if err := s.reach(ctx, c); err != nil {
		return Looked{}, err
	}
	var version string
	var tls bool
	err = c.QueryRowContext(ctx, "SELECT current_setting('server_version'), coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)").Scan(&version, &tls)
	return Looked{fmt.Sprintf("the database %s (PostgreSQL %s)", s.where, version), tls || local(s.config.Host)}, err
}

// connector makes connections that take the SQL of this package.
type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	made, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return session{made.(*stdlib.Conn)}, nil
}

// session is one connection to the server.
type session struct{ *stdlib.Conn }

func (s session) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	return s.Conn.PrepareContext(ctx, translate(query))
}

func (s session) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return s.Conn.QueryContext(ctx, translate(query), args)
}

func (s session) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if query != "COMMIT" {
		return s.Conn.ExecContext(ctx, translate(query), args)
	}
	tag, err := s.Conn.Conn().Exec(ctx, query)
	if err == nil && tag.String() != "COMMIT" { // the server answers so where a statement had failed
		err = errors.New("the transaction was rolled back")
	}
	return driver.ResultNoRows, err
}

// CheckNamedValue fits values to columns: booleans are numbers in our tables, and a text
// may hold neither NUL nor what is no UTF-8. Ids come escaped already
// (chat.Escape); whatever else does not is not lost for it.
func (s session) CheckNamedValue(v *driver.NamedValue) error {
	switch x := v.Value.(type) {
	case bool:
		v.Value = truth(x)
	case []byte:
		if x == nil { // which SQLite's driver takes for an empty one too
			v.Value = []byte{}
		}
	case string:
		if !utf8.ValidString(x) || strings.Contains(x, "\x00") {
			v.Value = chat.Escape(x)
		}
	}
	return nil
}

// truth is a boolean that fits columns of numbers too.
type truth bool

// BoolValue implements pgtype.BoolValuer.
func (t truth) BoolValue() (pgtype.Bool, error) { return pgtype.Bool{Bool: bool(t), Valid: true}, nil }

// Int64Value implements pgtype.Int64Valuer.
func (t truth) Int64Value() (pgtype.Int8, error) {
	n := pgtype.Int8{Valid: true}
	if t {
		n.Int64 = 1
	}
	return n, nil
}

// translate puts the SQL of this package, which is SQLite's, into PostgreSQL's:
// parameters have numbers, a list of strings is a table by another name, and a
// text is made JSON before something is taken out of it.
func translate(query string) string {
	query = strings.ReplaceAll(query, "json_each(", "json_array_elements_text(")
	query = strings.ReplaceAll(query, " ->> ", "::json ->> ")
	var b strings.Builder
	n, quoted := 0, false
	for i := range len(query) {
		switch c := query[i]; {
		case c == '\'':
			quoted = !quoted
			b.WriteByte(c)
		case c == '?' && !quoted:
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

var (
	_ driver.SessionResetter   = session{}
	_ driver.NamedValueChecker = session{}
	_ driver.ConnBeginTx       = session{}
)
