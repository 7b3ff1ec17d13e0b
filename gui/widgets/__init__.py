"""Small pieces that several panels show."""
