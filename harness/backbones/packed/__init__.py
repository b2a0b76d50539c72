"""Training and encoding on packed windows, for every backbone whose state at a place ignores all later places."""
