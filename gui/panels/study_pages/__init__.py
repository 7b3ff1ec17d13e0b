"""The pages of the panel of studies, a file each."""
