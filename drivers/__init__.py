"""Links, instruments, the analog board and its emulator."""
