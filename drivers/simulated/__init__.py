"""Files of simulated instruments for pyvisa-sim, one for each of our drivers that has something to simulate."""
