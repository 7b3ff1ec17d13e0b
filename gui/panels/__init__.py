"""The panels of the window, a file each."""
