"""The parts of the sweep builder, a file each."""
