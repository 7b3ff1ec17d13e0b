"""Studies: experiments over many boards, arms and seeds."""
