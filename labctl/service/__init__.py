"""The bench as a service: carries out requests and tells what happens; the desktop is one client of it."""
