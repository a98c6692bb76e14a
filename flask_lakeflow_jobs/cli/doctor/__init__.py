"""``flask jobs doctor``: check the app and its surroundings, and suggest fixes."""
