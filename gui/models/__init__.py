"""What the panels show, without Qt: from messages to rows, words and curves."""
