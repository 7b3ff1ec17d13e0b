"""labctl puts itself to the test on this computer: emulated boards, links that misbehave, and a strict judge."""
