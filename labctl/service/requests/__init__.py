"""What can be asked of a bench service, by subject."""
