"""The application on the bench of a group that computes on analog processor boards."""
