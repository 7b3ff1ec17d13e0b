"""The pages of the calibration panel, a file each."""
