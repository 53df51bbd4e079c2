package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/audit"
)

const accountColumns = "SELECT id, name, role, issuer, subject, made, removed FROM accounts "

func scanAccount(scan func(...any) error) (access.Account, error) {
	var a access.Account
	var made, removed int64
	err := scan(&a.ID, &a.Name, &a.Role, &a.Issuer, &a.Subject, &made, &removed)
	if errors.Is(err, sql.ErrNoRows) {
		return access.Account{}, access.ErrNoAccount
	}
	a.Made, a.Removed = fromMillis(made), fromMillis(removed)
	return a, err
}

// Accounts lists everybody who can sign in or could.
func (s *Store) Accounts(ctx context.Context) ([]access.Account, error) {
	rows, err := s.query(ctx, accountColumns+"ORDER BY folded")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []access.Account
	for rows.Next() {
		a, err := scanAccount(rows.Scan)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, rows.Err()
}

// Account reads one account; access.ErrNoAccount where there is none.
func (s *Store) Account(ctx context.Context, id string) (access.Account, error) {
	return scanAccount(func(into ...any) error {
		return s.queryOne(ctx, accountColumns+"WHERE id = ?", []any{id}, into...)
	})
}

func (t *tx) account(where string, args ...any) (access.Account, error) {
	return scanAccount(func(into ...any) error { return t.row(accountColumns+where, args, into...) })
}

// Passkeys lists the passkeys of an account, the oldest first.
func (s *Store) Passkeys(ctx context.Context, account string) ([]access.Passkey, error) {
	rows, err := s.query(ctx, "SELECT id, body, made, used FROM passkeys WHERE account = ? ORDER BY made, id", account)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []access.Passkey
	for rows.Next() {
		var k access.Passkey
		var made, used int64
		if err := rows.Scan(&k.ID, &k.Body, &made, &used); err != nil {
			return nil, err
		}
		k.Made, k.Used = fromMillis(made), fromMillis(used)
		out = append(out, k)
	}
	return out, rows.Err()
}

// AddLink stores a link by the digest of its secret. An earlier link for the
// same name stops working.
func (s *Store) AddLink(ctx context.Context, by string, digest []byte, l access.Link) error {
	return s.write.do(ctx, func(t *tx) error {
		folded := access.Fold(l.Name)
		if err := t.exec("DELETE FROM links WHERE folded = ? OR expires <= ?", folded, millis(l.Made)); err != nil {
			return err
		}
		if err := t.exec("INSERT INTO links (digest, folded, name, role, made, expires) VALUES (?, ?, ?, ?, ?, ?)",
			digest, folded, l.Name, string(l.Role), millis(l.Made), millis(l.Expires)); err != nil {
			return err
		}
		return t.log(l.Made, act{
			by: by, right: "owner", act: audit.Configure, of: audit.OfAccount, what: []string{"link", folded},
			before: "none", after: string(l.Role), ref: "signin-link",
		})
	})
}

// Link reads the link of a secret; access.ErrNoLink where it lets nobody in.
func (s *Store) Link(ctx context.Context, now time.Time, digest []byte) (access.Link, error) {
	return scanLink(now, func(into ...any) error {
		return s.queryOne(ctx, linkColumns, []any{digest}, into...)
	})
}

const linkColumns = "SELECT name, role, made, expires FROM links WHERE digest = ?"

func scanLink(now time.Time, scan func(...any) error) (access.Link, error) {
	var l access.Link
	var made, expires int64
	err := scan(&l.Name, &l.Role, &made, &expires)
	if errors.Is(err, sql.ErrNoRows) || (err == nil && millis(now) >= expires) {
		return access.Link{}, access.ErrNoLink
	}
	l.Made, l.Expires = fromMillis(made), fromMillis(expires)
	return l, err
}

// Join uses a link up: it makes the account, or gives the one of that name and
// number another passkey and the link's role.
func (s *Store) Join(ctx context.Context, now time.Time, digest []byte, want access.Account, key access.Passkey) (a access.Account, err error) {
	err = s.write.do(ctx, func(t *tx) error {
		l, err := scanLink(now, func(into ...any) error { return t.row(linkColumns, []any{digest}, into...) })
		if err != nil {
			return err
		}
		if err := t.exec("DELETE FROM links WHERE digest = ?", digest); err != nil {
			return err
		}
		a = want
		a.Role, a.Made, a.Removed = l.Role, now, time.Time{}
		before, err := t.account("WHERE folded = ?", access.Fold(want.Name))
		switch {
		case errors.Is(err, access.ErrNoAccount):
			err = t.makeAccount(now, a)
		case err == nil && before.ID != want.ID: // whoever says a name themselves cannot take another's
			return access.ErrNameTaken
		case err == nil:
			a.Name, a.Issuer, a.Subject, a.Made = before.Name, before.Issuer, before.Subject, before.Made
			err = t.changeAccount(now, before, a, "link")
		}
		if err != nil {
			return err
		}
		return t.addPasskey(now, a, key)
	})
	return a, err
}

func (t *tx) makeAccount(now time.Time, a access.Account) error {
	if err := t.exec("INSERT INTO accounts (id, name, folded, role, issuer, subject, made) VALUES (?, ?, ?, ?, ?, ?, ?)",
		a.ID, a.Name, access.Fold(a.Name), string(a.Role), a.Issuer, a.Subject, millis(a.Made)); err != nil {
		return err
	}
	return t.log(now, accountAct(a, a.Name, "none", string(a.Role), "made"))
}

// changeAccount stores a role that changed or an account that is let in again.
func (t *tx) changeAccount(now time.Time, before, after access.Account, why string) error {
	was := string(before.Role)
	if !before.Removed.IsZero() {
		was = "removed"
	}
	if was == string(after.Role) {
		return nil
	}
	if err := t.exec("UPDATE accounts SET role = ?, removed = 0 WHERE id = ?", string(after.Role), after.ID); err != nil {
		return err
	}
	return t.log(now, accountAct(after, after.Name, was, string(after.Role), why))
}

func accountAct(a access.Account, by, before, after, ref string) act {
	return act{
		by: by, right: "role:" + string(a.Role), act: audit.Configure, of: audit.OfAccount, what: []string{a.ID},
		before: before, after: after, ref: ref,
	}
}

// AddPasskey gives an account another passkey.
func (s *Store) AddPasskey(ctx context.Context, now time.Time, account string, key access.Passkey) error {
	return s.write.do(ctx, func(t *tx) error {
		a, err := t.account("WHERE id = ? AND removed = 0", account)
		if err != nil {
			return err
		}
		return t.addPasskey(now, a, key)
	})
}

func (t *tx) addPasskey(now time.Time, a access.Account, key access.Passkey) error {
	if err := t.exec("INSERT INTO passkeys (id, account, body, made) VALUES (?, ?, ?, ?)", key.ID, a.ID, key.Body, millis(now)); err != nil {
		return fmt.Errorf("the passkey cannot be stored: %w", err)
	}
	return t.log(now, accountAct(a, a.Name, "none", "passkey", "passkey-added"))
}

// DropPasskey takes a passkey from an account, but never its last one.
func (s *Store) DropPasskey(ctx context.Context, now time.Time, account string, id []byte) error {
	return s.write.do(ctx, func(t *tx) error {
		a, err := t.account("WHERE id = ?", account)
		if err != nil {
			return err
		}
		var mine, all int64
		if err := t.row("SELECT count(*) FROM passkeys WHERE account = ?", []any{account}, &all); err != nil {
			return err
		}
		if err := t.row("SELECT count(*) FROM passkeys WHERE account = ? AND id = ?", []any{account, id}, &mine); err != nil {
			return err
		}
		switch {
		case mine == 0:
			return access.ErrNoPasskey
		case all == 1 && a.Subject == "":
			return access.ErrLastPasskey
		}
		if err := t.exec("DELETE FROM passkeys WHERE account = ? AND id = ?", account, id); err != nil {
			return err
		}
		return t.log(now, accountAct(a, a.Name, "passkey", "none", "passkey-removed"))
	})
}

// FromProvider finds the account of somebody whom the organisation's sign-in
// vouches for, with the role that it gives them now. It makes one at the first
// time, with want.Name, or with namesake where somebody else whom it vouches for
// has that name. A name that somebody has without it is taken: one person would
// count as two. A removed account stays removed.
func (s *Store) FromProvider(ctx context.Context, now time.Time, want access.Account, namesake string) (a access.Account, err error) {
	err = s.write.do(ctx, func(t *tx) error {
		before, err := t.account("WHERE issuer = ? AND subject = ?", want.Issuer, want.Subject)
		if errors.Is(err, access.ErrNoAccount) {
			a = want
			a.Made = now
			if a.Name, err = t.freeName(want.Name, namesake); err != nil {
				return err
			}
			return t.makeAccount(now, a)
		} else if err != nil {
			return err
		}
		if !before.Removed.IsZero() {
			return access.ErrRemoved
		}
		a = before
		a.Role = want.Role
		return t.changeAccount(now, before, a, "provider")
	})
	return a, err
}

// freeName gives the name of a new account of the organisation's sign-in.
func (t *tx) freeName(names ...string) (string, error) {
	for _, name := range names {
		switch other, err := t.account("WHERE folded = ?", access.Fold(name)); {
		case errors.Is(err, access.ErrNoAccount):
			return name, nil
		case err != nil:
			return "", err
		case other.Subject == "" && !other.Removed.IsZero():
			return "", access.ErrRemoved
		case other.Subject == "":
			return "", access.ErrNameTaken
		}
	}
	return "", access.ErrNameTaken
}

// SignedIn logs that somebody has signed in. How is a word; a passkey that was
// used is stored as it is now.
func (s *Store) SignedIn(ctx context.Context, now time.Time, a access.Account, how string, key *access.Passkey) error {
	return s.write.do(ctx, func(t *tx) error {
		if _, err := t.account("WHERE id = ? AND removed = 0", a.ID); err != nil {
			return err
		}
		if key != nil {
			if err := t.exec("UPDATE passkeys SET body = ?, used = ? WHERE id = ? AND account = ?", key.Body, millis(now), key.ID, a.ID); err != nil {
				return err
			}
		}
		return t.log(now, act{
			by: a.Name, right: "role:" + string(a.Role), act: audit.SignIn, of: audit.OfAccount, what: []string{a.ID},
			before: "signed-out", after: "signed-in", ref: how,
		})
	})
}

// NotSignedIn logs that somebody was not let in. Account is empty where nobody
// knows whose it would have been; why is a word.
func (s *Store) NotSignedIn(ctx context.Context, now time.Time, account, why string) error {
	return s.write.do(ctx, func(t *tx) error {
		return t.log(now, act{
			by: "chaperone:console", right: "sign-in", act: audit.Refuse, of: audit.OfAccount, what: []string{account},
			before: "signed-out", after: "signed-out", ref: why,
		})
	})
}

// RemoveAccount lets somebody in no more: their passkeys, open links and
// sessions end with it. What they did stays under their name.
func (s *Store) RemoveAccount(ctx context.Context, now time.Time, by, id string) (a access.Account, err error) {
	err = s.write.do(ctx, func(t *tx) error {
		if a, err = t.account("WHERE id = ?", id); err != nil {
			return err
		}
		if !a.Removed.IsZero() {
			return access.ErrRemoved
		}
		a.Removed = now
		if err := errors.Join(
			t.exec("UPDATE accounts SET removed = ? WHERE id = ?", millis(now), id),
			t.exec("DELETE FROM passkeys WHERE account = ?", id),
			t.exec("DELETE FROM links WHERE folded = ?", access.Fold(a.Name)),
			t.exec("DELETE FROM sessions WHERE account = ?", id),
		); err != nil {
			return err
		}
		x := accountAct(a, by, string(a.Role), "removed", "removed")
		x.right = "owner"
		return t.log(now, x)
	})
	return a, err
}

// Session reads a session by the digest of its token; nil where there is none.
func (s *Store) Session(ctx context.Context, now time.Time, token string) ([]byte, error) {
	var body []byte
	var expires int64
	err := s.queryOne(ctx, "SELECT body, expires FROM sessions WHERE token = ?", []any{token}, &body, &expires)
	if errors.Is(err, sql.ErrNoRows) || (err == nil && millis(now) >= expires) {
		return nil, nil
	}
	return body, err
}

// AddSession stores a new session. One of an account that was removed meanwhile
// is not stored.
func (s *Store) AddSession(ctx context.Context, now time.Time, token, account string, body []byte, expires time.Time) error {
	return s.write.do(ctx, func(t *tx) error {
		if account != "" {
			if _, err := t.account("WHERE id = ? AND removed = 0", account); err != nil {
				return err
			}
		}
		if err := t.exec("DELETE FROM sessions WHERE expires <= ?", millis(now)); err != nil {
			return err
		}
		return t.exec("INSERT INTO sessions (token, account, body, expires) VALUES (?, ?, ?, ?)", token, account, body, millis(expires))
	})
}

// KeepSession stores a session as it is now. One that was ended meanwhile stays
// ended.
func (s *Store) KeepSession(ctx context.Context, token, account string, body []byte, expires time.Time) error {
	return s.write.do(ctx, func(t *tx) error {
		return t.exec("UPDATE sessions SET body = ?, expires = ? WHERE token = ? AND account = ?", body, millis(expires), token, account)
	})
}

// DropSession ends a session.
func (s *Store) DropSession(ctx context.Context, token string) error {
	return s.write.do(ctx, func(t *tx) error { return t.exec("DELETE FROM sessions WHERE token = ?", token) })
}

// DropSessions ends every session of an account.
func (s *Store) DropSessions(ctx context.Context, account string) error {
	return s.write.do(ctx, func(t *tx) error { return t.exec("DELETE FROM sessions WHERE account = ?", account) })
}
