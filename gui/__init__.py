"""The desktop at the bench: a PyQt6 window that is a client of the bench service."""
