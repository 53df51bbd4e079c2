package engine

import "context"

// Turn is one turn of the leavers' watch, whether or not one is due.
func (e *Engine) Turn(ctx context.Context) error {
	e.leaving.mu.Lock()
	defer e.leaving.mu.Unlock()
	return e.turn(ctx)
}
