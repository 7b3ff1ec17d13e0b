"""The PyQt6 desktop, a client of the engine."""
