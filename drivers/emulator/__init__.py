"""A process that behaves like a board at the wire; its physics shares nothing with the models fitted to it."""
